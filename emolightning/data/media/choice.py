"""Which frames of a clip are looked at."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from emolightning.errors import InputErrors, UserError, shown

SEED = 42
"""Emotion-LLaMA-v2 seeds numpy with it before it draws windows."""

_UNKNOWN = -1
"""Value of a `peak` until a file or the pictures say which frame it is."""

_WORDS = (
    "first, middle, peak, peak:FILE, an index such as 12 or -1, even:N such as even:4, window:N such as window:16, "
    "or fps:N such as fps:2"
)

MOST_OF_RATE = 32
"""Frames of a clip at most, where so many a second are chosen."""


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a clip are looked at."""

    kind: Literal["index", "middle", "even", "window", "peak", "fps"]
    value: int = 0
    """The index (negative counts from the end), how many frames for `even` and `window` and at most for `fps`, or the
    place of the `peak`."""
    seed: int = SEED
    """It draws where a `window` begins."""
    file: str = ""
    """It says which frame is the `peak` of each clip."""
    rate: float = 0.0
    """Frames a second, for `fps`."""

    @property
    def num_frames(self) -> int:
        """How many are chosen of every clip, for `fps` at most."""
        return self.value if self.kind in ("even", "window", "fps") else 1

    def __str__(self) -> str:
        """One of the texts that `parse_frame_choice` reads as this."""
        if self.kind == "index":
            return str(self.value) if self.value else "first"
        if self.kind == "peak":
            return f"peak:{self.file}" if self.file else "peak"
        if self.kind == "fps":
            return f"fps:{self.rate:g}:{self.value}"
        seed = f":{self.seed}" if self.kind == "window" and self.seed != SEED else ""
        return "middle" if self.kind == "middle" else f"{self.kind}:{self.value}{seed}"

    @property
    def key(self) -> str:
        """The part of a folder's name that tells frames chosen so from all others.

        Raises:
            UserError: the file of peaks cannot be read.
        """
        if not self.file:
            return str(self).replace(":", "-")
        return f"peak-{hashlib.sha256(repr(sorted(read_peaks(self.file).items())).encode()).hexdigest()[:12]}"

    @property
    def is_unknown(self) -> bool:
        """Whether the pictures themselves say which one is chosen."""
        return self.kind == "peak" and self.value == _UNKNOWN and not self.file

    def of_clip(self, clip_id: str) -> "FrameChoice":
        """The choice in one clip: what a file of peaks says of it; all others are the same in every clip.

        Raises:
            UserError: the file cannot be read, or says nothing of the clip.
        """
        if not self.file:
            return self
        peaks = read_peaks(self.file)
        if clip_id not in peaks:
            raise UserError(f"{self.file}: says no peak_index of clip {clip_id!r}")
        return FrameChoice("peak", peaks[clip_id])

    def over(self, seconds: float) -> "FrameChoice":
        """What `fps` chooses of a clip so long: the centres of equal parts.

        >>> str(FrameChoice("fps", 32, rate=2).over(3.6)), str(FrameChoice("fps", 4, rate=2).over(3.6))
        ('even:7', 'even:4')
        """
        return FrameChoice("even", min(self.value, max(1, round(seconds * self.rate))))

    def positions(self, num_frames: int) -> list[int]:
        """The chosen frames of a clip with `num_frames`; of too few some are repeated.

        Raises:
            IndexError: the index is beyond the end.
            ValueError: a peak that is not known.
        """
        if self.kind == "index":
            return [range(num_frames)[self.value]]
        if self.kind == "window":
            return _window(num_frames, self.value, self.seed)
        if self.kind == "peak":
            if self.value == _UNKNOWN:
                raise ValueError("Expected the peak of a clip to be known, but got only how many frames there are")
            return [min(self.value, num_frames - 1)]  # As upstream does.
        return even_positions(num_frames, self.num_frames)


def parse_frame_choice(text: str) -> FrameChoice:
    """`first`, `middle`, an index (`12`, `-1` is the last), `even:4`, `window:16`, `fps:2`, `peak` or `peak:FILE`.

    `even:4` is the centres of four equal parts; `window:16` is sixteen frames in a row from a random place, which
    follows from the number of frames and a seed, as in `window:16:7`; `fps:2` is two frames a second, at most
    MOST_OF_RATE or, as in `fps:2:16`, another number, for models that take any number of frames.

    Raises:
        UserError: anything else.
    """
    if text in ("first", "middle"):
        return FrameChoice("index" if text == "first" else "middle")
    if re.fullmatch(r"-?\d{1,9}", text):
        return FrameChoice("index", int(text))
    if found := re.fullmatch(r"even:0*([1-9]\d{0,3})", text):
        return FrameChoice("even", int(found[1]))
    if found := re.fullmatch(r"window:0*([1-9]\d{0,3})(?::(\d{1,9}))?", text):
        return FrameChoice("window", int(found[1]), seed=int(found[2] or SEED))
    if found := re.fullmatch(r"fps:0*((?:[1-9]\d{0,2}|0?(?=\.\d*[1-9]))(?:\.\d{1,3})?)(?::0*([1-9]\d{0,3}))?", text):
        return FrameChoice("fps", int(found[2] or MOST_OF_RATE), rate=float(found[1]))
    if found := re.fullmatch(r"peak(?::(\S.*))?", text):
        return FrameChoice("peak", _UNKNOWN, file=found[1] or "")
    raise UserError(f"data.frame={text!r} is not {_WORDS}")


def require_equal(choice: FrameChoice, name: str) -> FrameChoice:
    """The choice, if it gives every clip the same number of frames, as a vision tower needs them.

    Raises:
        UserError: it does not.
    """
    if choice.kind == "fps":
        raise UserError(
            f"data.frame={choice}: gives clips different numbers of frames, and {name} needs the same of each; say "
            f"data.frame=even:N, e.g. even:{choice.value}"
        )
    return choice


def even_positions(num_frames: int, count: int) -> list[int]:
    """The centres of `count` equal parts, in whole numbers so that no rounding differs anywhere."""
    return [(2 * part + 1) * num_frames // (2 * count) for part in range(count)]


def _window(num_frames: int, count: int, seed: int) -> list[int]:
    """Emotion-LLaMA-v2's: all frames of a short clip, some of them more than once, or a draw of where it ends."""
    if num_frames <= count:
        return np.linspace(0, num_frames - 1, count).astype(int).tolist()
    # A generator for each clip: where a window lies does not depend on which clips were read before.
    end = int(np.random.RandomState(seed).randint(count, num_frames))
    return list(range(end - count, end))


def read_peaks(file: str) -> Mapping[str, int]:
    """Emotion-LLaMA's JSON `{clip id: {"peak_index": 17}}` -> clip id -> frame.

    Raises:
        InputErrors: the entries that say something else.
        UserError: the file cannot be read.
    """
    path = Path(file)
    if not path.is_file():
        raise UserError(f"data.frame=peak:{file}: there is no such file")
    return _read_peaks(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_peaks(path: Path, changed: int) -> Mapping[str, int]:
    """Read once in each process, unless the file changes."""
    expected = 'a JSON file such as {"sample_00000001": {"peak_index": 17}}'
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"data.frame=peak:{path}: is not {expected} ({error})") from error
    if not isinstance(entries, dict):
        raise UserError(f"data.frame=peak:{path}: is not {expected}")
    peaks, problems = {}, []
    for clip, entry in entries.items():
        index = entry.get("peak_index") if isinstance(entry, dict) else None
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            problems.append(f"{shown(clip)!r}: {shown(repr(entry))} has no peak_index from 0 on")
        else:
            peaks[clip] = index
    if problems:
        raise InputErrors(f"data.frame=peak:{path}", problems)
    return peaks
