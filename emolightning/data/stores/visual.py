"""What the frozen vision tower makes of the chosen frames: computed once per clip, kept on disk, read in every step.

A step then costs no pass through the tower, and its vectors do not depend on which clips share a batch.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from emolightning.data.media.frames import FrameStore
from emolightning.data.stores.cache import Outcome, compute_missing, load_array
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip

See = Callable[[np.ndarray], dict[str, np.ndarray]]
"""(frames, 3, size, size), normalised -> stream name -> (tokens, width)."""


class VisualStore:
    """Vectors of the visual streams.

    Args:
        folder: cache of the dataset; a folder per tower, choice of frames and size is made inside.
        frames: where the frames come from.
        tower: fingerprint of the tower's weights.
        streams: names of what the tower makes of frames.
    """

    def __init__(self, folder: Path, *, frames: FrameStore, tower: str, streams: Sequence[str]):
        self.frames = frames
        name = f"vision-{tower[:12]}-{frames.folder.name.removeprefix('frames-')}"
        self.folders = {stream: folder / name / stream for stream in streams}

    def prepare(self, clips: Sequence[Clip], see: See, *, bytes_per_clip: int) -> None:
        """Compute what is not there yet, a clip at a time.

        Args:
            clips: of the run.
            see: the tower.
            bytes_per_clip: of what is written.

        Raises:
            UserError: the disk is too small; says what is needed and how to do without.
            InputErrors: frames that were decoded before cannot be read any more.
        """
        folder = next(iter(self.folders.values()))
        num_missing = sum(not (folder / f"{clip.id}.npy").exists() for clip in clips)
        _require_space(folder, num_missing * bytes_per_clip)

        def compute(clip: Clip, names: tuple[str, ...]) -> Outcome:
            seen = see(self.frames.load(clip))
            return Outcome({name: seen[name] for name in names})

        # In this process: the tower is here, on its device.
        summary = compute_missing(clips, self.folders, compute, title="Vision tower", num_workers=1)
        if summary.problems:
            raise InputErrors("vision tower", [f"{clip_id}: {text}" for clip_id, text in summary.problems.items()])

    def load(self, clip: Clip, stream: str) -> np.ndarray:
        """(tokens, width)."""
        return load_array(self.folders[stream] / f"{clip.id}.npy")


def _require_space(folder: Path, num_bytes: int) -> None:
    there = next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(there).free
    if num_bytes > free:
        raise UserError(
            f"{folder}: the vision tower's vectors need {num_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; set "
            "data.cache to another disk, or precompute_vision=false to run the tower in every step"
        )
