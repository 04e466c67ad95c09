"""What is known of each vector in a folder: lines of JSON, one a vector, that vouch for a file beside them.

`vectors.jsonl` holds them in the order of the ids. A process that writes the folder appends to a part of its own,
`.part-*/record.jsonl`, and holds a lock on it as long as it lives.
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.files.writing import written_whole

log = logging.getLogger(__name__)

NAME = "vectors.jsonl"
PART, PART_RECORD = ".part-", "record.jsonl"
LONGEST_LINE = 2**14
"""Bytes. A clip's id and stamp are shorter; what is longer is no line of ours."""

Stamp = Sequence[int | float | str | None]
"""What a vector was made from, e.g. size and modification time of a file: compared, never understood."""


@dataclass(frozen=True)
class Record:
    """What is known of one vector."""

    clip_id: str
    stamp: list[int | float | str | None]
    sha256: str
    """Checksum of the values, see `checksum`."""
    shape: list[int]
    size: int
    """Bytes of the file."""

    def line(self) -> bytes:
        """The record as a line, always the same bytes."""
        content = {"id": self.clip_id, "stamp": self.stamp, "sha256": self.sha256, "shape": self.shape}
        return json.dumps({**content, "size": self.size}, ensure_ascii=False).encode() + b"\n"


def checksum(array: np.ndarray) -> bytes:
    """sha256 of the values that a model gets, float32 in the order of the axes, however they are stored."""
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<f4").data).digest()


def read_records(path: Path) -> dict[str, Record]:
    """Clip id -> record. Lines that are none are left out: their vectors are made again."""
    records: dict[str, Record] = {}
    num_damaged = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                record = _record(line)
                if record is None:
                    num_damaged += 1
                else:
                    records[record.clip_id] = record
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.warning("%s cannot be read (%s); its vectors are made again", path, error)
    if num_damaged > (path.name == PART_RECORD):  # A process that was killed may leave half a line.
        log.warning("%s: damaged lines: %d; their vectors are made again", path, num_damaged)
    return records


def _record(line: bytes) -> Record | None:
    try:
        values: Any = json.loads(line)
        clip_id, stamp, sha256, shape, size = (values[key] for key in ("id", "stamp", "sha256", "shape", "size"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_sound = (
        isinstance(clip_id, str)
        and isinstance(stamp, list)
        and all(value is None or isinstance(value, int | float | str) for value in stamp)
        and isinstance(sha256, str)
        and isinstance(shape, list)
        and all(type(number) is int for number in (*shape, size))
    )
    return Record(clip_id, stamp, sha256, shape, size) if is_sound else None


def write_records(folder: Path, records: Mapping[str, Record]) -> None:
    """Replace `vectors.jsonl` in one step; the same records give the same bytes.

    Raises:
        CannotWrite: the previous file is still there.
    """
    with written_whole(folder / NAME, is_shared=True) as temporary, temporary.open("wb") as file:
        for clip_id in sorted(records):
            file.write(records[clip_id].line())


class Part:
    """Where one process writes: a hidden folder with a record and the vector that is in flight.

    Args:
        folder: of the vectors.
    """

    def __init__(self, folder: Path):
        # Sorted by name, parts are in the order of time: of two records of one clip the later one counts.
        self.folder = folder / f"{PART}{time.time_ns():020}-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self._descriptor = os.open(self.folder / PART_RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # The system lets go of it however this process ends.

    def append(self, record: Record) -> None:
        """Write one line, with one call: a kill leaves it whole or not there, or it is cut short and left out."""
        before = os.fstat(self._descriptor).st_size
        line = record.line()
        try:
            if os.write(self._descriptor, line) < len(line):
                raise OSError(28, os.strerror(28))
        except OSError:
            os.ftruncate(self._descriptor, before)
            raise

    def flush(self) -> None:
        """Have the lines on the disk itself."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let others join it."""
        os.close(self._descriptor)


def all_parts(folder: Path) -> list[Path]:
    """The parts in a folder, whoever writes them, in the order of time."""
    return sorted(path for path in folder.glob(f"{PART}*") if path.is_dir() and not path.is_symlink())


def ended(parts: Iterable[Path]) -> Iterator[Path]:
    """Those that no process writes any more."""
    for part in parts:
        try:
            descriptor = os.open(part / PART_RECORD, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:  # Killed between its two first steps.
            yield part
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        finally:
            os.close(descriptor)
        yield part


def remove(parts: Iterable[Path]) -> None:
    """Take away parts that are joined."""
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)


def known_records(folder: Path) -> dict[str, Record]:
    """Clip id -> record, from the joined file and from the parts of processes that write or were ended."""
    known = read_records(folder / NAME)
    for part in all_parts(folder):
        known |= read_records(part / PART_RECORD)
    return known
