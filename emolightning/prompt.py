"""Clip and instruction -> token ids with placeholders: one function for training, generation and scoring.

The context is a row of pieces, each tokenised on its own because the published weights saw exactly that
(`[INST] <video>`, the visual tokens, `</video> <feature>`, the feature tokens, ...). A placeholder is a negative id,
repeated once for each vector of its stream; `emolightning.model.emotion_llama` puts the vectors there. A transcript is
only ever tokenised as text, so `<VideoHere>` or `</s>` inside it stays plain text.

Layouts: `train` is upstream's training sequence, `upstream_eval` the different one that upstream's `generate` builds
and that the published scores were made with (two BOS, features inside `<video>`, a literal `<FeatureHere>`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emolightning.inputs import FEATURES
from emolightning.records import IGNORED, Example

STREAMS = ("image", *FEATURES, "class_token")
PLACEHOLDERS = {name: -1 - position for position, name in enumerate(STREAMS)}
"""Stream name -> the negative id that marks its places in `input_ids`."""

LAYOUTS = ("train", "upstream_eval")


@dataclass(frozen=True)
class Stream:
    """A place for the vectors of one stream."""

    name: str


Piece = str | Stream


def context_pieces(
    instruction: str, transcript: str | None, streams: Sequence[str], *, task: str = "emotion", layout: str = "train"
) -> list[Piece]:
    """The context as text pieces and streams, without BOS.

    Args:
        instruction: the question.
        transcript: what the person says; None leaves the sentence out.
        streams: which of STREAMS are present; an absent one is removed together with its empty tag.
        task: upstream's task tag, e.g. `emotion`.
        layout: `train` or `upstream_eval`.

    >>> context_pieces("Which?", "Hi", ["image", "speech"])
    ['[INST] <video>', Stream(name='image'), '</video> <feature>', Stream(name='speech'), \
'</feature> The person in video says: Hi.  [emotion] Which?  [/INST]']
    """
    # Two spaces before the tag and before [/INST], and a full stop behind the transcript's own: upstream's, kept.
    says = f"The person in video says: {transcript}. " if transcript is not None else ""
    question = f"{says} [{task}] {instruction}  [/INST]" if says else f"[{task}] {instruction}  [/INST]"
    visual: list[Piece] = [Stream("image")] if "image" in streams else []
    features: list[Piece] = [Stream(name) for name in STREAMS[1:] if name in streams]
    if layout == "upstream_eval":
        return _join(["[INST] <video>", *visual, *features, f"</video> <feature><FeatureHere></feature> {question}"])
    pieces: list[Piece] = ["[INST]"]
    pieces += [" <video>", *visual, "</video>"] if visual else []
    pieces += [" <feature>", *features, "</feature>"] if features else []
    return _join([*pieces, f" {question}"])


def _join(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring texts become one piece: every piece gets the tokenizer's dummy prefix, so borders matter."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


@dataclass(frozen=True)
class Encoded:
    """One clip's sequence."""

    context: list[int]
    """Token ids and placeholders up to `[/INST]`."""
    answer: list[int]
    """Token ids of the answer and EOS; empty when there is none."""
    text: str
    """The context with `<name>` for each stream, for logs."""

    @property
    def targets(self) -> list[int]:
        """Only the answer carries loss."""
        return [IGNORED] * len(self.context) + self.answer


class PromptEncoder:
    """Examples to token ids.

    Args:
        tokenizer: a Hugging Face tokenizer with BOS and EOS.
        image_tokens: vectors per frame behind the image projection.
        layout: `train` or `upstream_eval`.
    """

    def __init__(self, tokenizer: Any, *, image_tokens: int, layout: str = "train"):
        if layout not in LAYOUTS:
            raise ValueError(f"Expected `layout` to be one of {LAYOUTS}, but got {layout!r}.")
        self.tokenizer = tokenizer
        self.image_tokens = image_tokens
        self.layout = layout

    def encode(self, example: Example, answer: str | None) -> Encoded:
        """The sequence of one example; with an answer also its ids and EOS."""
        lengths = self.stream_lengths(example)
        pieces = context_pieces(
            example.instruction, example.clip.transcript, list(lengths), task=example.task, layout=self.layout
        )
        bos = self.tokenizer.bos_token_id
        context = [bos, bos] if self.layout == "upstream_eval" else [bos]
        for piece in pieces:
            context += self.text_ids(piece) if isinstance(piece, str) else self._places(piece, lengths)
        answer_ids = [] if answer is None else [*self.text_ids(answer), self.tokenizer.eos_token_id]
        return Encoded(context, answer_ids, "".join(p if isinstance(p, str) else f"<{p.name}>" for p in pieces))

    def stream_lengths(self, example: Example) -> dict[str, int]:
        """Stream name -> number of vectors, for the streams that the example has."""
        lengths = {name: vectors.shape[0] for name, vectors in example.features.items()}
        if example.image is not None:
            frames = example.image.shape[0]
            lengths |= {"image": frames * self.image_tokens, "class_token": frames}
        return lengths

    def text_ids(self, text: str) -> list[int]:
        """Ids of plain text: `</s>` inside it is three characters and more, never the end of the sequence."""
        return self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]

    @staticmethod
    def _places(stream: Stream, lengths: Mapping[str, int]) -> list[int]:
        return [PLACEHOLDERS[stream.name]] * lengths[stream.name]
