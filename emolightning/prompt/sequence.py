"""Pieces of a prompt -> token ids with placeholders: one function for training, generation and scoring.

The context is a row of pieces, each tokenised on its own because the published weights saw exactly that
(`[INST] <video>`, the visual tokens, `</video> <feature>`, the feature tokens, ...). A placeholder is a negative id,
repeated once for each vector of its stream; the model puts the vectors there. A transcript is only ever tokenised as
text, so `<VideoHere>` or `</s>` inside it stays plain text. Which pieces there are is a family's own business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emolightning.records.clips import IGNORED


@dataclass(frozen=True)
class Stream:
    """A place for the vectors of one stream."""

    name: str


@dataclass(frozen=True)
class Control:
    """A text in which special tokens count, e.g. `<s>`: never anything that comes from data."""

    text: str


@dataclass(frozen=True)
class Bare:
    """A text without the tokenizer's dummy prefix, as some tokenizers read what is right after a special token."""

    text: str


Piece = str | Stream | Control | Bare


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring texts become one piece: every piece gets the tokenizer's dummy prefix, so borders matter."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != Control(""):
            found.append(piece)
    return found


@dataclass(frozen=True)
class Encoded:
    """One clip's sequence."""

    context: list[int]
    """Token ids and placeholders up to where the answer starts."""
    answer: list[int]
    """Token ids of the answer and the token that ends it; empty when there is none."""
    text: str
    """The context with `<name>` for each stream and special tokens as text, for logs."""

    @property
    def targets(self) -> list[int]:
        """Only the answer carries loss."""
        return [IGNORED] * len(self.context) + self.answer


def encode(
    pieces: Sequence[Piece],
    answer: str | None,
    *,
    tokenizer: Any,
    lengths: Mapping[str, int],
    placeholders: Mapping[str, int],
) -> Encoded:
    """The sequence of some pieces.

    Args:
        pieces: of the context.
        answer: the text that is learned, None for none.
        tokenizer: an `emolightning.models.parts.tokenizer.Tokenizer`.
        lengths: stream name -> number of its vectors.
        placeholders: stream name -> the negative id that marks its places.
    """

    def ids(piece: Piece) -> list[int]:
        if isinstance(piece, Stream):
            return [placeholders[piece.name]] * lengths[piece.name]
        if isinstance(piece, Bare):
            return tokenizer.bare_ids(piece.text)
        return tokenizer.special_ids(piece.text) if isinstance(piece, Control) else tokenizer.text_ids(piece)

    context = [number for piece in pieces for number in ids(piece)]
    answer_ids = [] if answer is None else [*tokenizer.text_ids(answer), tokenizer.end_id]
    return Encoded(context, answer_ids, "".join(_shown(piece) for piece in pieces))


def _shown(piece: Piece) -> str:
    if isinstance(piece, Control | Bare):
        return piece.text
    return piece if isinstance(piece, str) else f"<{piece.name}>"
