"""A folder of vectors that is being made: resumable after any end, written by several processes, machines included.

Layout, upstream's: `<folder>/<clip id>.npy`. Beside them `manifest.json` says what made them, `vectors.jsonl` what each
was made from and its checksum. Whichever processes made the folder, and however often they were ended, the bytes are
the same.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock

from emolightning.data.stores.manifest import Manifest, read_manifest
from emolightning.data.stores.records import (
    NAME,
    PART_RECORD,
    Part,
    Record,
    Stamp,
    all_parts,
    checksum,
    ended,
    known_records,
    read_records,
    remove,
    write_records,
)
from emolightning.errors import UserError
from emolightning.files.writing import flush, writing

log = logging.getLogger(__name__)

LOCK = ".lock"
FLUSHED_EVERY_S = 10.0
"""Seconds after which vectors are on the disk itself: what a crash of the machine may take; a kill takes none."""

DIMENSIONS = {"utterance": 1, "frame": 2}


class VectorFolder:
    """Vectors of clips, kept as they come. Use `open`.

    Args:
        folder: of the vectors.
        manifest: what makes them; None for arrays of any kind, whose folder's name says what they are.
        known: clip id -> record, of what is there.
    """

    def __init__(self, folder: Path, manifest: Manifest | None, known: dict[str, Record]):
        self.folder = folder
        self.manifest = manifest
        self._known = known
        self._part: Part | None = None
        self._unflushed: list[Path] = []
        self._flushed = time.monotonic()

    @classmethod
    def open(cls, folder: Path, manifest: Manifest | None) -> "VectorFolder":
        """A new folder, or one that the same recipe began.

        Raises:
            UserError: another recipe made what is there, or an unknown one.
            CannotWrite: the folder cannot be made.
        """
        if manifest is not None:
            with _alone(folder):
                there = read_manifest(folder)
                manifest = _agreed(folder, manifest, there)
                if there is None:
                    manifest.write(folder)
        return cls(folder, manifest, known_records(folder))

    def is_done(self, clip_id: str, stamp: Stamp) -> bool:
        """Whether the vector of a clip is there, whole, and made from just this."""
        record = self._known.get(clip_id)
        if record is None or record.stamp != list(stamp):
            return False
        try:
            return os.stat(self._path(clip_id)).st_size == record.size
        except OSError:
            return False

    def add(self, clip_id: str, array: np.ndarray, stamp: Stamp) -> None:
        """Keep the vector of a clip: afterwards it is there, whole, also if this process is killed.

        Args:
            clip_id: names the file.
            array: (width,) at utterance level, (steps, width) at frame level.
            stamp: what it was made from.

        Raises:
            UserError: it is not what the manifest promises, or not finite, or the id leaves the folder.
            CannotWrite: the system refuses; everything before is kept.
        """
        path, kept = self._path(clip_id), self._checked(clip_id, array)
        with writing(path):
            if self._part is None:
                self._part = self._begin()
            in_flight = self._part.folder / "vector.npy"
            with in_flight.open("wb") as file:
                np.save(file, kept, allow_pickle=False)
            size = in_flight.stat().st_size
            self._make_place(path)
            os.replace(in_flight, path)
            record = Record(clip_id, list(stamp), checksum(kept).hex(), list(kept.shape), size)
            self._part.append(record)
            self._known[clip_id] = record
            self._unflushed.append(path)
            if time.monotonic() - self._flushed > FLUSHED_EVERY_S:
                self._flush()

    def _begin(self) -> Part:
        """Whoever joins must not meet a part that has no lock yet."""
        with _alone(self.folder):
            if self.manifest is not None:
                self._write_manifest(self.manifest.width, None)
            return Part(self.folder)

    def finish(self) -> None:
        """Join what this process and those that ended have noted, into files that depend on the vectors alone.

        Processes that still write are left alone: whichever finishes last joins everything. Also right after an
        exception: what is done stays done.

        Raises:
            UserError: vectors of two widths.
            CannotWrite: the system refuses; nothing is lost, the next `open` finds it.
        """
        with writing(self.folder):
            if self._part is not None:
                self._flush()
                self._part.close()
                self._part = None
            if self.folder.is_dir():
                with _alone(self.folder):
                    self._join()

    def _join(self) -> None:
        parts = all_parts(self.folder)
        joined = list(ended(parts))
        there = None if self.manifest is None else read_manifest(self.folder)
        if not joined and (there is None or there.count is not None):
            return
        records = read_records(self.folder / NAME)
        for part in joined:
            records |= read_records(part / PART_RECORD)
        self._known |= records
        records = {clip_id: record for clip_id, record in records.items() if self.is_done(clip_id, record.stamp)}
        if self.manifest is not None:
            width = self._only_width(records)
            self._write_manifest(width, len(records) if len(joined) == len(parts) else None)
        write_records(self.folder, records)
        remove(joined)

    def _only_width(self, records: Mapping[str, Record]) -> int | None:
        first: dict[int, str] = {}
        for record in records.values():
            first.setdefault(record.shape[-1] if record.shape else 0, record.clip_id)
        if len(first) > 1:
            widths = ", ".join(f"{clip_id!r} {width}" for width, clip_id in list(first.items())[:2])
            raise UserError(f"{self.folder}: vectors are not equally wide: {widths}; delete the folder, extract again")
        return next(iter(first), None)

    def _write_manifest(self, width: int | None, count: int | None) -> None:
        assert self.manifest is not None
        there = read_manifest(self.folder)  # Another process may have added its versions.
        known = self.manifest if there is None else self.manifest.with_versions_of(there)
        replace(known, width=width, count=count).write(self.folder)

    def _flush(self) -> None:
        """Vectors reach the disk before the lines that vouch for them."""
        for path in self._unflushed:
            flush(path)
        self._unflushed.clear()
        if self._part is not None:
            self._part.flush()
        self._flushed = time.monotonic()

    def _checked(self, clip_id: str, array: np.ndarray) -> np.ndarray:
        """The array as it is kept."""
        if self.manifest is None:
            return array
        level, dtype = self.manifest.level, self.manifest.dtype
        wanted = DIMENSIONS[level]
        if array.ndim != wanted or 0 in array.shape:
            expected = "(width,)" if wanted == 1 else "(steps, width)"
            raise UserError(f"{clip_id}: the encoder gave shape {array.shape}, {level} level is {expected}")
        width = self.manifest.width
        if width is None:
            self.manifest = replace(self.manifest, width=array.shape[-1])
        elif array.shape[-1] != width:
            raise UserError(f"{clip_id}: the encoder gave a vector {array.shape[-1]} wide, {self.folder} holds {width}")
        with np.errstate(over="ignore"):
            kept = np.ascontiguousarray(array, dtype=dtype)
        if not np.isfinite(kept).all():
            raise UserError(f"{clip_id}: the encoder gave values that are not finite numbers in {dtype}")
        return kept

    def _path(self, clip_id: str) -> Path:
        return vector_path(self.folder, clip_id)

    def _make_place(self, path: Path) -> None:
        """The folders of an id such as `talks/01`; a link among them may lead elsewhere."""
        if path.parent == self.folder:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"{path} leaves {self.folder} through a link; remove the link")


def vector_path(folder: Path, clip_id: str) -> Path:
    """The file of a clip's vector: `talks/01` has a folder of its own, and no id leaves the folder.

    Raises:
        UserError: the id does, or names no file.
    """
    parts = clip_id.split("/")
    if any(part in ("", ".", "..") or part.startswith(".part-") for part in parts) or {"\0", "\\"} & set(clip_id):
        raise UserError(f"clip id {clip_id!r} names no file inside of {folder}")
    return folder / f"{clip_id}.npy"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Alone with the shared files of a folder, among the processes that write it. The lock's file stays."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _agreed(folder: Path, manifest: Manifest, there: Manifest | None) -> Manifest:
    """The manifest of a folder that is gone on with.

    Raises:
        UserError: it is another one, or none though there are vectors.
    """
    if there is None:
        if next(folder.glob("*.npy"), None) is None:
            return manifest
        raise UserError(
            f"{folder} holds vectors of unknown recipe (no manifest.json), so those of {manifest} are not put among "
            "them; name another folder, or delete this one"
        )
    if different := manifest.differences(there):
        raise UserError(
            f"{folder} holds vectors of {there}, not of {manifest}; different are\n  - "
            + "\n  - ".join(different)
            + "\nname another folder, or delete this one to have all vectors made again"
        )
    both = there.with_versions_of(manifest)
    for name, text in both.versions.items():
        if ", " in text:
            log.warning("%s: made by several versions of %s: %s", folder, name, text)
    return replace(both, width=there.width or manifest.width)
