"""What an encoder is, and how its vectors become one a clip."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    side_files: Mapping[str, str]
    """File beside the weights that is read -> its SHA-256: what sound, frames or text become for the network."""

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


@contextmanager
def exact_float32() -> Iterator[None]:
    """Compute without gradients, and on a GPU without TF32, which convolutions use by default: 1e-3 instead of 1e-6."""
    import torch

    with (
        torch.inference_mode(),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


def require_sound(sounds: Sequence[np.ndarray], *, fewest_samples: int) -> None:
    """Refuse what is too short for a single vector.

    Args:
        sounds: float32 (samples,) each.
        fewest_samples: that make one.

    Raises:
        CannotEncode: names the first such item.
    """
    for item, sound in enumerate(sounds):
        if sound.ndim != 1 or sound.dtype != np.float32:
            raise ValueError(f"Expected float32 (samples,), but got {sound.dtype} {sound.shape}.")
        if len(sound) < fewest_samples:
            raise CannotEncode(
                item,
                f"its sound has {len(sound)} samples at {SAMPLE_RATE_HZ} Hz, and this encoder needs at least "
                f"{fewest_samples} ({1000 * fewest_samples / SAMPLE_RATE_HZ:g} ms)",
            )


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
