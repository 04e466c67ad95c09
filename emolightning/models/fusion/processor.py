"""Clips and their vectors -> what a fusion network reads: one vector an input, or sequences of one length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from emolightning.models.fusion.inputs import INPUTS
from emolightning.models.fusion.steps import in_steps, shrunk
from emolightning.prompt.batching import shared_parts
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.records.clips import Batch, Clip, Example

Level = Literal["utterance", "frame", "aligned"]

SCALES = {"frame": 12, "aligned": 6}
"""Level -> how many steps of an encoder make one, as MERBench has it."""


@dataclass
class FusionBatch(Batch):
    """Vectors, and what is asked of each clip."""

    tasks: list[str]
    vectors_of: "Tensor | None" = None
    """(batch,), int64: which vectors an answer is about, where clips have several; None for its own place."""


@dataclass(frozen=True)
class FusionProcessor:
    """The vectors of each clip, at one level."""

    level: Level
    steps: int
    """Length of every sequence, so that no answer depends on which clips share a batch."""
    scale: int
    """Steps of an encoder that make one; 0 takes MERBench's for the level."""

    def example(
        self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool = False
    ) -> Example:
        """One clip with its vectors."""
        return Example(
            clip=replace(clip, transcript=loaded.transcript),
            index=index,
            instruction=question.instruction,
            task=question.task,
            features=self.vectors(loaded.streams),
            is_borrowed=is_borrowed,
        )

    def vectors(self, streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Input -> (1, width) of an utterance, or (steps, width)."""
        if self.level == "utterance":
            return {name: stream.mean(dim=0, keepdim=True) for name, stream in streams.items()}
        factor = self.scale or SCALES[self.level]
        shorter = {name: shrunk(stream, factor) for name, stream in streams.items()}
        said = [stream for name, stream in shorter.items() if INPUTS[name].modality == "text"]
        if self.level == "aligned" and said:
            shorter = {name: in_steps(stream, len(said[0])) for name, stream in shorter.items()}
        return {name: in_steps(stream, self.steps) for name, stream in shorter.items()}

    def collate(self, examples: Sequence[Example]) -> FusionBatch:
        """A batch; labels and numbers are those of its clips. Answers about one clip share its vectors."""
        parts = shared_parts(examples, prompts=[example.instruction for example in examples])
        features = {name: vectors.float() for name, vectors in parts["features"].items()}
        vectors_of = None
        if parts["shares"] is not None:
            first = {example.index: place for place, example in reversed(list(enumerate(examples)))}
            places = sorted(first.values())
            features = {name: vectors[places] for name, vectors in features.items()}
            vectors_of = torch.tensor([places.index(first[example.index]) for example in examples])
        tasks = [example.task for example in examples]
        return FusionBatch(**{**parts, "features": features}, tasks=tasks, vectors_of=vectors_of)

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """Nothing is made of frames."""
        return {}
