"""A clip -> the films of the faces in it, the one that is meant, and its crops.

Frames are read one by one; only the chosen crops are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from PIL import Image

from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.face_boxes import LOOKED_AT_PX, boxes_of_bowed_faces, boxes_of_faces
from emolightning.data.media.face_tracks import (
    FEWEST,
    Choice,
    Chosen,
    Film,
    choose,
    choose_speaking,
    fill,
    lasting,
    link,
    loudness_of_frames,
    mouth_motion,
)
from emolightning.data.media.images import resize
from emolightning.data.media.openface import NoFace
from emolightning.data.media.opening import MediaError
from emolightning.data.media.upright import upright_grey, upright_pixels
from emolightning.data.media.video import count_frames, each_frame
from emolightning.records.clips import Clip

LOOK_EVERY = 5
"""Frames from one look for faces to the next: five looks a second in most films."""
MOST_LOOKS = 120
"""Looks in one clip; in a clip of more than 600 frames they are further apart."""
FEWEST_BOWED = 3
"""Looks that must find a face in the search for bowed faces, which finds more that is none."""

_MOUTH_PX = (24, 12)
_RATE_HZ = 16_000

Keep = Callable[[int, np.ndarray], np.ndarray]
"""What is kept of the frame at a position: (height, width, 3) -> an array."""


@dataclass(frozen=True)
class Search:
    """The faces of a clip."""

    films: list[Film]
    """At least one, in pixels of the clip."""
    seconds: np.ndarray
    """The time of every frame of the clip since the first."""
    num_looks: int
    is_bowed: bool
    """Nothing was found upright."""


def find_films(clip: Clip) -> Search:
    """Look for faces in every fifth frame; where no face lasts, for bowed ones in every tenth.

    Raises:
        NoFace: there is none.
        MediaError: not a usable video.
    """
    every = max(LOOK_EVERY, -(-count_frames(clip.video, clip.span) // MOST_LOOKS))
    upright, bowed = (every, boxes_of_faces, FEWEST), (2 * every, boxes_of_bowed_faces, FEWEST_BOWED)
    for step, find, fewest in (upright, bowed):
        looks, seconds = _look(clip, step, find)
        frames = [frame for frame, _ in looks]
        if tracks := lasting(link(looks), frames, fewest=fewest):
            films = [fill(track, frames, len(seconds)) for track in tracks]
            return Search(films, np.array(seconds), len(looks), find is boxes_of_bowed_faces)
    reason = f"no face is found in its {len(seconds)} frames"
    raise NoFace(clip.video, f"{reason}; leave the clip out, or say faces=center for the middle of all pictures")


def choose_film(clip: Clip, search: Search, choice: Choice) -> Chosen:
    """Which face is meant.

    Raises:
        NoAudioTrack: `speaking` has several faces to choose from, and no sound.
    """
    if choice != "speaking" or len(search.films) == 1:
        return choose(search.films, choice)
    try:
        waveform = read_waveform(clip.video, sample_rate=_RATE_HZ, span=clip.span)
    except NoAudioTrack as error:
        reason = f"there are {len(search.films)} faces, and no sound to tell who speaks: {error.reason}"
        raise NoAudioTrack(clip.video, f"{reason}; say faces=detector:largest") from None
    motions = _mouths(clip, search.films)
    return choose_speaking(search.films, motions, loudness_of_frames(waveform, _RATE_HZ, search.seconds))


def squares_of(film: Film, margin: float) -> np.ndarray:
    """(frames, 3) int64: left, top and side of the crop in each frame of a film."""
    sides = np.maximum(np.rint(film.boxes[:, 2] * (1 + 2 * margin)), 1)
    return np.column_stack([np.rint(film.boxes[:, :2] - sides[:, None] / 2), sides]).astype(np.int64)


def crop(pixels: np.ndarray, square: Sequence[int], size: int) -> np.ndarray:
    """(size, size, 3): left, top and side of a square in a picture; what lies outside repeats its border."""
    left, top, side = (int(number) for number in square)
    rows = np.clip(np.arange(top, top + side), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, pixels.shape[1] - 1)
    return resize(np.ascontiguousarray(pixels[rows[:, None], columns]), size)


def centre(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3): the square in the middle of a picture, as large as its shorter side."""
    height, width, _ = pixels.shape
    side = min(height, width)
    return crop(pixels, ((width - side) // 2, (height - side) // 2, side), size)


def each_picture(
    clip: Clip, positions: Sequence[int], keep: Keep, *, read: Callable[[av.VideoFrame], np.ndarray] = upright_pixels
) -> Iterator[np.ndarray]:
    """What is kept of frames, one after the other as they are decoded: memory holds one.

    Args:
        clip: the video, or a piece of it.
        positions: of the frames, each after the one before.
        keep: makes of a position and its picture what is kept, uint8 (height, width, 3).
        read: makes the picture of a decoded frame.

    Raises:
        MediaError: not a usable video, or a frame that is not there.
    """
    wanted = iter(positions)
    next_one = next(wanted, None)
    for position, (_, frame) in enumerate(each_frame(clip.video, clip.span, corruption=clip.corruption)):
        if position == next_one:
            yield keep(position, read(frame))
            next_one = next(wanted, None)
        if next_one is None:
            return
    raise MediaError(clip.video, f"frame {next_one} cannot be decoded; make a sound copy, e.g. with ffmpeg")


def _look(
    clip: Clip, every: int, find: Callable[[np.ndarray], np.ndarray]
) -> tuple[list[tuple[int, np.ndarray]], list[float]]:
    """Frame and boxes of each look, in pixels of the frame, and the time of every frame."""
    looks, seconds = [], []
    for position, (second, frame) in enumerate(each_frame(clip.video, clip.span, corruption=clip.corruption)):
        seconds.append(second)
        if position % every == 0:
            grey = upright_grey(frame, LOOKED_AT_PX)
            looks.append((position, find(grey) * max(frame.width, frame.height) / max(grey.shape)))
    if not looks:
        raise MediaError(clip.video, "no frame of its video stream can be decoded; make a sound copy of the file")
    return looks, seconds


def _mouths(clip: Clip, films: Sequence[Film]) -> list[np.ndarray]:
    """How the lower half of each face moves, frame by frame."""
    halves: list[list[np.ndarray]] = [[] for _ in films]
    for position, (_, frame) in enumerate(each_frame(clip.video, clip.span, corruption=clip.corruption)):
        picture = Image.fromarray(upright_grey(frame, max(frame.width, frame.height)))
        for film, seen in zip(films, halves, strict=True):
            if film.first <= position < film.first + len(film.boxes):
                box = _lower_half(film.boxes[position - film.first], picture.size)
                seen.append(np.asarray(picture.resize(_MOUTH_PX, Image.Resampling.BOX, box=box)))
    return [mouth_motion(seen) for seen in halves]


def _lower_half(box: np.ndarray, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom, inside the picture and not empty."""
    x, y, side = box
    left, right = np.clip([x - side / 2, x + side / 2], 0, size[0])
    top, bottom = np.clip([y, y + side / 2], 0, size[1])
    return (
        float(min(left, size[0] - 1)),
        float(min(top, size[1] - 1)),
        float(max(right, min(left, size[0] - 1) + 1)),
        float(max(bottom, min(top, size[1] - 1) + 1)),
    )
