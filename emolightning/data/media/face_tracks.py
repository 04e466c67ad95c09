"""Boxes of single pictures -> faces that stay: linked over time, gaps bridged, smoothed; and which of them is meant.

Plain numbers: nothing here sees a picture, except `mouth_motion`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Choice = Literal["largest", "longest", "speaking"]

LINKED = 0.3
"""Least overlap (intersection over union) of one face in two looks."""
BRIDGED = 6
"""Looks in a row that may miss a face before its track ends."""
SMOOTHED = 1.0
"""Standard deviation, in looks, of the Gaussian that smooths a track."""
FEWEST = 2
"""Looks that must find a face, where there are as many."""
STEADY = 0.5
"""Looks that must find a face, as a share of those from the first that does to the last."""
SHARE = 0.25
"""Looks that must find a face, as a share of those of the face that is found most: what flickers is none."""
FEWEST_SPEAKING = 8
"""Frames of a face that can be compared with the sound."""
CORRELATED = 0.1
"""Least correlation of a mouth with the sound: below it is chance, and the speaker may not be seen."""
SPEECH_SMOOTHED = 2.0
"""Standard deviation, in frames, of the Gaussian that smooths mouth and loudness: syllables are what counts."""


@dataclass
class Track:
    """One face over time."""

    frames: list[int] = field(default_factory=list)
    """Where it was found, in order."""
    boxes: list[np.ndarray] = field(default_factory=list)
    """(3,) each: centre and side."""


@dataclass(frozen=True)
class Film:
    """A track without gaps: the frames from `first` on show the face."""

    first: int
    boxes: np.ndarray
    """(frames, 3) float64: centre and side in each of them."""
    num_found: int
    """Looks that found it; the other boxes lie between."""

    @property
    def area(self) -> float:
        """Mean area of the boxes, in square pixels."""
        return float((self.boxes[:, 2] ** 2).mean())


def link(looks: Sequence[tuple[int, np.ndarray]]) -> list[Track]:
    """Tracks, by their first frame.

    Args:
        looks: frame and (faces, 3) boxes, in order of time.
    """
    tracks: list[Track] = []
    last_seen: list[int] = []
    for number, (frame, boxes) in enumerate(looks):
        open_tracks = [k for k, seen in enumerate(last_seen) if number - seen <= BRIDGED + 1]
        pairs = sorted(
            ((-overlap(tracks[k].boxes[-1], box), k, index) for k in open_tracks for index, box in enumerate(boxes)),
        )
        taken: set[int] = set()
        continued: set[int] = set()
        for negative, k, index in pairs:
            if -negative >= LINKED and k not in continued and index not in taken:
                continued.add(k)
                taken.add(index)
                tracks[k].frames.append(frame)
                tracks[k].boxes.append(boxes[index])
                last_seen[k] = number
        for index, box in enumerate(boxes):
            if index not in taken:
                tracks.append(Track([frame], [box]))
                last_seen.append(number)
    return tracks


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two squares."""
    low = np.maximum(one[:2] - one[2] / 2, other[:2] - other[2] / 2)
    high = np.minimum(one[:2] + one[2] / 2, other[:2] + other[2] / 2)
    both = float(np.prod(np.maximum(high - low, 0)))
    return both / float(one[2] ** 2 + other[2] ** 2 - both)


def lasting(tracks: Sequence[Track], looks: Sequence[int], *, fewest: int = FEWEST) -> list[Track]:
    """The tracks that are found often enough to be a face.

    Args:
        tracks: of one clip.
        looks: the frames that were looked at.
        fewest: looks that must find a face, where there are as many.
    """
    steady = [track for track in tracks if len(track.frames) >= STEADY * len(_looks_of(track, looks))]
    needed = max([min(fewest, len(looks)), *(SHARE * len(track.frames) for track in steady)])
    return [track for track in steady if len(track.frames) >= needed]


def _looks_of(track: Track, looks: Sequence[int]) -> list[int]:
    return [frame for frame in looks if track.frames[0] <= frame <= track.frames[-1]]


def fill(track: Track, looks: Sequence[int], num_frames: int) -> Film:
    """Boxes for every frame of a track, so smooth that a crop does not jump.

    Args:
        track: with at least one box.
        looks: the frames that were looked at, in order.
        num_frames: of the clip. What the last look finds stays to the end.
    """
    from scipy.ndimage import gaussian_filter1d, median_filter

    first, last = track.frames[0], track.frames[-1]
    between = _looks_of(track, looks)
    found = np.array(track.boxes)
    boxes = np.column_stack([np.interp(between, track.frames, values) for values in found.T])
    boxes = gaussian_filter1d(median_filter(boxes, (3, 1), mode="nearest"), SMOOTHED, axis=0, mode="nearest")
    end = num_frames if last == looks[-1] else last + 1
    frames = np.arange(first, end)
    return Film(first, np.column_stack([np.interp(frames, between, values) for values in boxes.T]), len(found))


@dataclass(frozen=True)
class Chosen:
    """Which of several films is meant, and why."""

    index: int
    because: str
    speaking: tuple[float | None, ...] = ()
    """The correlation of each film's mouth with the sound, where that was asked; None where there is none."""


def choose(films: Sequence[Film], choice: Choice) -> Chosen:
    """The largest film by mean area, or the longest by frames; of equals the larger, then the first."""
    if len(films) == 1:
        return Chosen(0, "the only face")
    if choice == "longest":
        lengths = [(len(film.boxes), film.area) for film in films]
        return Chosen(lengths.index(max(lengths)), "the longest")
    areas = [film.area for film in films]
    return Chosen(areas.index(max(areas)), "the largest")


def choose_speaking(films: Sequence[Film], motions: Sequence[np.ndarray], loudness: np.ndarray) -> Chosen:
    """The film whose mouth moves with the sound; the largest where none does.

    Args:
        films: at least one.
        motions: of each film (frames,), see `mouth_motion`.
        loudness: of each frame of the clip, see `loudness_of_frames`.
    """
    found = [
        _correlation(motion, loudness[film.first : film.first + len(motion)])
        for film, motion in zip(films, motions, strict=True)
    ]
    best = max(range(len(found)), key=lambda index: found[index] or -1.0)
    if (found[best] or -1.0) < CORRELATED:
        largest = choose(films, "largest")
        return Chosen(largest.index, f"{largest.because}, for no mouth moves with the sound", tuple(found))
    return Chosen(best, "the one whose mouth moves with the sound", tuple(found))


def mouth_motion(lower_halves: Sequence[np.ndarray]) -> np.ndarray:
    """Mean change of the grey levels from frame to frame.

    Args:
        lower_halves: of a face in each frame, all of one size.

    Returns:
        (frames,) float64; the first has none before it and gets the change of the second.
    """
    changes = [
        float(np.abs(now.astype(np.float64) - before).mean())
        for before, now in zip(lower_halves, lower_halves[1:], strict=False)
    ]
    return np.array([*changes[:1], *changes]) if changes else np.zeros(len(lower_halves))


def loudness_of_frames(waveform: np.ndarray, sample_rate: int, seconds: np.ndarray) -> np.ndarray:
    """Root mean square of the sound around each frame, from half way to the one before to half way to the next.

    Args:
        waveform: (samples,) float32.
        sample_rate: Hz.
        seconds: (frames,) since the sound began.
    """
    middles = (seconds[1:] + seconds[:-1]) / 2
    half = middles[0] - seconds[0] if len(middles) else np.inf
    edges = np.concatenate([[seconds[0] - half], middles, [seconds[-1] + half]]) * sample_rate
    bounds = np.clip(edges, 0, len(waveform)).astype(int)
    power = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    return np.sqrt(np.maximum(np.diff(power[bounds]), 0) / np.maximum(np.diff(bounds), 1))


def _correlation(motion: np.ndarray, loudness: np.ndarray) -> float | None:
    """Pearson's, of both smoothed over a few frames; None for less than a third of a second, stillness or silence."""
    from scipy.ndimage import gaussian_filter1d

    length = min(len(motion), len(loudness))
    if length < FEWEST_SPEAKING:
        return None
    one, other = (gaussian_filter1d(values[:length], SPEECH_SMOOTHED, mode="nearest") for values in (motion, loudness))
    if one.std() < 1e-9 or other.std() < 1e-6:
        return None
    return round(float(np.corrcoef(one, other)[0, 1]), 4)
