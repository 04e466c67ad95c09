"""What is missing at the end of a media file, as its own structure says: chunks that reach past the end.

FFmpeg ends a cut file like a whole one. Counts and durations in headers do not tell either: cameras, converters and
FFmpeg itself write estimates there, and leave them when frames were dropped.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_MOST_CHUNKS = 200_000
"""So many are looked at: hours of media. Noise that looks like empty chunks ends here."""
_SLACK = 8
"""Bytes by which writers err in the length of a whole RIFF file."""
_UNKNOWN = 0x7FFF0000
"""RIFF lengths from here on, and 0, were written before the length was known."""
_SEGMENT = b"\x18\x53\x80\x67"
_FLV_TAGS = (8, 9, 18)


def promised_bytes(path: Path) -> int:
    """How long the file has to be for its last chunk to be whole; its size where nothing is missing or nothing known.

    Formats without such a structure, e.g. transport streams, may end anywhere.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        chunks: Iterator[int]
        if head[:4] == b"RIFF":
            chunks = _riff(file, size)
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            chunks = _matroska(file)
        elif head[:3] == b"FLV":
            chunks = _flv(file, size)
        elif head[:4] == b"OggS":
            chunks = _ogg(file, size)
        else:
            chunks = _fragments(file, size) if head[4:8] == b"ftyp" else iter(())
        return max(chunks, default=size)


def _riff(file: BinaryIO, size: int) -> Iterator[int]:
    """The sound of a wav, the interleaved streams of an avi."""
    position = 12
    for _ in range(_MOST_CHUNKS):
        if len(header := _at(file, position, 12)) < 8:
            return
        kind, length = header[:4], struct.unpack("<I", header[4:8])[0]
        end = position + 8 + length
        if kind == b"data" or header[8:] == b"movi":
            is_known = 0 < length < _UNKNOWN
            yield end if is_known and end > size + _SLACK else size
            return
        position = end + length % 2


def _matroska(file: BinaryIO) -> Iterator[int]:
    """The segment, unless its length was never filled in, as in live recordings."""
    header = _at(file, 4, 8)
    start = 4 + _ebml_width(header) + _ebml_number(header)
    header = _at(file, start, 12)
    if header[:4] == _SEGMENT and (width := _ebml_width(header[4:])) and _ebml_number(header[4:]) + 1 < 1 << 7 * width:
        yield start + 4 + width + _ebml_number(header[4:])


def _flv(file: BinaryIO, size: int) -> Iterator[int]:
    """The last tag; each is followed by four bytes that say its length."""
    position = int.from_bytes(_at(file, 5, 4), "big") + 4
    for _ in range(_MOST_CHUNKS):
        if len(header := _at(file, position, 11)) < 4 or header[0] & 0x1F not in _FLV_TAGS:
            return
        position += 11 + int.from_bytes(header[1:4], "big") + 4
        if position - 4 > size:
            yield position - 4


def _ogg(file: BinaryIO, size: int) -> Iterator[int]:
    """The last page."""
    position = 0
    for _ in range(_MOST_CHUNKS):
        header = _at(file, position, 27 + 255)
        if header[:4] != b"OggS" or len(header) < 27:
            return
        num_segments = header[26]
        position += 27 + num_segments + sum(header[27 : 27 + num_segments])
        if position > size:
            yield position


def _fragments(file: BinaryIO, size: int) -> Iterator[int]:
    """The last fragment of an mp4 that has any; one without has an index, which is exact."""
    position, is_fragmented = 0, False
    for _ in range(_MOST_CHUNKS):
        if len(header := _at(file, position, 16)) < 8:
            return
        length, kind = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack(">Q", header[8:])
        if length < 8:  # 0: as far as the file goes.
            return
        position += length
        is_fragmented = is_fragmented or kind == b"moof"
        if is_fragmented and position > size and kind in (b"moof", b"mdat"):
            yield position


def _at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def _ebml_width(data: bytes) -> int:
    """Bytes of a number of variable length: one more than there are zeros before the first bit; 0 for no number."""
    return 9 - data[0].bit_length() if data and data[0] else 0


def _ebml_number(data: bytes) -> int:
    width = _ebml_width(data)
    return int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
