"""Media files: opened, measured and read packet by packet, whatever is wrong with them.

Decoding uses one thread unless asked: data workers are processes already, and one thread gives the same frames on
every machine.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.stream import Disposition

from emolightning.data.media.truncation import promised_bytes
from emolightning.errors import UserError

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,wav,mp3,flac,aac"
"""Containers that are opened. A playlist is not one of them: it could name files anywhere, whatever it is called."""

_LATE_STREAMS = ("flv", "mpeg")
"""Containers without a list of their streams: one is known when something of it has come."""

_END_ANYWHERE = ("mpegts", "wav")
"""Containers that a recorder may leave at any byte; how long a wav is, if its header says so, is asked before."""

_TRIED_IN_MP4 = ",".join(sorted(av.codecs_available - {"aac"}))
"""Decoders that FFmpeg may set up to learn what is in an mp4: all but that of AAC, which takes longer than the rest."""

MAX_PIXELS = 8192 * 4320
"""Most pixels of a picture: 8K. Decoders hold several pictures at a time."""
MAX_SIDES = 64
"""How many times as long as the other a side of a picture may be."""
MAX_SECONDS = 1800
"""Longest sound of a clip, in seconds."""
READ_SECONDS = 600
"""Longest time for one pass over a file, in seconds."""

HELD: ContextVar[InputContainer | None] = ContextVar("HELD", default=None)
"""A file that is open and read already, see `held.held_open`."""

_SCALED = "ffmpeg -i OLD -vf scale=1280:-2 NEW"
COPY_AGAIN = "copy or download the file again"


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


@contextmanager
def open_media(path: Path, *, looks_far: bool = False) -> Iterator[InputContainer]:
    """An open container; whatever FFmpeg has to say while it is used becomes a MediaError.

    Args:
        path: the file.
        looks_far: whether the whole file is searched for streams, where it does not list them.

    Raises:
        MediaError: no such file, empty, not a media file, or damaged where it was read.
    """
    with opened(path, looks_far=looks_far) as container, complaints(path):
        yield container


def opened(path: Path, *, looks_far: bool = False) -> InputContainer:
    """The container of `open_media`; who asks for it closes it.

    Raises:
        MediaError: no such file, empty, or not a media file.
    """
    if not os.path.isfile(path):  # Unlike Path.is_file it takes names that no file can have.
        raise MediaError(path, "is no file, but a folder or a device" if os.path.exists(path) else "no such file")
    if path.stat().st_size == 0:
        raise MediaError(path, f"the file is empty (0 bytes); {COPY_AGAIN}")
    # Absolute, because FFmpeg takes the start of a name like `a:b.mp4` for a protocol. Titles in old files are in any
    # encoding, which is no reason to refuse them.
    open_with = partial(av.open, str(path.absolute()), metadata_errors="replace")
    options = {"format_whitelist": _FORMATS, "max_pixels": str(MAX_PIXELS)}
    if looks_far:
        options |= {"probesize": str(path.stat().st_size + 32), "analyzeduration": str(MAX_SECONDS * av.time_base)}
    try:
        if _head(path)[4:] == b"ftyp":
            container = open_with(format="mp4", options=options | {"codec_whitelist": _TRIED_IN_MP4})
            if all(map(_says_all, container.streams.audio)):
                return container
            container.close()
        return open_with(options=options)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(path, _why_not_opened(path, error)) from None


def _says_all(sound: av.AudioStream) -> bool:
    """Return whether an mp4 says all that a decoder of its AAC would find.

    That is so for plain LC that gives its rate and channels, and for other coders.
    """
    coder = sound.codec_context
    if coder is None or coder.name != "aac":
        return True
    # AudioSpecificConfig of ISO/IEC 14496-3: five bits say the kind, four the rate, four the channels, three the rest.
    about = int.from_bytes((coder.extradata or b"")[:2], "big")
    return about & 0xF807 == 0x1000 and (about >> 7 & 15) < 13 and 0 < (about >> 3 & 15) < 8


@contextmanager
def complaints(path: Path) -> Iterator[None]:
    """Whatever FFmpeg says while a file is read becomes a MediaError."""
    try:
        yield
    except av.error.ArgumentError as error:
        reason = f"cannot be decoded ({error.strerror}): damaged, or its picture has more than {MAX_PIXELS} pixels"
        raise MediaError(path, f"{reason}; make another copy, e.g. with {_SCALED}") from None
    except av.error.FFmpegError as error:
        remedy = "the file is damaged; make a sound copy of it, e.g. with ffmpeg -i OLD NEW"
        raise MediaError(path, f"cannot be decoded ({error.strerror}); {remedy}") from None


@contextmanager
def open_stream(
    path: Path, kind: Literal["video", "audio"], *, num_threads: int = 1
) -> Iterator[tuple[InputContainer, Any]]:
    """The container, and its best stream of a kind, ready to be decoded; None where there is no such stream.

    Raises:
        MediaError: see `open_media`; or there is no decoder for the stream, or its picture is too large.
    """
    if (held := held_file(path)) is not None:
        best = held.streams.best(kind)
        # A decoder remembers what it has decoded; only a new one gives the same to the last bit.
        if best is None or best.codec_context is None or not best.codec_context.is_open:
            with complaints(path):
                yield held, _decodable(path, best, kind, num_threads)
            return
    for looks_far in (False, True):
        with open_media(path, looks_far=looks_far) as container:
            if looks_far and not container.streams:
                raise MediaError(path, f"there is no stream in it, neither picture nor sound; {COPY_AGAIN}")
            stream = container.streams.best(kind)
            if stream is None and not looks_far and may_come(container):
                continue
            yield container, _decodable(path, stream, kind, num_threads)
            return


def held_file(path: Path) -> InputContainer | None:
    """The file as `held.held_open` holds it, if it does."""
    held = HELD.get()
    return held if held is not None and held.name == str(path.absolute()) else None


def may_come(container: InputContainer) -> bool:
    """Whether a stream that is not known may still be in the file."""
    return container.format.name in _LATE_STREAMS or not container.streams


def _decodable(path: Path, stream: Any, kind: str, num_threads: int) -> Any:
    """The stream, ready to be decoded; None for one that shows nobody who speaks.

    Raises:
        MediaError: there is no decoder for it, or its picture is too large.
    """
    if stream is None or Disposition.attached_pic in stream.disposition:  # The cover of an album.
        return None
    if stream.codec_context is None:
        raise MediaError(path, f"the codec of its {kind} stream is not known; convert it, e.g. with ffmpeg -i OLD NEW")
    stream.codec_context.thread_count = num_threads
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    if isinstance(stream, av.VideoStream):
        check_size(path, stream.codec_context.width, stream.codec_context.height)
    return stream


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse a picture that would take gigabytes, or that is a line.

    Raises:
        MediaError: it is too large, or too long.
    """
    size = f"its picture has {width} x {height} pixels"
    if width * height > MAX_PIXELS:
        raise MediaError(path, f"{size}, at most {MAX_PIXELS} are read; make it smaller, e.g. with {_SCALED}")
    if max(width, height) > MAX_SIDES * min(width, height) > 0:
        sides = f"one side more than {MAX_SIDES} times as long as the other"
        raise MediaError(path, f"{size}, {sides}; cut out the part with the person")


def packets_of(container: InputContainer, stream: Any = None) -> Iterator[av.Packet]:
    """The packets of a stream or of all, the empty ones included that close each.

    Raises:
        MediaError: reading takes too long.
    """
    packets = container.demux(*([stream] if stream is not None else []))
    try:
        yield from in_time(packets, container.name)
    except IndexError:
        # A stream that nobody knew of has appeared, and PyAV cannot close it. Its packets did not come either, and
        # those that were known are closed before.
        return


def in_time(packets: Iterable[av.Packet], name: str) -> Iterator[av.Packet]:
    """Pass packets of a file on until they have taken too long.

    Raises:
        MediaError: reading and decoding them takes longer than `READ_SECONDS` of processor time.
    """
    end = time.thread_time() + READ_SECONDS  # Waiting for whoever takes the pictures does not count.
    for packet in packets:
        if time.thread_time() > end:
            remedy = "cut it into shorter clips, or make its picture smaller"
            raise MediaError(Path(name), f"reading it takes longer than {READ_SECONDS} s; {remedy}")
        yield packet


def complete_packets(container: InputContainer, stream: Any) -> Iterator[av.Packet]:
    """The packets of one stream, closing empty one included; raises where the file ends too early.

    FFmpeg ends a cut file like a whole one, so the file's own structure is asked: the outermost chunk, the index, and
    a packet of which only the first half came. What headers say of counts and durations is an estimate.

    Raises:
        MediaError: cut short.
    """
    check_structure(container, stream)
    for packet in packets_of(container, stream if container is HELD.get() else None):  # Of that all were looked at.
        if is_sound(packet, container) and packet.stream.index == stream.index:
            yield packet
    check_index(container, container.streams)


def check_structure(container: InputContainer, *streams: Any) -> None:
    """Refuse a file that is cut short as far as its structure tells before it is read.

    Raises:
        MediaError: cut short.
    """
    if container is HELD.get():  # It was looked at before.
        return
    path = Path(container.name)
    size, promised = path.stat().st_size, promised_bytes(path)
    if promised > size:
        reason = f"the file is cut short or damaged, {size} of {promised} bytes are there; {COPY_AGAIN}"
        raise MediaError(path, reason)
    # In an mp4 the index is complete before anything is read. Others fill it while they are.
    check_index(container, streams)


def is_sound(packet: av.Packet, container: InputContainer) -> bool:
    """Whether a packet is whole; a tuner marks some of its own as damaged.

    Raises:
        MediaError: only the first half of it is there.
    """
    if packet.is_corrupt and container.format.name not in _END_ANYWHERE:
        reason = f"the {packet.stream.type} stream is cut short, the file ends inside a packet; {COPY_AGAIN}"
        raise MediaError(Path(container.name), reason)
    return not (packet.is_corrupt and container.format.name == "mpegts")


def check_index(container: InputContainer, streams: Any) -> None:
    """Refuse a file whose index knows of packets beyond its end.

    Raises:
        MediaError: cut short.
    """
    if container is HELD.get():  # It was looked at before.
        return
    path = Path(container.name)
    size = path.stat().st_size
    for stream in streams:
        entries = [entry.pos + entry.size for entry in stream.index_entries if entry.size > 0]
        there = sum(end <= size for end in entries)
        if there < len(entries):
            reason = f"the {stream.type} stream is cut short, {there} of {len(entries)} packets are there; {COPY_AGAIN}"
            raise MediaError(path, reason)


def _why_not_opened(path: Path, error: Exception) -> str:
    try:
        head = _head(path)
    except OSError as refused:  # FFmpeg's own refusals look the same, e.g. of a file that names another file.
        return f"the file may not be read ({str(refused.strerror).lower()})"
    if head[4:] == b"ftyp":
        return f"an mp4 without its index (moov box): cut short, or never finished; {COPY_AGAIN}"
    if isinstance(error, EOFError):
        return f"cut short, it ends before its first packet; {COPY_AGAIN}"
    return f"not a media file, or none of {_FORMATS.replace(',', ', ')}"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)
