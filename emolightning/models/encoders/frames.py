"""What all encoders of frames have in common: they take the frames of a clip a chunk at a time."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from emolightning.errors import UserError
from emolightning.models.encoders.encoder import CannotEncode, exact_float32
from emolightning.models.encoders.pixels import Pixels
from emolightning.models.encoders.positions import parse_positions

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 32
"""Frames that MERBench's scripts put through a model together."""

THREADS = min(8, os.cpu_count() or 1)
"""Frames of a chunk that are made ready at a time: on a GPU this takes longer than the model does."""

Channels = Literal["rgb", "bgr"]
Sees = Literal["frames", "faces"]


class ChunkedFrames:
    """An encoder of frames (`FrameEncoder`); a kind of model says what it makes of a chunk.

    A chunk holds frames of one clip only, counted from its beginning, so the values of a clip are the same to the bit
    whatever else is encoded. Memory holds the pixels of one chunk, however long a clip is.

    Args:
        files: of the weights.
        folder: that has descriptions of the model and of its pixels beside them; None for a file of weights alone.
        frames: the rule for positions, see `parse_positions`.
        pixels: frame -> what the model takes.
        device: where the model is.
        chunk: frames that go through the model together.
        is_film: whether the model takes a chunk as one film, so that it must be full.
        sees: what the caller gives: whole frames, or the face that was cut out of each.
        decoded_at: the size, both ways, at which frames have to come out of the decoder; None takes any.
        channels: the order of colours in which the model was given its frames.

    Raises:
        UserError: an unknown rule, kind of frames or order, or a rule that gives a film of another length.
    """

    takes: Literal["frames"] = "frames"

    def __init__(
        self,
        *,
        files: Sequence[Path],
        folder: Path | None = None,
        frames: str,
        pixels: Pixels,
        device: str,
        chunk: int = CHUNK,
        is_film: bool = False,
        sees: Sees = "frames",
        decoded_at: int | None = None,
        channels: Channels = "rgb",
    ):
        for name, value, allowed in (("sees", sees, get_args(Sees)), ("channels", channels, get_args(Channels))):
            if value not in allowed:
                raise UserError(f"{name}={value!r} is neither {' nor '.join(allowed)}")
        self._files, self._folder = files, folder
        self.positions = parse_positions(frames)
        self.chunk = chunk
        self.sees = sees
        self.decoded_at = decoded_at
        self._is_film = is_film
        if is_film and any(len(self.positions(num_frames)) % chunk for num_frames in (1, 1000)):
            raise UserError(f"frames={frames} does not give {chunk} frames, or a multiple; this encoder takes so many")
        self.pixels = pixels
        self._device = device
        self._channels = channels

    @cached_property
    def fingerprint(self) -> str:
        """As `Encoder.fingerprint`."""
        from emolightning.models.encoders.weights import fingerprint

        return fingerprint(self._files)

    @cached_property
    def side_files(self) -> dict[str, str]:
        """As `Encoder.side_files`."""
        from emolightning.models.encoders.weights import PROCESSING, side_files

        return {} if self._folder is None else side_files(self._folder, PROCESSING)

    def see(self, pixels: "Tensor") -> "Tensor":
        """(frames, 3, height, width) of a chunk -> (steps, width)."""
        raise NotImplementedError

    def encode(self, items: Sequence[Iterable[np.ndarray]]) -> list[np.ndarray]:
        """The vectors of each clip, float32 (steps, width).

        Args:
            items: of each clip its frames at the positions, uint8 (height, width, 3) RGB; an array, or anything that
                gives them one by one, which is then gone through once.

        Raises:
            CannotEncode: a clip without frames, or frames of another form.
        """
        return [self._encode(number, frames) for number, frames in enumerate(items)]

    def _encode(self, number: int, frames: Iterable[np.ndarray]) -> np.ndarray:
        with ThreadPoolExecutor(THREADS) as pool:
            steps = [self._steps(number, chunk, pool) for chunk in _chunks(frames, self.chunk)]
        if not steps:
            raise CannotEncode(number, "there is no frame; at least one is needed")
        return np.concatenate(steps)

    def _steps(self, number: int, chunk: list[np.ndarray], pool: Executor) -> np.ndarray:
        if self._is_film and len(chunk) != self.chunk:
            reason = f"a film of {len(chunk)} frames; this encoder takes {self.chunk}, at the positions that it names"
            raise CannotEncode(number, reason)
        import torch

        pixels = np.stack(list(pool.map(lambda frame: self.pixels(self._ordered(number, frame)), chunk)))
        with exact_float32():
            return self.see(torch.from_numpy(pixels).to(self._device)).float().cpu().numpy()

    def _ordered(self, number: int, frame: np.ndarray) -> np.ndarray:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            found = f"{frame.dtype} {frame.shape}"
            raise CannotEncode(number, f"a frame is {found}; it must be uint8 (height, width, 3), with pixels")
        if self.decoded_at is not None and frame.shape[:2] != (self.decoded_at, self.decoded_at):
            found, side = f"{frame.shape[1]} x {frame.shape[0]} pixels", self.decoded_at
            raise CannotEncode(number, f"a frame has {found}; the decoder must give {side} x {side}, see `decoded_at`")
        return np.ascontiguousarray(frame[..., ::-1] if self._channels == "bgr" else frame)


def _chunks(frames: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    rest = iter(frames)
    while chunk := list(islice(rest, size)):
        yield chunk
