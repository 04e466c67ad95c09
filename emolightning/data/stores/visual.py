"""What the frozen vision tower makes of the chosen frames: computed once per clip, kept on disk, read in every step.

A step then costs no pass through the tower, and its vectors do not depend on which clips share a batch.
"""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from emolightning.data.media.frames import FrameStore
from emolightning.data.stores.cache import ABSENT, Outcome, compute_missing, file_stamp, load_array
from emolightning.data.stores.manifest import Kept, Manifest
from emolightning.data.stores.reading import HELD_BYTES
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip

log = logging.getLogger(__name__)

See = Callable[[np.ndarray], dict[str, np.ndarray]]
"""(frames, 3, size, size), normalised -> stream name -> (tokens, width)."""

MANY = 100
"""Clips whose time is worth an estimate, which costs two passes through the tower."""


class VisualStore:
    """Vectors of the visual streams.

    Args:
        folder: cache of the dataset; a folder per tower, choice of frames, size and type is made inside.
        frames: where the frames come from.
        tower: fingerprint of the tower's weights.
        streams: names of what the tower makes of frames.
        dtype: type of the values on disk; float16 rounds those of a tower that computes in float32.
    """

    def __init__(
        self, folder: Path, *, frames: FrameStore, tower: str, streams: Sequence[str], dtype: Kept = "float32"
    ):
        self.frames = frames
        chosen = frames.folder.name.removeprefix("frames-")
        name = f"vision-{tower[:12]}-{chosen}-{dtype}"
        self.folders = {stream: folder / name / stream for stream in streams}
        self.manifests = {
            stream: Manifest(
                "vision tower", stream, weights=tower, level="frame", parameters={"frames": chosen}, dtype=dtype
            )
            for stream in streams
        }
        self._seen_of: dict[str, list[int]] = {}
        self._held: dict[tuple[str, str], np.ndarray] = {}
        self._room = HELD_BYTES

    def prepare(self, clips: Sequence[Clip], see: See, *, bytes_per_clip: int) -> None:
        """Compute what is not there yet, a clip at a time.

        Args:
            clips: of the run.
            see: the tower.
            bytes_per_clip: of what is written.

        Raises:
            UserError: the disk is too small, says what is needed and how to do without; or another tower's vectors
                are there.
            InputErrors: frames that were decoded before cannot be read any more.
        """
        folder = next(iter(self.folders.values()))
        missing = [clip for clip in clips if not (folder / f"{clip.id}.npy").exists()]
        _require_space(folder, len(missing) * bytes_per_clip)
        if len(missing) >= MANY:
            with suppress(UserError):  # Said of the clip, below.
                self._estimate(missing, see, bytes_per_clip)

        def compute(clip: Clip, names: tuple[str, ...]) -> Outcome:
            seen = see(self.frames.load(clip))
            return Outcome({name: seen[name] for name in names})

        stamps = {clip.id: file_stamp(clip.video) for clip in clips}
        # In this process: the tower is here, on its device.
        summary = compute_missing(
            clips, self.folders, compute, title="Vision tower", num_workers=1, manifests=self.manifests
        )
        if summary.problems:
            raise InputErrors("vision tower", [f"{clip_id}: {text}" for clip_id, text in summary.problems.items()])
        self._seen_of |= stamps

    def load(self, clip: Clip, stream: str) -> np.ndarray:
        """(tokens, width), nobody's to change: what fits is read once.

        Raises:
            UserError: the tower has not seen this clip, or an older file of it.
        """
        if clip.id not in self._seen_of:
            raise UserError(f"{clip.video}: the vision tower has not seen it; start the run again")
        if file_stamp(clip.video) not in (self._seen_of[clip.id], ABSENT):  # What is gone is not needed any more.
            raise UserError(f"{clip.video}: was changed after the vision tower saw it; start the run again")
        held = self._held.get((clip.id, stream))
        if held is None:
            held = load_array(self.folders[stream] / f"{clip.id}.npy")
            if held.nbytes <= self._room:
                self._held[clip.id, stream] = held
                self._room -= held.nbytes
        return held

    def _estimate(self, missing: Sequence[Clip], see: See, bytes_per_clip: int) -> None:
        """Say how long it takes and how much it writes; a first pass is slower than those that follow."""
        frames = self.frames.load(missing[0])
        see(frames)
        started = time.perf_counter()
        see(frames)
        minutes = (time.perf_counter() - started) * len(missing) / 60
        size = len(missing) * bytes_per_clip / 1e9
        log.info("vision tower: %d clips, about %.0f minutes, %.2f GB in data.cache", len(missing), minutes, size)


def _require_space(folder: Path, num_bytes: int) -> None:
    there = next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(there).free
    if num_bytes > free:
        raise UserError(
            f"{folder}: the vision tower's vectors need {num_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; set "
            "data.cache to another disk, precompute_dtype=float16 if it is not, or precompute_vision=false to run the "
            "tower in every step"
        )
