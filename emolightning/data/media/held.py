"""A file that is opened and read once for all that is wanted of it: number of frames, pictures, thumbnails, sound."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer

from emolightning.data.media.opening import (
    HELD,
    MediaError,
    check_structure,
    complaints,
    held_file,
    in_time,
    is_sound,
    may_come,
    opened,
)
from emolightning.data.media.picking import fits
from emolightning.records.clips import Span


class HeldFile:
    """An open file whose packets are in memory, to be used like the container that they were read from.

    Args:
        container: open, nothing of it read.

    Raises:
        MediaError: the file is not whole, as `complete_packets` says.
        IndexError: a stream appears that its header does not list.
    """

    def __init__(self, container: InputContainer):
        self.name, self.format, self.streams = container.name, container.format, container.streams
        self.start_time, self.close = container.start_time, container.close
        self.packets = list(in_time(container.demux(), container.name))
        for packet in self.packets:
            is_sound(packet, container)
        check_structure(container, *container.streams)

    @property
    def is_full(self) -> bool:
        """Whether there is something of each stream."""
        return len({packet.stream.index for packet in self.packets if packet.size}) == len(self.streams) > 0

    def demux(self, *streams: Any) -> Iterator[av.Packet]:
        """The packets of some streams or of all, the empty ones that close each included."""
        wanted = {stream.index for stream in streams or self.streams}
        return (packet for packet in self.packets if packet.stream.index in wanted)


@contextmanager
def held_open(path: Path, span: Span | None = None) -> Iterator[None]:
    """Inside, whatever reads this file takes what is in memory, and opens it again only to decode a stream twice.

    Values and errors are those of reading without it. A file that is large, damaged or lacks something is not held, nor
    one of which a piece is read: then each reader opens it for itself, and says what is wrong.

    Args:
        path: the file.
        span: the piece that is read; None for all of it.
    """
    held = None if span is not None or held_file(Path(path)) is not None else _held(Path(path))
    if held is None:
        yield
        return
    token = HELD.set(cast(InputContainer, held))
    try:
        yield
    finally:
        HELD.reset(token)
        held.close()


def _held(path: Path) -> HeldFile | None:
    """The file in memory; None where that cannot be, or a reader will have something to say of it."""
    if not os.path.isfile(path) or not fits(path):
        return None
    try:
        container = opened(path)
    except MediaError:
        return None
    try:
        with complaints(path):
            held = None if may_come(container) else HeldFile(container)
    except (MediaError, IndexError):
        held = None
    if held is None or not held.is_full:
        container.close()
        return None
    return held
