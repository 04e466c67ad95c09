"""Checks of the prompt in Llama-2's own vocabulary, as far as they go without its tokenizer file.

The texts and lengths of the segments are ours, recomputed; an id must be the one that its piece has everywhere else.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from parity.comparison import Unchecked
from parity.generation import LAYOUT
from parity.golden import GoldenFolder
from parity.samples import parse
from parity.subject import Subject
from transformers import LlamaConfig

from emolightning.models.emotion_llama.inputs import STREAMS
from emolightning.models.emotion_llama.layouts import context_pieces
from emolightning.models.parts.vision import VisionSettings
from emolightning.prompt.sequence import Control, Piece, Stream

FILE = "llama2_real_token_ids.json"
SPACE = "\u2581"
TOKENIZER = "needs Llama-2's own tokenizer.model"


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `llama2_real_token_ids.json`."""
    recorded = golden.json(FILE)
    known = _ids_of_pieces(recorded)
    parsed = parse(recorded["instruction"])
    if parsed is None:
        raise ValueError(f"instruction {recorded['instruction']!r} is not in upstream's form")
    transcript, task, question = parsed
    about: dict[str, Any] = {name: Unchecked(TOKENIZER) for name in recorded}
    for name, layout in (("train", "train"), ("eval", LAYOUT)):
        pieces = context_pieces(question, transcript, STREAMS, task=task, layout=layout)
        texts = _texts(pieces)
        segments = recorded[f"{name}_segments"]
        about[f"{name}_segments"] = [
            _segment(text, segment, known) for text, segment in zip(texts, segments, strict=True)
        ]
        text_tokens = sum(len(segment["ids"]) for segment in segments)
        bos = int(name == "train")  # In the other layout it is part of the first segment.
        about[f"{name}_context_len"] = bos + text_tokens + VisionSettings().num_tokens + len(STREAMS) - 1
    about["instruction"] = Unchecked("an input: taken apart, and put together again in the segments")
    about["vocab_size"] = LlamaConfig().vocab_size
    about["bracket"] = _by_pieces(recorded["bracket"], recorded, known)
    about["answers_plus_eos"] = {word: _answer(word, recorded, known) for word in recorded["answers_plus_eos"]}
    return {FILE: about}


def _ids_of_pieces(recorded: Mapping[str, Any]) -> dict[str, int]:
    """Piece -> the id that it has most often."""
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for piece, number in _pairs(recorded):
        seen[piece][number] += 1
    return {piece: counts.most_common(1)[0][0] for piece, counts in seen.items()}


def _pairs(recorded: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name in ("pad_token", "bracket"):
        yield from recorded[name].items()
    for name in ("train_segments", "eval_segments"):
        for segment in recorded[name]:
            yield from zip(segment["pieces"], segment["ids"], strict=True)
    for word, ids in recorded["answers_plus_eos"].items():
        if len(ids) == 2:  # A label of one piece, and the end.
            yield SPACE + word, ids[0]


def _segments(recorded: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from recorded["train_segments"]
    yield from recorded["eval_segments"]


def _by_pieces(pieces: Mapping[str, int], recorded: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, Any]:
    """Ids of those pieces that stand in a segment too."""
    seen = {piece for segment in _segments(recorded) for piece in segment["pieces"]}
    return {piece: known[piece] if piece in seen else Unchecked(TOKENIZER) for piece in pieces}


def _answer(word: str, recorded: Mapping[str, Any], known: Mapping[str, int]) -> Any:
    """Ids of a label as the prompt's list of labels has it, and the end."""
    for segment in _segments(recorded):
        pieces = segment["pieces"]
        for start in range(len(pieces)):
            for end in range(start + 1, min(start + 5, len(pieces) + 1)):
                if "".join(pieces[start:end]) == SPACE + word:
                    return [*(known[piece] for piece in pieces[start:end]), LlamaConfig().eos_token_id]
    return Unchecked(TOKENIZER)


def _texts(pieces: list[Piece]) -> list[str]:
    """Upstream's segments: texts between vectors; `<s>` stands in one only where upstream writes it out."""
    texts = [""]
    for piece in pieces:
        if isinstance(piece, Stream):
            texts += [""] if texts[-1] else []
        else:
            texts[-1] += piece.text if isinstance(piece, Control) else piece
    # The first BOS is the tokenizer's own.
    return [texts[0].removeprefix("<s>"), *texts[1:]]


def _segment(text: str, recorded: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, Any]:
    pieces = recorded["pieces"]
    spoken = "".join(piece for piece in pieces if piece != "<s>").replace(SPACE, " ")
    is_whole = spoken == f" {text.removeprefix('<s>')}"
    return {
        "text": text,
        "add_bos": "<s>" in pieces,
        "pieces": pieces if is_whole else ["these pieces are not the text"],
        "ids": [known[piece] for piece in pieces],
    }
