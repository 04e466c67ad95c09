"""Video file -> frames at full size for the vision tower, or a small film of thumbnails for features.

Nothing here keeps more than the chosen frames in memory, and decoding uses one thread unless asked: data workers are
processes already, and one thread gives the same frames on every machine. Pixels are taken as square, as upstream does.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.container import InputContainer

from emolightning.errors import UserError

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,wav,mp3,flac"
"""Containers that are opened. A playlist is not one of them: it could name files anywhere, whatever it is called."""

_ENOUGH = 0.95
"""Share of what a file promises that must be there where the promise is only an estimate."""
_NOTHING_DECODED = "no frame of its video stream can be decoded"
_COPY_AGAIN = "copy or download the file again"


class MediaError(UserError):
    """A media file that cannot be used.

    Args:
        path: the file.
        reason: what is wrong with it and what to do.
    """

    def __init__(self, path: Path, reason: str):
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")

    def __reduce__(self) -> tuple[type, tuple[Path, str]]:
        # By default an exception is rebuilt from its message alone, which fails on the way back from a worker process.
        return type(self), (self.path, self.reason)


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a clip are looked at."""

    kind: Literal["index", "middle", "even"]
    value: int = 0
    """The index (negative counts from the end), or how many frames for `even`."""

    @property
    def num_frames(self) -> int:
        """How many are chosen of every clip."""
        return self.value if self.kind == "even" else 1

    def positions(self, num_frames: int) -> list[int]:
        """The chosen frames of a clip with `num_frames`; `even` repeats frames of a clip that has too few.

        Raises:
            IndexError: the index is beyond the end.
        """
        if self.kind == "index":
            return [range(num_frames)[self.value]]
        return _even_positions(num_frames, self.num_frames)


def parse_frame_choice(text: str) -> FrameChoice:
    """`first`, `middle`, an index (`12`, `-1` is the last), or `even:4`: the centres of four equal parts.

    Raises:
        UserError: anything else.
    """
    if text in ("first", "middle"):
        return FrameChoice("index" if text == "first" else "middle")
    if re.fullmatch(r"-?\d{1,9}", str(text)):
        return FrameChoice("index", int(text))
    if re.fullmatch(r"even:0*[1-9]\d{0,3}", str(text)):
        return FrameChoice("even", int(text.removeprefix("even:")))
    raise UserError(f"frame choice {text!r} is not first, middle, an index such as 12 or -1, or even:N such as even:4")


def read_frames(path: Path, choice: FrameChoice, *, num_threads: int = 1) -> list[np.ndarray]:
    """The chosen frames, each (height, width, 3) uint8 RGB, turned upright if the file says how.

    The first frame alone is read without looking at the rest of the file; every other choice finds out first whether
    the file is complete.

    Raises:
        MediaError: not a usable video, cut short, or an index beyond its end.
    """
    path = Path(path)
    if choice == FrameChoice("index", 0):
        return _decode(path, [0], num_threads)[0]
    positions = _positions(path, choice, _count_frames(path))
    frames, num_decoded = _decode(path, positions, num_threads)
    if len(frames) < len(positions):
        # Some packets gave no picture (damaged ones, or never meant to be shown): now the number of pictures is known.
        frames, _ = _decode(path, _positions(path, choice, num_decoded), num_threads)
    return frames


def read_thumbnails(
    path: Path, *, size: int = 112, max_frames: int = 64, num_threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Small square pictures evenly spaced over the clip: the centre, shrunk with its aspect ratio kept.

    Returns:
        (frames, size, size, 3) uint8 RGB and (frames,) float64, seconds since the first frame of the video. Clips of
        up to `max_frames` frames give all of them.

    Raises:
        MediaError: not a usable video, or cut short.
    """
    path = Path(path)
    num_frames = _count_frames(path)
    wanted = _even_positions(num_frames, min(num_frames, max_frames))
    pictures: list[np.ndarray] = []
    seconds: list[float] = []
    start = 0.0
    with open_media(path) as container:
        stream = _video_stream(container, path, num_threads)
        for position, frame in enumerate(container.decode(stream)):
            time = frame.time if frame.time is not None else position / float(stream.average_rate or 25)
            start = time if position == 0 else start
            if len(pictures) < len(wanted) and position == wanted[len(pictures)]:
                pictures.append(_thumbnail(frame, size))
                seconds.append(time - start)
            if position == wanted[-1]:
                break
    if not pictures:
        raise MediaError(path, _NOTHING_DECODED)
    return np.stack(pictures), np.array(seconds, dtype=np.float64)


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """An open container; whatever FFmpeg has to say while it is used becomes a MediaError.

    Raises:
        MediaError: no such file, empty, not a media file, or damaged where it was read.
    """
    if not path.is_file():
        raise MediaError(path, "no such file")
    if path.stat().st_size == 0:
        raise MediaError(path, f"the file is empty (0 bytes); {_COPY_AGAIN}")
    try:
        # Absolute, because FFmpeg takes the start of a name like `a:b.mp4` for a protocol. Titles in old files are
        # in any encoding, which is no reason to refuse them.
        container = av.open(str(path.absolute()), options={"format_whitelist": _FORMATS}, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(path, _why_not_opened(path, error)) from None
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            remedy = "the file is damaged; make a sound copy of it, e.g. with ffmpeg -i OLD NEW"
            raise MediaError(path, f"cannot be decoded ({error.strerror}); {remedy}") from None


def complete_packets(container: InputContainer, stream: av.VideoStream | av.AudioStream) -> Iterator[av.Packet]:
    """The packets of one stream, closing empty one included; raises at the end if some are missing.

    FFmpeg ends a cut file like a whole one, so what came is held against what the file promises: the index of an mp4
    exactly (it counts what an edit list leaves), the frame count of an avi and the duration of others roughly.

    Raises:
        MediaError: cut short.
    """
    promised, least = stream.frames if stream.type == "video" else 0, _ENOUGH
    if "mp4" in container.format.name:
        # Asked for before reading: other formats fill their index while they are read.
        promised, least = sum(entry.size > 0 for entry in stream.index_entries), 1.0
    # A duration of the whole file is that of its longest stream.
    timed_by_stream = stream.duration is not None
    seconds = (
        _seconds(stream.duration, stream.time_base) if timed_by_stream else (container.duration or 0) / av.time_base
    )
    num_packets, start, end = 0, math.inf, 0.0
    for packet in container.demux():
        ours = packet.stream_index == stream.index
        if packet.is_corrupt:  # half a packet where the file ends: missing, and not for the decoder
            continue
        if packet.size:
            num_packets += ours
            if packet.pts is not None and (ours or not timed_by_stream):
                start = min(start, _seconds(packet.pts, packet.time_base))
                end = max(end, _seconds(packet.pts + (packet.duration or 0), packet.time_base))
        if ours:
            yield packet
    lasts = end - min(start, end)
    # No packet where none was promised is an empty track, which is for the caller to judge.
    if num_packets < least * promised or (num_packets and lasts < _ENOUGH * seconds):
        found = f"{num_packets} of {promised} packets" if promised else f"{lasts:.1f} of {seconds:.1f} s"
        reason = f"the {stream.type} stream is cut short, {found} are there; {_COPY_AGAIN}"
        raise MediaError(Path(container.name), reason)


def set_threads(stream: av.VideoStream | av.AudioStream, path: Path, num_threads: int) -> None:
    """Decode with this many threads.

    Raises:
        MediaError: there is no decoder for the stream.
    """
    if stream.codec_context is None:
        raise MediaError(path, f"the codec of its {stream.type} stream is not known; convert it, e.g. with ffmpeg")
    stream.codec_context.thread_count = num_threads


def _seconds(ticks: int | None, time_base: Fraction | None) -> float:
    return float((ticks or 0) * (time_base or 0))


def _why_not_opened(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "the file may not be read (permission denied)"
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return f"an mp4 without its index (moov box): cut short, or never finished; {_COPY_AGAIN}"
    return f"not a media file, or none of {_FORMATS}"


def _video_stream(container: InputContainer, path: Path, num_threads: int = 1) -> av.VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream):
        kinds = sorted({stream.type for stream in container.streams})
        raise MediaError(path, f"has no video stream (there are: {', '.join(kinds) or 'none'})")
    set_threads(stream, path, num_threads)
    return stream


def _count_frames(path: Path) -> int:
    """Look at every packet without decoding it: milliseconds for a clip. What an edit list drops does not count."""
    with open_media(path) as container:
        packets = complete_packets(container, _video_stream(container, path))
        num_frames = sum(packet.size > 0 and not packet.is_discard for packet in packets)
    if not num_frames:
        raise MediaError(path, "its video stream has no frames")
    return num_frames


def _positions(path: Path, choice: FrameChoice, num_frames: int) -> list[int]:
    try:
        return choice.positions(num_frames)
    except IndexError:
        reason = f"frame {choice.value} is beyond the end: there are {num_frames} frames, 0 to {num_frames - 1}"
        raise MediaError(path, reason) from None


def _even_positions(num_frames: int, count: int) -> list[int]:
    """The centres of `count` equal parts, in whole numbers so that no rounding differs anywhere."""
    return [(2 * part + 1) * num_frames // (2 * count) for part in range(count)]


def _decode(path: Path, positions: list[int], num_threads: int) -> tuple[list[np.ndarray], int]:
    """The frames at these positions as far as they exist, and how many were decoded, none beyond the last position."""
    found: dict[int, np.ndarray] = {}
    num_decoded = 0
    with open_media(path) as container:
        for position, frame in enumerate(container.decode(_video_stream(container, path, num_threads))):
            num_decoded += 1
            if position in positions:
                found[position] = _upright(_rgb(frame, frame.width, frame.height), frame.rotation)
            if position == max(positions):
                break
    if not num_decoded:
        raise MediaError(path, _NOTHING_DECODED)
    return [found[position] for position in positions if position in found], num_decoded


def _thumbnail(frame: av.VideoFrame, size: int) -> np.ndarray:
    """(size, size, 3) uint8: shrunk by FFmpeg to `size` along the shorter side, then cropped to the centre."""
    scale = size / min(frame.width, frame.height)
    width, height = (max(size, round(side * scale)) for side in (frame.width, frame.height))
    left, top = (width - size) // 2, (height - size) // 2
    pixels = _rgb(frame, width, height, "AREA")[top : top + size, left : left + size]
    return _upright(pixels, frame.rotation)


def _rgb(frame: av.VideoFrame, width: int, height: int, interpolation: str = "BICUBIC") -> np.ndarray:
    """(height, width, 3) uint8; bicubic, where chroma is interpolated at all, is what OpenCV and so upstream uses."""
    small = frame.reformat(
        width, height, "rgb24", src_color_range=frame.color_range, interpolation=interpolation, threads=1
    )
    return small.to_ndarray()


def _upright(pixels: np.ndarray, rotation: int) -> np.ndarray:
    """Apply the display matrix of phone videos: `rotation` degrees counterclockwise. A contiguous copy."""
    return np.ascontiguousarray(np.rot90(pixels, round(rotation / 90) % 4))
