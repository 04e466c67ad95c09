"""Damaged media: a file in other containers, and what transfers, disks and hostile hands do to its bytes."""

import os
import random
import re
import resource
import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from media_factory import CODECS, container_format

from emolightning.data.media import pieces
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.frames import read_clip_frames
from emolightning.data.stores.cache import Outcome
from emolightning.data.stores.features import describe_clip
from emolightning.errors import UserError
from emolightning.records.clips import Clip, Span

SUFFIXES = (".mp4", ".avi", ".mkv", ".webm", ".flv", ".ts", ".mpg", ".3gp", ".wmv", ".wav", ".mp3", ".ogg")


def convert(source: Path, folder: Path, *, seconds: float, size: tuple[int, int] = (176, 144)) -> list[Path]:
    """The beginning of a clip in each of the containers: small, as H.263 in a 3gp was."""
    return [_convert(source, folder / f"whole{suffix}", seconds, size) for suffix in SUFFIXES]


def _convert(source: Path, target: Path, seconds: float, size: tuple[int, int]) -> Path:
    with av.open(str(target), "w", format=container_format(target.suffix)) as new:
        added = []
        for kind, codec in zip(("video", "audio"), CODECS[target.suffix], strict=True):
            if kind == "video" and codec:
                added.append((kind, new.add_stream(codec, rate=25)))
                stream = added[-1][1]
                stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            elif codec:
                rate = 48000 if codec == "libopus" else 44100
                added.append((kind, new.add_stream(codec, rate=rate, layout="stereo")))
            if codec:
                added[-1][1].bit_rate = 128_000
        for kind, stream in added:
            for frame in [*_frames(source, kind, seconds, size), None]:
                new.mux(stream.encode(frame))
    return target


def _frames(source: Path, kind: str, seconds: float, size: tuple[int, int]) -> Iterator[av.VideoFrame | av.AudioFrame]:
    with av.open(str(source)) as old:
        for number, frame in enumerate(old.decode(**{kind: 0})):
            if frame.time is not None and frame.time >= seconds:
                return
            if isinstance(frame, av.VideoFrame):
                frame = frame.reformat(*size, format="yuv420p")
                frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 25), 0
            yield frame


def flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 8, 64))):
        data[draw.randrange(len(data))] = draw.randrange(256)


def flip_head(data: bytearray, draw: random.Random) -> None:
    """Most of what a container says is at its beginning or its end."""
    for _ in range(draw.choice((1, 4, 16))):
        place = draw.randrange(min(2000, len(data)))
        data[place if draw.random() < 0.7 else -1 - place] = draw.randrange(256)


def cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(1, len(data)) :]


def zero(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data))
    end = min(len(data), start + draw.choice((16, 512, 8192)))
    data[start:end] = bytes(end - start)


def swap(data: bytearray, draw: random.Random) -> None:
    length = min(draw.choice((64, 1024, 4096)), len(data) // 3)
    first = draw.randrange(len(data) - 2 * length)
    second = draw.randrange(first + length, len(data) - length + 1)
    data[first : first + length], data[second : second + length] = (
        data[second : second + length],
        data[first : first + length],
    )


def enlarge(data: bytearray, draw: random.Random) -> None:
    """Numbers that were small become large: lengths, counts, rates, sizes."""
    for _ in range(draw.choice((1, 4))):
        place = draw.randrange(max(1, min(len(data) - 4, draw.choice((200, 2000, len(data))))))
        width = draw.choice((2, 4))
        data[place : place + width] = draw.choice((b"\xff", b"\x7f", b"\x00\xff")) * width
    del data[10_000_000:]


_NAMES = re.compile(
    b"\x00\x00\x01(?=[\xbd-\xef])"  # of MPEG: a start code
    b"|(?<=\x00\x00)[\x00-\xff]{2}(?=[\x08\x09]\x00)"  # of an .flv: the length of the tag before
)
"""What comes before the byte that names a packet's stream."""


def rename(data: bytearray, draw: random.Random) -> None:
    """Packets of one stream become those of another, or of one that nobody has heard of."""
    places = [found.end() for found in _NAMES.finditer(data)]
    for place in draw.sample(places, min(len(places), 3)) or [draw.randrange(len(data))]:
        data[place] = draw.choice((0x08, 0x09, 0x12, 0xBD, *range(0xC0, 0xF0)))


MUTATIONS = (flip, flip_head, cut, zero, swap, enlarge, rename)


def mutate(data: bytes, seed: int) -> tuple[str, bytes]:
    """One mutation, which follows from the seed; its name and the new bytes."""
    draw = random.Random(seed)
    change = MUTATIONS[seed % len(MUTATIONS)]
    changed = bytearray(data)
    change(changed, draw)
    return change.__name__, bytes(changed)


def jumped_to(piece: Clip) -> Outcome:
    """The sound of a piece, which is sought although it is near the beginning."""
    before, pieces.FROM_START_S = pieces.FROM_START_S, 0.0
    try:
        return describe_clip(piece, ("speech",))
    finally:
        pieces.FROM_START_S = before


def look(path: Path) -> list[str]:
    """What came of all that a run reads of a clip; other exceptions than a user's are left for the test."""
    clip, piece = Clip("clip", path), Clip("piece", path, span=Span(0.2, 0.5))
    found = []
    for read in (
        lambda: describe_clip(clip, ("face", "motion")),
        lambda: describe_clip(clip, ("speech",)),
        lambda: read_clip_frames(clip, ("image",), choice=parse_frame_choice("first"), image_size=56),
        lambda: read_clip_frames(clip, ("image",), choice=parse_frame_choice("even:4"), image_size=56),
        lambda: read_clip_frames(piece, ("image",), choice=parse_frame_choice("peak"), image_size=56),
        lambda: describe_clip(piece, ("speech",)),
        lambda: jumped_to(piece),
    ):
        try:
            outcome = read()
            assert all(np.isfinite(array).all() for array in outcome.arrays.values())
            found.append("read" if outcome.arrays else "absent")
        except UserError as error:
            found.append(str(error).removeprefix(f"{path}: "))
    return found


@dataclass(frozen=True)
class Reading:
    """What one file cost, and how it ended."""

    name: str
    end: str
    """Empty for a process that ended well; else a traceback or the signal."""
    seconds: float
    """Of CPU: a machine that does other things besides is no hang."""
    mib: float
    """Beyond what the process had before."""


def look_apart(path: Path, *, limit_s: int = 30, limit_bytes: int = 4 << 30) -> Reading:
    """`look` in a forked process, which is measured, and ended where it hangs or takes all memory."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        _look_and_leave(path, theirs, limit_s, limit_bytes)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(child, 0)
    before_kib, _, end = said.partition("\n")
    if os.WIFSIGNALED(status):
        end = f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    mib = (usage.ru_maxrss - int(before_kib or 0)) / 1024
    return Reading(path.name, end, usage.ru_utime + usage.ru_stime, mib)


def _look_and_leave(path: Path, pipe: int, limit_s: int, limit_bytes: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
        signal.alarm(10 * limit_s)
        os.write(pipe, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n".encode())
        look(path)
    except BaseException:
        os.write(pipe, traceback.format_exc()[-3000:].encode())
    finally:
        os._exit(0)
