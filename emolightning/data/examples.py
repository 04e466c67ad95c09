"""Clip -> Example: the inputs of one clip, read and ready to be put into a sequence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from emolightning.data.features import LoadedFeatures
from emolightning.data.frames import FrameStore
from emolightning.instructions import choose_instruction
from emolightning.records import Clip, Example


class ClipDataset(Dataset[Example]):
    """The clips of one split.

    Args:
        clips: in a fixed order.
        inputs: active inputs; the others are left out of the examples.
        features: vectors of the feature inputs.
        frames: source of the image input; None when it is off.
        instructions: the pool; with `seed` None the first one is always used.
        seed: draws the instruction from (seed, epoch, clip id): for training.
        task: upstream's tag of the instructions.
        donors: input name -> for each clip the position of the clip it takes that input from (see `shuffled`).
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        *,
        inputs: Sequence[str],
        features: LoadedFeatures,
        frames: FrameStore | None,
        instructions: Sequence[str],
        seed: int | None,
        task: str = "emotion",
        donors: Mapping[str, Sequence[int]] | None = None,
    ):
        self.clips = list(clips)
        self.inputs = tuple(inputs)
        self.features = features
        self.frames = frames
        self.instructions = instructions
        self.seed = seed
        self.task = task
        self.donors = donors or {}

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: tuple[int, int]) -> Example:
        """`key` is (epoch, position), so that nothing random depends on when or where the example is made."""
        epoch, index = key
        clip = self.clips[index]
        transcript = self._source("transcript", index).transcript if "transcript" in self.inputs else None
        return Example(
            clip=replace(clip, transcript=transcript),
            index=index,
            instruction=self._instruction(clip, epoch),
            task=self.task,
            image=self._image(index),
            features={name: self._vectors(name, index) for name in self.features.vectors if name in self.inputs},
        )

    def _source(self, name: str, index: int) -> Clip:
        return self.clips[self.donors[name][index]] if name in self.donors else self.clips[index]

    def _image(self, index: int) -> Tensor | None:
        if "image" not in self.inputs or self.frames is None:
            return None
        return torch.from_numpy(self.frames.load(self._source("image", index)))

    def _vectors(self, name: str, index: int) -> Tensor:
        return torch.from_numpy(self.features.vectors[name][self._source(name, index).id])

    def _instruction(self, clip: Clip, epoch: int) -> str:
        if self.seed is None:
            return self.instructions[0]
        return choose_instruction(self.instructions, seed=self.seed, epoch=epoch, clip_id=clip.id)


def shuffled(num_clips: int, seed: int) -> list[int]:
    """A permutation in which no clip keeps its own input (one cycle): shows how much a model relies on that input."""
    order = np.random.default_rng(seed).permutation(num_clips)
    donors = np.empty(num_clips, dtype=int)
    donors[order] = np.roll(order, 1)
    return donors.tolist()
