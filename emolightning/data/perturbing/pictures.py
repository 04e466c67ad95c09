"""Frames of a clip that are blurred, hidden in part, or lost."""

from collections.abc import Callable, Iterator
from math import log2

import av
import numpy as np

from emolightning.records.corruptions import Corruption

MER2024_BLUR = (1, 2, 4)
"""Factors that are drawn: MERTools, `MER2024/main-noise.py`."""


def worse_frames(
    frames: Iterator[av.VideoFrame], corruption: Corruption, upright: Callable[[av.VideoFrame], np.ndarray]
) -> Iterator[av.VideoFrame]:
    """The frames of a clip with its corruption, turned upright, at their times.

    Args:
        frames: of the clip, from its first one on.
        corruption: of this clip.
        upright: a frame -> its pixels, (height, width, 3) uint8 RGB.
    """
    lost = corruption.draws("lost") if corruption.kind == "dropped_frames" else None
    change = _change(corruption)
    pixels: np.ndarray | None = None
    for frame in frames:
        is_lost = lost is not None and lost.random() < corruption.severity
        if pixels is None or not is_lost:
            pixels = change(upright(frame))
        changed = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        changed.pts, changed.time_base = frame.pts, frame.time_base
        yield changed


def _change(corruption: Corruption) -> Callable[[np.ndarray], np.ndarray]:
    """What is done to each picture."""
    if corruption.kind == "blur":
        return lambda pixels: blurred(pixels, int(corruption.severity))
    if corruption.kind == "mer2024_noise":
        factor = int(corruption.draws("factor").choice(MER2024_BLUR))
        return lambda pixels: blurred(pixels, factor)
    if corruption.kind == "occlusion":
        place = corruption.draws("place").random(2)
        return lambda pixels: hidden(pixels, corruption.severity, (float(place[0]), float(place[1])))
    return np.ascontiguousarray


def hidden(pixels: np.ndarray, share: float, place: tuple[float, float]) -> np.ndarray:
    """A picture with a black rectangle of its own shape.

    Args:
        pixels: (height, width, 3) uint8.
        share: of the area.
        place: where in the room that is left it begins, from the top and from the left, each from 0 to 1.
    """
    sides = [round(side * share**0.5) for side in pixels.shape[:2]]
    top, left = (int(at * (whole - side + 1)) for at, whole, side in zip(place, pixels.shape[:2], sides, strict=True))
    found = np.array(pixels)
    found[top : top + sides[0], left : left + sides[1]] = 0
    return found


def blurred(pixels: np.ndarray, factor: int) -> np.ndarray:
    """A picture made smaller and larger again by a Gaussian pyramid, as OpenCV's pyrDown and pyrUp, at its own size.

    Args:
        pixels: (height, width, 3) uint8.
        factor: a power of two; 1 leaves the picture as it is.
    """
    found, steps = pixels, int(log2(factor))
    for _ in range(steps):
        found = _smaller(_smaller(found, 0), 1, rounds=True)
    for _ in range(steps):
        found = _larger(_larger(found, 0), 1, rounds=True)
    return np.ascontiguousarray(found[: pixels.shape[0], : pixels.shape[1]])


def _smaller(values: np.ndarray, axis: int, *, rounds: bool = False) -> np.ndarray:
    """Every second of the values weighted 1 4 6 4 1; sums of both axes are rounded at once, as OpenCV does."""
    number = values.shape[axis]
    centres = np.arange(0, number, 2)
    wide = values.astype(np.int32) if values.dtype == np.uint8 else values
    total = sum(
        weight * wide.take(_reflected(centres + offset, number), axis=axis)
        for offset, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True)
    )
    assert isinstance(total, np.ndarray)
    return ((total + 128) >> 8).astype(np.uint8) if rounds else total


def _larger(values: np.ndarray, axis: int, *, rounds: bool = False) -> np.ndarray:
    """Twice as many: the values weighted 1 6 1, and between two of them 4 4."""
    number = values.shape[axis]
    wide = values.astype(np.int32) if values.dtype == np.uint8 else values
    places = np.arange(number)
    before, after = _reflected(places - 1, number), np.minimum(places + 1, number - 1)
    even = wide.take(before, axis=axis) + 6 * wide + wide.take(after, axis=axis)
    odd = 4 * (wide + wide.take(after, axis=axis))
    shape = [*wide.shape[:axis], 2 * number, *wide.shape[axis + 1 :]]
    both = np.stack([even, odd], axis=axis + 1).reshape(shape)
    return ((both + 32) >> 6).astype(np.uint8) if rounds else both


def _reflected(places: np.ndarray, number: int) -> np.ndarray:
    """Places beyond an edge, mirrored at the outermost value."""
    if number == 1:
        return np.zeros_like(places)
    turned = np.abs(places) % (2 * number - 2)
    return np.where(turned < number, turned, 2 * number - 2 - turned)
