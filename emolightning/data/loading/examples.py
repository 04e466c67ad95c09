"""Clip -> Example: the inputs of one clip, read and ready to be put into a sequence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from emolightning.data.loading.sampler import ClipKey
from emolightning.data.media.frames import FrameStore
from emolightning.data.stores.features import LoadedFeatures
from emolightning.data.stores.visual import VISUAL_STREAMS, VisualStore
from emolightning.prompt.instructions import choose_instruction, choose_task
from emolightning.records.clips import Clip, Example


class ClipDataset(Dataset[Example]):
    """The clips of one split.

    Args:
        clips: in a fixed order.
        inputs: active inputs; the others are left out of the examples.
        features: vectors of the feature inputs.
        frames: source of the image input; None when it is off.
        visual: source of what the vision tower makes of it; None leaves that to the model.
        pools: upstream's task tag -> its instructions.
        tasks: task -> weight; with several, one is drawn for each clip and epoch.
        seed: of these draws.
        draws_instruction: False always takes the first of the pool.
        donors: input name -> for each clip the position of the clip it takes that input from (see `shuffled`).
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        *,
        inputs: Sequence[str],
        features: LoadedFeatures,
        frames: FrameStore | None,
        pools: Mapping[str, Sequence[str]],
        tasks: Mapping[str, float],
        seed: int,
        draws_instruction: bool,
        visual: VisualStore | None = None,
        donors: Mapping[str, Sequence[int]] | None = None,
    ):
        self.clips = list(clips)
        self.inputs = tuple(inputs)
        self.features = features
        self.frames = frames
        self.visual = visual
        self.pools = pools
        self.tasks = tasks
        self.seed = seed
        self.draws_instruction = draws_instruction
        self.donors = donors or {}

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: ClipKey | tuple[int, int]) -> Example:
        """The key has the epoch, so that nothing random depends on when or where the example is made."""
        epoch, index, is_borrowed = ClipKey(*key)
        clip = self.clips[index]
        task = self._task(clip, epoch)
        transcript = self.transcript(index)
        return Example(
            clip=replace(clip, transcript=transcript),
            index=index,
            instruction=self._instruction(clip, epoch, task),
            task=task,
            image=self._image(index),
            features=self._streams(index),
            is_borrowed=is_borrowed,
        )

    def transcript(self, index: int) -> str | None:
        """What the model is told of what a clip says; None where that input is off."""
        return self.source("transcript", index).transcript if "transcript" in self.inputs else None

    def instructions(self, task: str) -> Sequence[str]:
        """The questions that may be put for a task."""
        return self.pools[task] if self.draws_instruction else self.pools[task][:1]

    def source(self, name: str, index: int) -> Clip:
        """The clip that gives an input to another one, or to itself."""
        return self.clips[self.donors[name][index]] if name in self.donors else self.clips[index]

    def _image(self, index: int) -> Tensor | None:
        if "image" not in self.inputs or self.frames is None or self.visual is not None:
            return None
        return torch.from_numpy(self.frames.load(self.source("image", index)))

    def _streams(self, index: int) -> dict[str, Tensor]:
        found = {name: self._vectors(name, index) for name in self.features.vectors if name in self.inputs}
        if "image" in self.inputs and self.visual is not None:
            clip = self.source("image", index)
            found |= {name: torch.from_numpy(self.visual.load(clip, name)) for name in VISUAL_STREAMS}
        return found

    def _vectors(self, name: str, index: int) -> Tensor:
        return torch.from_numpy(self.features.vectors[name][self.source(name, index).id])

    def _task(self, clip: Clip, epoch: int) -> str:
        if len(self.tasks) == 1:
            return next(iter(self.tasks))
        return choose_task(self.tasks, seed=self.seed, epoch=epoch, clip_id=clip.id)

    def _instruction(self, clip: Clip, epoch: int, task: str) -> str:
        pool = self.instructions(task)
        if len(pool) == 1:
            return pool[0]
        return choose_instruction(pool, seed=self.seed, epoch=epoch, clip_id=clip.id)


def shuffled(num_clips: int, seed: int) -> list[int]:
    """A permutation in which no clip keeps its own input (one cycle): shows how much a model relies on that input."""
    order = np.random.default_rng(seed).permutation(num_clips)
    donors = np.empty(num_clips, dtype=int)
    donors[order] = np.roll(order, 1)
    return donors.tolist()
