"""A decoded frame as pixels: RGB or grey, at full size or shrunk, turned upright if the file says how."""

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter


def upright_pixels(frame: av.VideoFrame, converter: VideoReformatter | None = None) -> np.ndarray:
    """Return the pixels of a frame, turned upright if the file says how.

    Args:
        frame: as decoded.
        converter: for many frames, so that it is set up but once.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    return _upright(_rgb(frame, frame.width, frame.height, converter=converter), frame.rotation)


def upright_grey(frame: av.VideoFrame, longer_side: int) -> np.ndarray:
    """(height, width) uint8, shrunk by FFmpeg if its longer side is longer, turned upright."""
    scale = min(1.0, longer_side / max(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    small = frame.reformat(width, height, "gray", src_color_range=frame.color_range, interpolation="AREA", threads=1)
    return _upright(small.to_ndarray(), frame.rotation)


def thumbnail(frame: av.VideoFrame, size: int) -> np.ndarray:
    """(size, size, 3) uint8: shrunk by FFmpeg to `size` along the shorter side, then cropped to the centre."""
    scale = size / min(frame.width, frame.height)
    width, height = (max(size, round(side * scale)) for side in (frame.width, frame.height))
    left, top = (width - size) // 2, (height - size) // 2
    pixels = _rgb(frame, width, height, Interpolation.AREA)[top : top + size, left : left + size]
    return _upright(pixels, frame.rotation)


def _rgb(
    frame: av.VideoFrame,
    width: int,
    height: int,
    interpolation: Interpolation = Interpolation.BICUBIC,
    converter: VideoReformatter | None = None,
) -> np.ndarray:
    """(height, width, 3) uint8; bicubic, where chroma is interpolated at all, is what OpenCV and so upstream uses."""
    converter = converter or VideoReformatter()
    small = converter.reformat(
        frame, width, height, "rgb24", src_color_range=frame.color_range, interpolation=interpolation, threads=1
    )
    return small.to_ndarray()


def _upright(pixels: np.ndarray, rotation: int) -> np.ndarray:
    """Apply the display matrix of phone videos: `rotation` degrees counterclockwise. A contiguous copy."""
    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns) if turns else pixels)
