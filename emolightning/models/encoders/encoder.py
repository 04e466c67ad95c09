"""What an encoder is, and how its vectors become one a clip."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from emolightning.errors import UserError

SAMPLE_RATE_HZ = 16000
"""Sound that every encoder of sound is given."""


@runtime_checkable
class Encoder(Protocol):
    """Turns one modality of clips into vectors. It never opens media: the caller decodes.

    `configs/recipe/` says which class with which parameters computes which published features; a class is built with
    `Class(weights=FOLDER, device=..., **parameters)`.
    """

    takes: Literal["sound", "frames", "text"]
    """What an item is.

    sound: float32 (samples,), one channel at 16 kHz, 16-bit values / 32768.
    frames: uint8 (frames, height, width, 3), RGB, at the positions that `positions` names.
    text: str.
    """
    fingerprint: str
    """SHA-256 of the content of the files of weights, see `weights.fingerprint`."""

    def encode(self, items: Sequence[Any]) -> list[np.ndarray]:
        """The vectors at FRAME level, one float32 array (steps, width) for each item.

        The values of an item are the same to the bit whatever else is in `items`.

        Raises:
            CannotEncode: one item cannot be encoded; the others may be given again without it.
        """
        ...


@runtime_checkable
class FrameEncoder(Encoder, Protocol):
    """An encoder that chooses frames."""

    def positions(self, num_frames: int) -> list[int]:
        """Which frames of a clip it looks at, in order; repeats are allowed."""
        ...


class CannotEncode(UserError):
    """One item has no vector. The caller, who knows the clip, names it.

    Args:
        item: its place in `items`.
        reason: what is wrong with it and what is allowed.
    """

    def __init__(self, item: int, reason: str):
        super().__init__(reason)
        self.item = item


def utterance(steps: np.ndarray) -> np.ndarray:
    """The vectors of a clip as one: numpy's float32 mean over the steps, whose rounding the published files have.

    Args:
        steps: float32 (steps, width).

    Returns:
        float32 (width,).
    """
    if steps.ndim != 2 or steps.dtype != np.float32 or not len(steps):
        raise ValueError(f"Expected float32 (steps, width) with a step, but got {steps.dtype} {steps.shape}.")
    return np.mean(steps, axis=0)
