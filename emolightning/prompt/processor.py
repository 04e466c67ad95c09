"""What loading needs of a model family: how the inputs of a clip and a question become a sequence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from emolightning.prompt.questions import Question
from emolightning.prompt.sequence import Encoded, Piece
from emolightning.records.clips import AnyMedium, Batch, Clip, Example

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Loaded:
    """The inputs of one clip, read."""

    transcript: str | None = None
    """None when that input is off."""
    images: "Mapping[str, Tensor]" = field(default_factory=dict)
    """Frame input -> (frames, 3, height, width), normalised; not those of which `streams` has what a tower makes."""
    streams: "Mapping[str, Tensor]" = field(default_factory=dict)
    """Stream name -> (tokens, width)."""
    media: Mapping[str, tuple[AnyMedium, ...]] = field(default_factory=dict)
    """Input name -> files, film or sound, of inputs that a model or its own processor reads."""


class Processor(Protocol):
    """Clip, loaded inputs and question -> Example; examples -> Batch."""

    def example(self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool) -> Example:
        """One clip as the model will see it.

        Args:
            clip: what is known of it.
            loaded: its inputs.
            question: what is asked.
            index: position of the clip in its split.
            is_borrowed: whether the clip is another rank's and carries no loss.
        """
        ...

    def collate(self, examples: Sequence[Example]) -> Batch:
        """A batch; the answers are those of the clips."""
        ...

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """Stream name -> number of vectors that the towers make of so many frames of each frame input."""
        ...


@runtime_checkable
class SequenceProcessor(Processor, Protocol):
    """The same of a family that puts everything into the sequence of a language model."""

    tokenizer: Any
    streams: Sequence[str]
    """Everything that is in a sequence as vectors, in its order."""

    def encode(self, example: Example, answer: str | None) -> Encoded:
        """The sequence of one example; with an answer also its ids and the token that ends it."""
        ...

    def in_sequence(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """Stream name -> its places in a sequence, in order.

        Args:
            numbers: feature input, or stream of a vision tower -> number of vectors that a clip has.
        """
        ...

    def stream_lengths(self, example: Example) -> dict[str, int]:
        """Stream name -> number of vectors, for the streams that the example has."""
        ...

    def pieces(self, instruction: str, transcript: str | None, streams: Sequence[str], *, task: str) -> list[Piece]:
        """The context of a sequence: texts, streams and control texts."""
        ...
