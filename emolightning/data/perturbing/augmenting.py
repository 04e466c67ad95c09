"""What is done to training clips, anew in each pass: inputs removed, noise, gaps, other frames, mixup.

Everything that is drawn follows from the seed, the number of the pass and the clip's id: workers, ranks and an
interruption change nothing. Validations and evaluations see clips as they are.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emolightning.data.media.audio import read_noise
from emolightning.data.perturbing.frame_changes import FrameChange
from emolightning.data.perturbing.loaded import with_noise
from emolightning.data.perturbing.mixing import Mixup
from emolightning.data.perturbing.sound import noisy
from emolightning.errors import UserError
from emolightning.prompt.processor import Loaded
from emolightning.records.clips import AnyMedium, Clip, Waveform
from emolightning.records.corruptions import Corruption, draws
from emolightning.records.inputs import MODALITIES, Inputs, named

Decibels = Sequence[float]
"""The smallest and the largest signal-to-noise ratio."""

FRAME_SETTINGS = ("frame_flip", "frame_jitter", "frame_crop", "frame_blur")
"""What is about frames before a vision tower sees them."""


@dataclass(frozen=True)
class Augmentation:
    """What is done to each training clip. It travels to worker processes.

    Raises:
        UserError: something that cannot be done to these inputs.
    """

    inputs: Inputs
    """Active ones."""
    seed: int = 0
    modality_dropout: float = 0.0
    """Probability with which a modality is removed."""
    input_dropout: Mapping[str, float] = field(default_factory=dict)
    """Input -> probability with which it alone is removed."""
    vector_noise: Decibels | None = None
    """Ratios of white noise in vectors."""
    sound_noise: Decibels | None = None
    """Ratios of noise in sound that a model hears by itself."""
    noise: tuple[str, ...] = ()
    """Files of that noise; none is white noise."""
    masked_steps: float = 0.0
    """Largest share of the vectors of an input that one gap takes."""
    masked_values: float = 0.0
    """Largest share of the values of a vector that one gap takes."""
    frame_flip: float = 0.0
    """Probability with which the frames of a clip are turned left to right."""
    frame_jitter: float = 0.0
    """Largest change of their brightness, contrast and saturation."""
    frame_crop: float = 0.0
    """Largest share of their area that is cut off."""
    frame_blur: float = 0.0
    """Largest standard deviation of a Gaussian, as a share of the shorter side."""
    mixup: float = 0.0
    """Both parameters of the Beta distribution that shares of two clips are drawn from."""

    def __post_init__(self) -> None:
        has = f"it has {', '.join(self.inputs)}"
        if self.modality_dropout and len({about.modality for about in self.inputs.values()}) < 2:
            raise UserError(
                f"augmentation.modality_dropout: this run has one modality ({has}), which stays; leave it out"
            )
        if any(self.input_dropout.values()) and len(self.inputs) < 2:
            raise UserError(f"augmentation.input_dropout: this run has one input ({has}), which stays; leave it out")
        for name in ("vector_noise", "masked_steps", "masked_values"):
            if getattr(self, name) and not named(self.inputs, "vectors"):
                raise UserError(f"augmentation.{name}: is about vectors, and this run has none; {has}; leave it out")
        for name in self.of_frames:
            if not named(self.inputs, "frames"):
                raise UserError(
                    f"augmentation.{name}: is about frames that a vision tower sees, and this run has none; {has}; "
                    "leave it out"
                )
        if self.sound_noise and not named(self.inputs, "waveform"):
            instead = "augmentation.vector_noise is for vectors" if named(self.inputs, "vectors") else "leave it out"
            raise UserError(f"augmentation.sound_noise: this model hears no sound by itself; {has}; {instead}")
        if self.noise and not self.sound_noise:
            raise UserError("augmentation.noise: is mixed into sound; say augmentation.sound_noise=[5,20], too")

    def require_gaps(self, most: Mapping[str, int]) -> None:
        """Refuse gaps that are never made, for no input has enough vectors.

        Args:
            most: input -> the most vectors of a clip; inputs of which nobody knows are not there.

        Raises:
            UserError: with the smallest share that makes a gap, if any does.
        """
        known = [most[name] for name in named(self.inputs, "vectors") if name in most]
        is_known = bool(known) and len(known) == len(named(self.inputs, "vectors"))
        if self.masked_steps and is_known and int(self.masked_steps * max(known)) < 1:
            longest = max(known)
            instead = f"say {math.ceil(1000 / longest) / 1000:g} or more, or " if longest > 1 else ""
            raise UserError(
                f"augmentation.masked_steps={self.masked_steps:g}: never makes a gap, for no clip has more than "
                f"{longest} vector{'s' * (longest != 1)} of an input; {instead}leave it out; "
                "augmentation.masked_values makes gaps within vectors"
            )

    def __bool__(self) -> bool:
        """Whether anything is done."""
        numbers = (self.modality_dropout, *self.input_dropout.values(), self.masked_steps, self.masked_values)
        return any(numbers) or bool(self.vector_noise or self.sound_noise or self.of_frames or self.mixup)

    @property
    def of_frames(self) -> list[str]:
        """The settings of frames that do anything."""
        return [name for name in FRAME_SETTINGS if getattr(self, name)]

    def described(self) -> list[str]:
        """Sentences: what is done to the content of inputs."""
        ranges = {"vectors": self.vector_noise, "sound": self.sound_noise}
        shares = {"vectors": self.masked_steps, "values of vectors": self.masked_values}
        return [
            *(f"noise in {what} at {low:g} to {high:g} dB" for what, (low, high) in _given(ranges)),
            *(f"gaps of at most {100 * share:g} % of the {what}" for what, share in _given(shares)),
            *self._described_frames(),
            *([f"mixup with shares of Beta({self.mixup:g}, {self.mixup:g})"] if self.mixup else []),
        ]

    def _described_frames(self) -> list[str]:
        said = {
            "frame_flip": "frames turned left to right in {} of the clips",
            "frame_jitter": "brightness, contrast and saturation of frames changed by at most {}",
            "frame_crop": "at most {} of the area of frames cut off",
            "frame_blur": "frames out of focus by at most {} of their side",
        }
        return [said[name].format(f"{100 * getattr(self, name):g} %") for name in self.of_frames]

    def removed(self, clip_id: str, number: int) -> frozenset[str]:
        """The inputs that one clip goes without in one pass; where all would go, those of one modality stay.

        Args:
            clip_id: of the clip.
            number: of the pass.
        """
        drawn = draws(self.seed, "removed", f"{number}/{clip_id}")
        of_modality = dict(zip(MODALITIES, drawn.random(len(MODALITIES)), strict=True))
        of_input = dict(zip(self.inputs, drawn.random(len(self.inputs)), strict=True))
        gone = {
            name
            for name, about in self.inputs.items()
            if of_modality[about.modality] < self.modality_dropout or of_input[name] < self.input_dropout.get(name, 0)
        }
        if len(gone) == len(self.inputs):
            own = [name for name in MODALITIES if any(about.modality == name for about in self.inputs.values())]
            spared = own[int(drawn.integers(len(own)))]
            gone -= {name for name, about in self.inputs.items() if about.modality == spared}
        return frozenset(gone)

    def changed(self, loaded: Loaded, clip_id: str, number: int) -> Loaded:
        """The inputs of one clip in one pass with noise and gaps; removed ones are still there."""
        place = f"{number}/{clip_id}"
        vectors = {name: self._vectors(name, loaded.streams[name], place) for name in self._vector_inputs(loaded)}
        media = {name: tuple(self._heard(each, place) for each in of) for name, of in loaded.media.items()}
        change = self.frame_change(clip_id, number) if self.of_frames else None
        images = {name: change.of_normalised(of) if change else of for name, of in loaded.images.items()}
        return replace(loaded, images=images, streams={**loaded.streams, **vectors}, media=media)

    def frame_change(self, clip_id: str, number: int) -> FrameChange:
        """What is done to all frames of one clip in one pass."""
        how = {name.removeprefix("frame_"): getattr(self, name) for name in FRAME_SETTINGS}
        return FrameChange.drawn(draws(self.seed, "frames", f"{number}/{clip_id}"), **how)

    def mixes(self, clips: Sequence[Clip]) -> Mixup | None:
        """What draws the partners of these clips; None without mixup."""
        return Mixup(clips, self.mixup, self.seed) if self.mixup else None

    def _vector_inputs(self, loaded: Loaded) -> list[str]:
        return [name for name in named(self.inputs, "vectors") if name in loaded.streams]

    def _vectors(self, name: str, vectors: Tensor, place: str) -> Tensor:
        if self.vector_noise:
            vectors = with_noise(vectors, self._noise("vectors", self.vector_noise, place, name), name)
        if not (self.masked_steps or self.masked_values):
            return vectors
        drawn, found = draws(self.seed, f"gaps/{name}", place), vectors.clone()
        found[_gap(drawn, len(found), self.masked_steps)] = 0
        found[:, _gap(drawn, found.shape[1], self.masked_values)] = 0
        return found

    def _heard(self, medium: AnyMedium, place: str) -> AnyMedium:
        if not self.sound_noise or not isinstance(medium, Waveform):
            return medium
        noise = replace(self._noise("noise", self.sound_noise, place, "sound"), noise=self.noise)
        return replace(medium, samples=noisy(medium.samples, medium.rate, noise, read_noise))

    def _noise(self, kind: str, decibels: Decibels, place: str, name: str) -> Corruption:
        """The noise of one clip in one pass, at a ratio that is drawn for it."""
        low, high = decibels
        ratio = draws(self.seed, f"decibels/{name}", place).uniform(low, high)
        return Corruption(kind, ratio, self.seed, clip_id=place)


def _given(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in values.items() if value]


def _gap(drawn: np.random.Generator, size: int, share: float) -> slice:
    """A stretch of at most a share of so many places, at any of them."""
    length = int(drawn.integers(int(share * size) + 1))
    start = int(drawn.integers(size - length + 1))
    return slice(start, start + length)


def without(loaded: Loaded, removed: Collection[str], *, said_by: str | None) -> Loaded:
    """A clip without some inputs: zeros of the same shapes, no medium, no transcript.

    Args:
        loaded: as it is.
        removed: inputs, and streams made of them.
        said_by: name of the input that is the transcript.
    """
    images, streams = (
        {name: torch.zeros_like(values) if name in removed else values for name, values in of.items()}
        for of in (loaded.images, loaded.streams)
    )
    media = {name: () if name in removed else each for name, each in loaded.media.items()}
    return Loaded(None if said_by in removed else loaded.transcript, images, streams, media)
