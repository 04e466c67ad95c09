"""Our sequences written as upstream's segments: each text with its ids and pieces, each run of vectors."""

import re
from collections.abc import Sequence
from typing import Any

from parity.subject import Subject

from emolightning.models.emotion_llama.inputs import STREAMS
from emolightning.models.emotion_llama.layouts import context_pieces
from emolightning.prompt.sequence import Control, Piece, Stream
from emolightning.records.clips import Example

VECTORS = {"face": "FaceMAE", "motion": "VideoMAE", "speech": "Audio", "class_token": "EVA_CLS"}
"""Our stream -> the record's word for its vector."""


def train_layout(subject: Subject, example: Example, answer: str) -> list[dict[str, Any]]:
    """Segments of the training sequence, the answer included."""
    segments: list[dict[str, Any]] = []
    pieces = _pieces(example, "train")
    features = [piece.name for piece in pieces if isinstance(piece, Stream) and piece.name != "image"]
    for piece in pieces:
        if isinstance(piece, Control):
            segments.append({"type": "bos", "ids": subject.tokenizer.special_ids(piece.text)})
        elif isinstance(piece, str):
            segments.append(text_segment(subject, piece, add_bos=False))
        elif piece.name == "image":
            segments.append({"type": "visual", "n": subject.model.image_tokens})
        elif piece.name == features[0]:
            segments.append({"type": "features", "n": len(features), "order": [VECTORS[name] for name in features]})
    end = subject.tokenizer.hugging_face.eos_token
    return [*segments, text_segment(subject, answer + end, add_bos=False) | {"target": True}]


def generation_layout(subject: Subject, example: Example, layout: str) -> list[dict[str, Any]]:
    """Segments of a context for generation: everything between two runs of vectors is one text."""
    (bos, *first), second = _around_vectors(_pieces(example, layout))
    assert isinstance(bos, Control)  # The tokenizer adds it, so it does not stand in the text.
    num_tokens = subject.model.image_tokens + len(VECTORS)
    order = ", ".join([f"{subject.model.image_tokens} visual", *VECTORS.values()])
    return [
        text_segment(subject, _text(first), add_bos=True),
        {"type": "visual+features", "n": num_tokens, "order": order},
        text_segment(subject, _text(second), add_bos=False),
    ]


def text_segment(subject: Subject, text: str, *, add_bos: bool) -> dict[str, Any]:
    """A text with its ids and pieces, special tokens in it counting as such."""
    ids = upstream_ids(subject, text, add_bos=add_bos)
    pieces = subject.tokenizer.hugging_face.convert_ids_to_tokens(ids)
    return {"type": "text", "text": text, "add_special_tokens": add_bos, "ids": ids, "pieces": pieces}


def upstream_ids(subject: Subject, text: str, *, add_bos: bool) -> list[int]:
    """Ids as upstream's tokenizer gives them: it looks for special tokens in every text."""
    tokenizer = subject.tokenizer
    special = tokenizer.hugging_face.all_special_tokens
    parts = re.split(f"({'|'.join(map(re.escape, special))})", text)
    ids = [tokenizer.special_ids(part) if part in special else tokenizer.text_ids(part) for part in parts if part]
    bos = [tokenizer.bos_token_id] if add_bos and tokenizer.bos_token_id is not None else []
    return [*bos, *(number for part in ids for number in part)]


def shown_context(ids: Sequence[int], image_tokens: int) -> list[int | str]:
    """Ids with `V` for each visual token and `F` for each other vector; the visual ones come first."""
    shown: list[int | str] = []
    for number in ids:
        is_visual = number < 0 and shown.count("V") < image_tokens
        shown.append(number if number >= 0 else "V" if is_visual else "F")
    return shown


def _pieces(example: Example, layout: str) -> list[Piece]:
    return context_pieces(example.instruction, example.clip.transcript, STREAMS, task=example.task, layout=layout)


def _around_vectors(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    places = [number for number, piece in enumerate(pieces) if isinstance(piece, Stream)]
    return list(pieces[: places[0]]), list(pieces[places[-1] + 1 :])


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text if isinstance(piece, Control) else str(piece) for piece in pieces)
