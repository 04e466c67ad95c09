"""Frames of a training clip turned left to right, cut, in another light, or out of focus: all frames of a clip alike.

Sums are written out product by product, so that no number of threads changes the last bit of a pixel.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emolightning.data.media.images import CLIP_MEAN, CLIP_STD

LUMA = (0.299, 0.587, 0.114)
"""How much red, green and blue are seen (ITU-R BT.601)."""


@dataclass(frozen=True)
class FrameChange:
    """What is done to the frames of one clip in one pass."""

    is_flipped: bool = False
    side: float = 1.0
    """Share of height and width that is kept, and enlarged to the whole."""
    top: float = 0.0
    """Where the kept part begins, as a share of the room that is left."""
    left: float = 0.0
    brightness: float = 1.0
    """Factor of all values."""
    contrast: float = 1.0
    """Factor of distances from the mean grey of the clip."""
    saturation: float = 1.0
    """Factor of distances from the grey of the same pixel."""
    blur: float = 0.0
    """Standard deviation of a Gaussian, as a share of the shorter side."""

    @classmethod
    def drawn(
        cls, numbers: np.random.Generator, *, flip: float, jitter: float, crop: float, blur: float
    ) -> "FrameChange":
        """One change; a setting more leaves what is drawn for the others as it is.

        Args:
            numbers: of the clip and the pass.
            flip: probability.
            jitter: largest change of brightness, contrast and saturation.
            crop: largest share of the area that is cut off.
            blur: largest standard deviation.
        """
        turned, area, top, left, *light, focus = numbers.random(8).tolist()
        brightness, contrast, saturation = (1 + jitter * (2 * each - 1) for each in light)
        return cls(turned < flip, math.sqrt(1 - crop * area), top, left, brightness, contrast, saturation, blur * focus)

    def of_normalised(self, frames: Tensor) -> Tensor:
        """Normalised frames of a clip, (frames, 3, height, width), changed."""
        mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (CLIP_MEAN, CLIP_STD))
        changed = self._moved(frames)
        return changed if not self._is_lit else (self._lit(changed * std + mean) - mean) / std

    def of_picture(self, pixels: np.ndarray) -> np.ndarray:
        """One picture, (height, width, 3) uint8, changed: what a page shows."""
        values = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None] / 255
        changed = self._lit(self._moved(values))[0].permute(1, 2, 0)
        return (changed * 255).round().to(torch.uint8).numpy()

    @property
    def _is_lit(self) -> bool:
        return (self.brightness, self.contrast, self.saturation) != (1, 1, 1)

    def _moved(self, frames: Tensor) -> Tensor:
        """What is the same for normalised values and for others."""
        found = frames.flip(-1) if self.is_flipped else frames
        for axis, start in ((-2, self.top), (-1, self.left)):
            found = _enlarged(found, axis, self.side, start)
        sigma = self.blur * min(frames.shape[-2:])
        for axis in (-2, -1):
            found = _blurred(found, axis, sigma)
        return found

    def _lit(self, pixels: Tensor) -> Tensor:
        """Values from 0 to 1 in another light."""
        found = (pixels * self.brightness).clamp(0, 1)
        mean = float(np.mean(_grey(found).numpy(), dtype=np.float64))
        found = (mean + (found - mean) * self.contrast).clamp(0, 1)
        grey = _grey(found)
        return (grey + (found - grey) * self.saturation).clamp(0, 1)


def _grey(pixels: Tensor) -> Tensor:
    red, green, blue = (pixels[:, channel : channel + 1] * weight for channel, weight in enumerate(LUMA))
    return red + green + blue


def _enlarged(frames: Tensor, axis: int, side: float, start: float) -> Tensor:
    """A part of an axis enlarged to the whole of it, each value between the two that are next to its place."""
    if side == 1:
        return frames
    size = frames.shape[axis]
    places = (torch.arange(size, dtype=torch.float64) + 0.5) * side + start * (1 - side) * size - 0.5
    places = places.clamp(0, size - 1)
    before = places.floor().long()
    shape = [-1, 1] if axis == -2 else [-1]
    share = (places - before).to(frames.dtype).reshape(shape)
    first = frames.index_select(axis, before) * (1 - share)
    return first + frames.index_select(axis, (before + 1).clamp(max=size - 1)) * share


def _blurred(frames: Tensor, axis: int, sigma: float) -> Tensor:
    """An axis weighted by a Gaussian of so many pixels; edges are mirrored."""
    size = frames.shape[axis]
    reach = min(math.ceil(3 * sigma), size - 1)
    if not reach:
        return frames
    weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
    padded = torch.cat(
        [
            frames.narrow(axis, 1, reach).flip(axis),
            frames,
            frames.narrow(axis, size - 1 - reach, reach).flip(axis),
        ],
        dim=axis,
    )
    found = torch.zeros_like(frames)
    for offset, weight in enumerate(weights):
        found += padded.narrow(axis, offset, size) * (weight / sum(weights))
    return found
