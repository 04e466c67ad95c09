"""What can be seen and heard of some clips, for a table at W&B: as many as its settings allow, the others counted."""

import wave
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.data.media.audio import read_waveform
from emolightning.data.media.choice import FrameChoice, parse_frame_choice
from emolightning.data.media.held import held_open
from emolightning.data.media.opening import MediaError, open_stream
from emolightning.data.media.video import read_frames
from emolightning.errors import UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.runs.report.page import shown_clips
from emolightning.runs.report.pictures import jpeg, thumbnail

RATE_HZ = 16_000
"""Samples a second of the sound, which has one channel."""
SAMPLE_BYTES = 2

MB = 1e6
SMALLEST = 500
"""Bytes of less than which there is neither a picture nor sound."""


@dataclass
class ShownMedia:
    """Media of W&B's own classes; their files have to stay until the table is logged."""

    columns: dict[str, dict[str, Any]] = field(default_factory=lambda: {"picture": {}, "sound": {}})
    """Column -> clip -> what is shown."""
    num_clips: int = 0
    num_left_out: int = 0
    """Clips beyond what the settings allow, and those of which nothing can be read."""

    def counts(self, split: str) -> dict[str, int]:
        """How many there are, by names for the summary of a run."""
        return {f"{split}/media_clips": self.num_clips, f"{split}/media_left_out": self.num_left_out}


def shown_media(
    clips: Sequence[Clip],
    scored: Sequence[tuple[Answer, Score]],
    folder: Path,
    *,
    frame: str,
    most_clips: int,
    most_mb: float,
) -> ShownMedia:
    """The first evaluated frame and the sound of clips that are worth looking at first.

    Args:
        clips: of the split.
        scored: their answers, and what was read from them.
        folder: for the files.
        frame: which frames were evaluated.
        most_clips: that are shown.
        most_mb: for all files together, in megabytes; a clip that does not fit is left out, the next may.
    """
    import wandb

    found, room, choice = ShownMedia(), most_mb * MB, parse_frame_choice(frame)
    rows = [(clip, *pair) for clip, pair in zip(clips, scored, strict=True)]
    for number, clip in enumerate(shown_clips(rows, most_clips)):
        if room < SMALLEST or found.num_clips == most_clips:
            break
        if _seconds_of_sound(clip) * RATE_HZ * SAMPLE_BYTES > room:
            continue
        with held_open(clip.video, clip.span):
            files = _files(clip, choice, folder / str(number))  # A clip may be called as it likes.
        size = sum(path.stat().st_size for path in files.values())
        if size > room:
            for path in files.values():
                path.unlink()
        elif files:
            room -= size
            found.num_clips += 1
            for column, path in files.items():
                shown = wandb.Image(str(path)) if column == "picture" else wandb.Audio(str(path))
                found.columns[column][clip.id] = shown
    found.num_left_out = len(clips) - found.num_clips
    return found


def _seconds_of_sound(clip: Clip) -> float:
    """How long it lasts by its header, so that nothing is decoded that does not fit; 0 where that is not known."""
    try:
        with open_stream(clip.video, "audio") as (_, stream):
            if stream is None:
                return 0.0
            if clip.span is not None:
                return clip.span.end - clip.span.start
            return 0.0 if stream.duration is None else float(stream.duration * stream.time_base)
    except MediaError:
        return 0.0


def _files(clip: Clip, choice: FrameChoice, stem: Path) -> Mapping[str, Path]:
    """A picture and the sound of a clip, each as far as the clip has it and it can be read."""
    files: dict[str, Path] = {}
    with suppress(UserError):
        frames = read_frames(clip.video, choice.of_clip(clip.id), span=clip.span, keep=thumbnail)
        files["picture"] = stem.with_suffix(".jpg")
        files["picture"].write_bytes(jpeg(frames[0]))
    with suppress(UserError):
        samples = read_waveform(clip.video, sample_rate=RATE_HZ, span=clip.span)
        files["sound"] = stem.with_suffix(".wav")
        with wave.open(str(files["sound"]), "wb") as file:
            file.setparams((1, SAMPLE_BYTES, RATE_HZ, 0, "NONE", "not compressed"))
            file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return files
