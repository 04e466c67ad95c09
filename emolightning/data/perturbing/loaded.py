"""What is done to the inputs of a clip when they are loaded: no content, the mean of other clips, noise in vectors."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from emolightning.data.media.frames import FrameStore
from emolightning.data.media.images import normalise
from emolightning.data.perturbing.perturbing import Perturbing
from emolightning.prompt.processor import Loaded
from emolightning.records.clips import AnyMedium, Clip, Film, Medium, Waveform
from emolightning.records.corruptions import Corruption

WAV_HEADER = 44
"""Bytes before the samples of a sound that is sent."""


class LoadedPerturbation:
    """Changes what is loaded of a clip. It travels to worker processes.

    Args:
        perturbing: what is done.
        means: input -> its mean over other clips: (width,) of vectors, (3, height, width) of normalised frames.
    """

    def __init__(self, perturbing: Perturbing, means: Mapping[str, np.ndarray]):
        self.zeroed = perturbing.zeroed
        self.means = {name: torch.from_numpy(mean) for name, mean in means.items()}
        corruption = perturbing.corruption
        self.noise = corruption if corruption is not None and corruption.kind == "vectors" else None
        self.worse = perturbing.worse

    def __call__(self, loaded: Loaded, clip_id: str, said_by: str | None) -> Loaded:
        """The inputs of one clip.

        Args:
            loaded: as they are.
            clip_id: of the clip.
            said_by: name of the input that is the transcript.
        """
        images = {name: self._image(name, frames) for name, frames in loaded.images.items()}
        streams = {name: self._stream(name, vectors, clip_id) for name, vectors in loaded.streams.items()}
        media = {name: tuple(map(silent, each)) if name in self.zeroed else each for name, each in loaded.media.items()}
        text = "" if said_by in self.zeroed and loaded.transcript is not None else loaded.transcript
        return replace(loaded, transcript=text, images=images, streams=streams, media=media)

    def _image(self, name: str, frames: Tensor) -> Tensor:
        if name in self.zeroed:
            return black(frames)
        return self.means[name].expand_as(frames) if name in self.means else frames

    def _stream(self, name: str, vectors: Tensor, clip_id: str) -> Tensor:
        if name in self.zeroed:
            return torch.zeros_like(vectors)
        if name in self.means:
            return self.means[name].expand_as(vectors)
        if self.noise is not None and name in self.worse:
            return with_noise(vectors, self.noise.of_clip(clip_id), name)
        return vectors


def mean_over(clips: Sequence[Clip], vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """The mean of the vectors of some clips, each vector counted once, (width,)."""
    total = sum(vectors[clip.id].sum(axis=0, dtype=np.float64) for clip in clips)
    return np.asarray(total / sum(len(vectors[clip.id]) for clip in clips), dtype=np.float32)


def mean_picture(clips: Sequence[Clip], frames: FrameStore) -> np.ndarray:
    """The mean of the frames of some clips, normalised, (3, height, width)."""
    total = sum(frames.load(clip).mean(axis=0, dtype=np.float64) for clip in clips)
    return np.asarray(total / len(clips), dtype=np.float32)


def with_noise(vectors: Tensor, corruption: Corruption, name: str) -> Tensor:
    """Vectors of one clip with white noise at a ratio of mean squares; zeros stay zeros."""
    own = float(vectors.double().square().mean().sqrt())
    noise = corruption.draws(f"vectors/{name}").standard_normal(tuple(vectors.shape))
    power = float(np.sqrt(np.mean(noise**2)))
    if own == 0 or power == 0:
        return vectors
    return vectors + torch.from_numpy(noise * (own / power / 10 ** (corruption.severity / 20))).to(vectors.dtype)


def black(frames: Tensor) -> Tensor:
    """Normalised frames without any light, (frames, 3, height, width)."""
    pixel = torch.from_numpy(normalise(np.zeros((1, 1, 3), dtype=np.uint8))).to(frames.dtype)
    return pixel.expand_as(frames)


def silent(medium: AnyMedium) -> AnyMedium:
    """The same medium, black or silent."""
    if isinstance(medium, Film):
        return replace(medium, frames=np.zeros_like(medium.frames))
    if isinstance(medium, Waveform):
        return replace(medium, samples=np.zeros_like(medium.samples))
    if medium.kind == "audio":
        samples = len(medium.content) - WAV_HEADER
        return Medium("audio", medium.format, medium.content[:WAV_HEADER] + bytes(samples))
    buffer = io.BytesIO()
    Image.new("RGB", Image.open(io.BytesIO(medium.content)).size).save(buffer, medium.format.upper())
    return Medium(medium.kind, medium.format, buffer.getvalue())
