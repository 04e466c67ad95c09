"""Video file -> frames at full size for the vision tower, or a small film of thumbnails for features.

Nothing here keeps more than the chosen frames in memory. Pixels are taken as square, as upstream does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from emolightning.data.media.choice import FrameChoice, even_positions
from emolightning.data.media.held import held_open
from emolightning.data.media.opening import (
    MediaError,
    check_size,
    complete_packets,
    held_file,
    open_stream,
    packets_of,
)
from emolightning.data.media.picking import fits, kept_packets, picked
from emolightning.data.media.pieces import frames_of_piece, num_frames_of_piece
from emolightning.data.media.signal import peak_of
from emolightning.data.media.upright import thumbnail, upright_pixels
from emolightning.data.perturbing.pictures import worse_frames
from emolightning.records.clips import Film, Span
from emolightning.records.corruptions import Corruption

THUMBNAIL = 112
"""Pixels of a side of the small pictures."""
MOST_THUMBNAILS = 64
"""How many there are of a clip at most."""
DEFAULT_FPS = 25.0
"""Frames a second of a file that does not say it."""

NO_FRAMES = "its video stream has no frames"
_NOTHING_DECODED = "no frame of its video stream can be decoded"

Keep = Callable[[np.ndarray], np.ndarray]
"""What is kept of a frame: (height, width, 3) -> an array."""


def has_picture(path: Path) -> bool:
    """Whether there is a video stream; nothing is decoded.

    Raises:
        MediaError: not a media file.
    """
    with open_stream(Path(path), "video") as (_, stream):
        return isinstance(stream, av.VideoStream)


def read_frames(
    path: Path,
    choice: FrameChoice,
    *,
    span: Span | None = None,
    num_threads: int = 1,
    keep: Keep | None = None,
    corruption: Corruption | None = None,
) -> list[np.ndarray]:
    """The chosen frames, each (height, width, 3) uint8 RGB, turned upright if the file says how.

    The first frame alone is read without looking at the rest of the file; every other choice finds out first whether
    the file is complete.

    Args:
        path: the video.
        choice: of the frames.
        span: the piece of the video whose frames are meant; None for all of it.
        num_threads: that decode.
        keep: makes something smaller of each frame as it comes; None keeps frames as they are.
        corruption: what is done to the frames; None leaves them as they are. The choice is made without it.

    Raises:
        MediaError: not a usable video, cut short, or an index beyond its end.
    """
    path, keep = Path(path), keep or np.asarray
    choice = known_choice(path, choice, span=span, num_threads=num_threads)
    if choice == FrameChoice("index", 0) and span is None and held_file(path) is None:
        return _decode(path, span, [0], num_threads, keep, corruption)[0]
    return _chosen(path, choice, span, num_threads, keep, corruption)[0]


def _chosen(
    path: Path, choice: FrameChoice, span: Span | None, num_threads: int, keep: Keep, corruption: Corruption | None
) -> tuple[list[np.ndarray], list[int], int]:
    """The chosen frames, which of the clip they are, and how many it has."""
    is_worse = corruption is not None and corruption.about.modality in ("video", "both")
    if span is None and not is_worse and num_threads == 1:
        found = _picked(path, choice, keep)
        if found is not None:
            return found
    total = count_frames(path, span)
    positions = _positions(path, choice, total)
    frames, num_decoded = _decode(path, span, positions, num_threads, keep, corruption)
    if len(frames) < len(positions):
        # Some packets gave no picture (damaged ones, or never meant to be shown): now the number of pictures is known.
        total, positions = num_decoded, _positions(path, choice, num_decoded)
        frames, _ = _decode(path, span, positions, num_threads, keep, corruption)
    return frames, positions, total


def _picked(path: Path, choice: FrameChoice, keep: Keep) -> tuple[list[np.ndarray], list[int], int] | None:
    """What `_chosen` gives, from one reading of the file; None where it has to be read in another way."""
    found: dict[int, np.ndarray] = {}
    converter = VideoReformatter()
    with _open_video(path) as (container, stream):
        if not fits(path):
            return None
        packets, total = kept_packets(container, stream)
        if not total:
            raise MediaError(path, NO_FRAMES)
        positions = _positions(path, choice, total)
        for position, frame in picked(container, stream, packets, positions):
            check_size(path, frame.width, frame.height)
            if position in positions:
                found[position] = keep(upright_pixels(frame, converter))
    return None if set(positions) - set(found) else ([found[position] for position in positions], positions, total)


def read_film(
    path: Path, choice: FrameChoice, *, span: Span | None = None, corruption: Corruption | None = None
) -> Film:
    """The chosen frames at full size, and when they are; see `read_frames`.

    Raises:
        MediaError: not a usable video, cut short, or an index beyond its end.
    """
    path = Path(path)
    with held_open(path, span):
        fps = frame_rate(path)
        choice = known_choice(path, choice, span=span)
        frames, positions, total = _chosen(path, choice, span, 1, np.asarray, corruption)
    return Film(np.stack(frames), tuple(positions), total, fps)


def known_choice(path: Path, choice: FrameChoice, *, span: Span | None = None, num_threads: int = 1) -> FrameChoice:
    """The same choice, with the place of a peak that the pictures have to say.

    Raises:
        MediaError: not a usable video.
    """
    if choice.kind == "fps":
        with _open_video(path) as (_, stream):
            seconds = count_frames(path, span) / float(stream.average_rate or DEFAULT_FPS)
        return choice.over(seconds)
    if not choice.is_unknown:
        return choice
    pictures, _, positions = _read_small(path, span, THUMBNAIL, MOST_THUMBNAILS, num_threads)
    return FrameChoice("peak", positions[peak_of(pictures)])


def read_thumbnails(
    path: Path,
    *,
    span: Span | None = None,
    size: int = THUMBNAIL,
    max_frames: int = MOST_THUMBNAILS,
    num_threads: int = 1,
    corruption: Corruption | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Small square pictures evenly spaced over the clip: the centre, shrunk with its aspect ratio kept.

    Returns:
        (frames, size, size, 3) uint8 RGB and (frames,) float64, seconds since the first frame of the video. Clips of
        up to `max_frames` frames give all of them.

    Raises:
        MediaError: not a usable video, or cut short.
    """
    pictures, seconds, _ = _read_small(Path(path), span, size, max_frames, num_threads, corruption)
    return pictures, np.array(seconds, dtype=np.float64)


def _read_small(
    path: Path,
    span: Span | None,
    size: int,
    max_frames: int,
    num_threads: int,
    corruption: Corruption | None = None,
) -> tuple[np.ndarray, list[float], list[int]]:
    """The pictures of `read_thumbnails`, their times, and which frames they are."""
    pictures: list[np.ndarray] = []
    seconds: list[float] = []
    with held_open(path, span):
        num_frames = count_frames(path, span)
        wanted = even_positions(num_frames, min(num_frames, max_frames))
        frames = each_frame(path, span, num_threads=num_threads, corruption=corruption)
        for position, (time, frame) in enumerate(frames):
            if len(pictures) < len(wanted) and position == wanted[len(pictures)]:
                pictures.append(thumbnail(frame, size))
                seconds.append(time)
            if position == wanted[-1]:
                break
    if not pictures:
        raise MediaError(path, _NOTHING_DECODED)
    return np.stack(pictures), seconds, wanted[: len(pictures)]


def each_frame(
    path: Path, span: Span | None = None, *, num_threads: int = 1, corruption: Corruption | None = None
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every frame as it is decoded, with its seconds since the first; see `upright_pixels` and `upright_grey`.

    Raises:
        MediaError: not a usable video.
    """
    start = 0.0
    with _open_video(path, num_threads) as (container, stream):
        for position, frame in enumerate(_frames(path, container, stream, span, corruption)):
            time = frame.time if frame.time is not None else position / float(stream.average_rate or DEFAULT_FPS)
            start = time if position == 0 else start
            yield time - start, frame


def frame_rate(path: Path) -> float:
    """Frames a second, as the file says."""
    with _open_video(path) as (_, stream):
        return float(stream.average_rate or DEFAULT_FPS)


@contextmanager
def _open_video(path: Path, num_threads: int = 1) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    with open_stream(path, "video", num_threads=num_threads) as (container, stream):
        if not isinstance(stream, av.VideoStream):
            kinds = [stream.type for stream in container.streams if stream.type != "video"]
            cover = ", and a still picture" if len(kinds) < len(container.streams) else ""
            there = f"there are: {', '.join(sorted(set(kinds))) or 'none'}{cover}"
            raise MediaError(path, f"has no video stream ({there})")
        yield container, stream


def _frames(
    path: Path, container: InputContainer, stream: av.VideoStream, span: Span | None, corruption: Corruption | None
) -> Iterator[av.VideoFrame]:
    """The decoded frames of a stream, whose size may change."""
    if corruption is not None and corruption.about.modality in ("video", "both"):
        yield from worse_frames(_frames(path, container, stream, span, None), corruption, upright_pixels)
        return
    frames: Iterator[av.VideoFrame]
    if span is None:
        frames = (frame for packet in packets_of(container, stream) for frame in packet.decode())
    else:
        frames = frames_of_piece(container, stream, span)
    for frame in frames:
        check_size(path, frame.width, frame.height)
        yield frame


def count_frames(path: Path, span: Span | None = None) -> int:
    """Look at every packet without decoding it: milliseconds for a clip. What an edit list drops does not count."""
    with _open_video(path) as (container, stream):
        if span is None:
            packets = complete_packets(container, stream)
            num_frames = sum(packet.size > 0 and not packet.is_discard for packet in packets)
        else:
            num_frames = num_frames_of_piece(container, stream, span)
    if not num_frames:
        raise MediaError(path, f"{NO_FRAMES}{f' in {span}' if span else ''}")
    return num_frames


def _positions(path: Path, choice: FrameChoice, num_frames: int) -> list[int]:
    try:
        return choice.positions(num_frames)
    except IndexError:
        reason = f"frame {choice.value} is beyond the end: there are {num_frames} frames, 0 to {num_frames - 1}"
        raise MediaError(path, reason) from None


def _decode(
    path: Path,
    span: Span | None,
    positions: list[int],
    num_threads: int,
    keep: Keep,
    corruption: Corruption | None,
) -> tuple[list[np.ndarray], int]:
    """The frames at these positions as far as they exist, and how many were decoded, none beyond the last position."""
    found: dict[int, np.ndarray] = {}
    num_decoded = 0
    with _open_video(path, num_threads) as (container, stream):
        for position, frame in enumerate(_frames(path, container, stream, span, corruption)):
            num_decoded += 1
            if position in positions:
                found[position] = keep(upright_pixels(frame))
            if position == max(positions):
                break
    if not num_decoded:
        raise MediaError(path, _NOTHING_DECODED)
    return [found[position] for position in positions if position in found], num_decoded
