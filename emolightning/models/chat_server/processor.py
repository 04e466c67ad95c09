"""A clip's files and a question, held together until they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emolightning.prompt.batching import shared_parts
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.records.clips import Batch, Clip, Example, Medium


class Asks:
    """What is asked about each clip of a batch, out of Lightning's reach."""

    def __init__(self, examples: Sequence[Example]):
        self.examples = tuple(examples)


@dataclass
class ServerBatch(Batch):
    """The batch of a model on a server."""

    asks: Asks


@dataclass(frozen=True)
class ServerProcessor:
    """Nothing is computed here."""

    def example(
        self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool = False
    ) -> Example:
        """One clip with its files; its transcript is there if it may be told."""
        return Example(
            clip=replace(clip, transcript=loaded.transcript),
            index=index,
            instruction=question.instruction,
            task=question.task,
            media=dict(loaded.media),
            is_borrowed=is_borrowed,
        )

    def collate(self, examples: Sequence[Example]) -> ServerBatch:
        """A batch of questions."""
        parts = shared_parts(examples, prompts=[example.instruction for example in examples])
        return ServerBatch(**parts, asks=Asks(examples))

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """Nothing is made of frames."""
        return {}


def sent_of(example: Example) -> list[Medium]:
    """All files of an example, in the order of its inputs."""
    return [medium for media in example.media.values() for medium in media if isinstance(medium, Medium)]
