"""Clip -> Example: the inputs of one clip, loaded and handed to the model family's processor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.sampler import ClipKey
from emolightning.data.loading.several import AnyVisual
from emolightning.data.media.sending import media_of
from emolightning.data.perturbing.augmenting import Augmentation, without
from emolightning.data.perturbing.loaded import LoadedPerturbation, mean_over, mean_picture
from emolightning.data.perturbing.mixing import mixed
from emolightning.errors import UserError
from emolightning.prompt.processor import Loaded, Processor
from emolightning.records.clips import AnyMedium, Clip, Example
from emolightning.records.inputs import SENT, named


class ClipDataset(Dataset[Example]):
    """The examples of one split.

    Args:
        corpus: what was read.
        split: `train`, `val`, `test` or `all`.
        processor: makes an example of what is loaded.
        training: asks as training does.
        visual: frame input -> what the vision tower makes of its frames; the others are left to the model.
        shuffle: inputs to exchange among the clips (see `shuffled`).
        augmentation: what is done to them anew in each pass; None shows them as they are.

    Raises:
        UserError: there are no such clips, or one that cannot be exchanged with any other.
    """

    def __init__(
        self,
        corpus: Corpus,
        split: str,
        *,
        processor: Processor,
        training: bool = False,
        visual: Mapping[str, AnyVisual] = MappingProxyType({}),
        shuffle: Sequence[str] = (),
        augmentation: Augmentation | None = None,
    ):
        self.clips = corpus.clips_of(split)
        if shuffle and len(self.clips) < 2:
            raise UserError(f"shuffle={list(shuffle)}: split {split!r} has one clip, nothing to exchange it with")
        # Only what a worker process needs, which gets a copy.
        self.inputs = corpus.inputs
        self.features = corpus.features
        self.frames = corpus.frames
        self.sent = {name: corpus.choice_of(name) for kind in SENT for name in named(corpus.inputs, kind)}
        self.questions = corpus.questions
        self.processor = processor
        self.training = training
        self.augmentation = augmentation
        self.mixup = augmentation.mixes(self.clips) if augmentation else None
        self.perturbing = corpus.perturbing
        self.changed = self._changed(corpus) if self.perturbing else None
        own = (*self.perturbing.zeroed, *self.perturbing.mean)  # These frames no tower has seen.
        self.visual = {name: store for name, store in visual.items() if name not in own}
        self.donors: Mapping[str, Sequence[int]] = {
            name: shuffled(len(self.clips), corpus.source.seed) for name in shuffle
        }

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: ClipKey | tuple[int, int]) -> Example:
        """The key has the epoch, so that nothing random depends on when or where the example is made."""
        epoch, index, is_borrowed = ClipKey(*key)
        removed = frozenset[str]()
        if self.augmentation:
            removed = self._with_streams(self.augmentation.removed(self.clips[index].id, epoch))
        example = self._example(ClipKey(epoch, index, is_borrowed), removed)
        if self.mixup is None:
            return example
        partner = self.mixup.partner(index, epoch)
        return mixed(example, self._example(ClipKey(epoch, partner.place), removed), partner.own)

    def _example(self, key: ClipKey, removed: frozenset[str]) -> Example:
        """One clip without some inputs."""
        epoch, index, is_borrowed = key
        clip, said_by = self.clips[index], next(iter(named(self.inputs, "text")), None)
        loaded = Loaded(self.transcript(index), self._images(index), self._streams(index), self._media(index))
        if self.changed is not None:
            loaded = self.changed(loaded, clip.id, said_by)
        if self.augmentation:
            loaded = without(self.augmentation.changed(loaded, clip.id, epoch), removed, said_by=said_by)
        question = self.questions.ask(clip, epoch=epoch, training=self.training)
        example = self.processor.example(clip, loaded, question, index=index, is_borrowed=is_borrowed)
        return replace(example, removed=removed) if removed else example

    def _with_streams(self, removed: frozenset[str]) -> frozenset[str]:
        """Inputs, and what towers make of those that are frames."""
        seen = {name: 1 for name in named(self.inputs, "frames") if name in removed}
        return removed.union(self.processor.frame_streams(seen))

    def transcript(self, index: int) -> str | None:
        """What the model is told of what a clip says; None where that input is off."""
        for name in named(self.inputs, "text"):
            return self.source(name, index).transcript
        return None

    def source(self, name: str, index: int) -> Clip:
        """The clip that gives an input to another one, or to itself."""
        return self.clips[self.donors[name][index]] if name in self.donors else self.clips[index]

    def _images(self, index: int) -> dict[str, Tensor]:
        seen = {name: store for name, store in self.frames.items() if name not in self.visual}
        return {name: torch.from_numpy(store.load(self.source(name, index))) for name, store in seen.items()}

    def _streams(self, index: int) -> dict[str, Tensor]:
        found = {name: self._vectors(name, index) for name in self.features.vectors if name in self.inputs}
        for name, visual in self.visual.items():
            clip = self.source(name, index)
            found |= {stream: torch.from_numpy(visual.load(clip, stream)) for stream in visual.folders}
        return found

    def _media(self, index: int) -> dict[str, tuple[AnyMedium, ...]]:
        kinds = {name: self.inputs[name].kind for name in self.sent}
        clips = {name: self.perturbing.of_clip(name, self.source(name, index)) for name in self.sent}
        return {name: media_of(clips[name], kinds[name], how) for name, how in self.sent.items()}

    def _vectors(self, name: str, index: int) -> Tensor:
        return torch.from_numpy(self.features.vectors[name][self.source(name, index).id])

    def _changed(self, corpus: Corpus) -> LoadedPerturbation:
        """What is done to inputs once they are loaded.

        Raises:
            UserError: there are no clips that a mean could be of.
        """
        of = self.perturbing.mean_of
        clips = [clip for clip in corpus.clips if clip.split == of]
        if self.perturbing.mean and not clips:
            raise UserError(
                f"perturb.mean: data={corpus.source.name} has no clips in split {of}, and a mean is never one over the "
                "clips that are answered; say perturb.zeroed, or perturb.mean_of=SPLIT with clips"
            )
        means = {
            name: mean_picture(clips, self.frames[name])
            if name in self.frames
            else mean_over(clips, self.features.vectors[name])
            for name in self.perturbing.mean
        }
        return LoadedPerturbation(self.perturbing, means)


def shuffled(num_clips: int, seed: int) -> list[int]:
    """A permutation in which no clip keeps its own input (one cycle): shows how much a model relies on that input."""
    order = np.random.default_rng(seed).permutation(num_clips)
    donors = np.empty(num_clips, dtype=int)
    donors[order] = np.roll(order, 1)
    return donors.tolist()
