"""A store of vectors from outside, looked at before a run: a folder of `.npy` files or a packed file.

Each file of a folder is read once: its values are finite, equally wide and those that were written, or its clip has a
fault. A packed file was looked at in this way when it was made; its index is checked, and values when they are read.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.data.stores.cache import ABSENT, DAMAGED_ARRAY, clip_stamp, text_stamp
from emolightning.data.stores.loaded import Vector, Vectors, held
from emolightning.data.stores.manifest import Manifest, read_manifest
from emolightning.data.stores.packed import PackedVectors
from emolightning.data.stores.records import NAME, Record, known_records
from emolightning.errors import UserError
from emolightning.files.names import NamesOnDisk
from emolightning.records.clips import Clip

HELD_BYTES = 2**28
"""Most that vectors of one input take in memory: utterances fit, long sequences are read when asked for."""


@dataclass(frozen=True)
class Found:
    """What a store has of the clips of a run."""

    vectors: Vectors
    manifest: Manifest | None
    absent: dict[str, str] = field(default_factory=dict)
    """Clip id -> where its vector would be."""
    broken: dict[str, str] = field(default_factory=dict)
    """Clip id -> what is wrong with its vector."""
    stale: list[str] = field(default_factory=list)
    """Clips whose file, piece or words are others than those that the vector was made of."""


def read_store(place: Path, clips: Sequence[Clip]) -> Found:
    """What a folder or a packed file has of some clips.

    Raises:
        UserError: its manifest or its index is damaged.
    """
    return _read_folder(place, clips) if place.is_dir() else _read_packed(PackedVectors(place), clips)


def _read_packed(packed: PackedVectors, clips: Sequence[Clip]) -> Found:
    known = {
        clip.id: Vector(packed.num_steps(clip.id), packed.width, packed.checksum(clip.id))
        for clip in clips
        if clip.id in packed
    }
    absent = {clip.id: f"no {clip.id} in {packed.path}" for clip in clips if clip.id not in packed}
    made_of = dict(zip(packed.ids, packed.stamps, strict=False))
    stale = [clip.id for clip in clips if clip.id in known and _is_stale(clip, made_of.get(clip.id))]
    return Found(Vectors(known, packed.read), packed.manifest, absent, stale=stale)


def _read_folder(folder: Path, clips: Sequence[Clip]) -> Found:
    manifest, names = read_manifest(folder), NamesOnDisk()
    records = known_records(folder) if manifest is not None else {}
    known: dict[str, Vector] = {}
    absent: dict[str, str] = {}
    broken: dict[str, str] = {}
    files = FolderFiles()
    room = HELD_BYTES
    for clip in clips:
        try:
            path = names.find(folder, f"{clip.id}.npy")
            if not path.exists():
                absent[clip.id] = f"no {path}"
                continue
            vector = held(files.add(clip.id, path))
            if manifest is not None:
                _require_recorded(path, vector, records.get(clip.id), manifest)
        except UserError as error:
            broken[clip.id] = str(error)
            continue
        assert vector.array is not None
        room -= vector.array.nbytes
        known[clip.id] = vector if room >= 0 else replace(vector, array=None)
    broken |= _other_widths(known, folder)
    made_of = {clip_id: record.stamp for clip_id, record in records.items()}
    stale = [clip.id for clip in clips if clip.id in known and _is_stale(clip, made_of.get(clip.id))]
    return Found(Vectors(known, files.read).without(broken), manifest, absent, broken, stale)


def _is_stale(clip: Clip, made_of: Any) -> bool:
    """Whether a vector was surely made of something else than the clip is now.

    A copy of a file may have any modification time, and a run on vectors may have no media, and no transcript.

    Args:
        clip: as it is now.
        made_of: the stamp that was noted with the vector, data from outside; None where there is none.
    """
    if not isinstance(made_of, list):
        return False
    if len(made_of) == 1:
        return bool(clip.transcript) and made_of != text_stamp(clip)
    now = clip_stamp(clip)
    return now[:2] != ABSENT and len(made_of) > 1 and [made_of[0], *made_of[2:]] != [now[0], *now[2:]]


class FolderFiles:
    """The files of a folder, read again where they do not fit into memory."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Path, int, int]] = {}

    def add(self, clip_id: str, path: Path) -> np.ndarray:
        """Read a file for the first time.

        Raises:
            UserError: see `read_vectors`.
        """
        self._files[clip_id] = (path, *_state(path))
        return read_vectors(path)

    def read(self, clip_id: str) -> np.ndarray:
        """Read it again.

        Raises:
            UserError: it is another file by now.
        """
        path, *before = self._files[clip_id]
        if [*_state(path)] != before:
            raise UserError(f"{path}: was changed after the run had begun; start it again")
        return read_vectors(path)


def _state(path: Path) -> tuple[int, int]:
    """Another one means another file."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    return status.st_size, status.st_mtime_ns


def read_vectors(path: Path) -> np.ndarray:
    """float32 (tokens, width), at least one token, finite.

    Raises:
        UserError: it is something else.
    """
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")  # Compares the header's shape with the size of the file.
        if mapped.dtype.kind not in "fiub":
            raise TypeError(f"values of type {mapped.dtype}")
        array = np.atleast_2d(np.array(mapped, dtype=np.float32))
    except DAMAGED_ARRAY as error:
        raise UserError(f"{path}: not an array of numbers, as numpy.save writes it") from error
    if array.ndim != 2 or 0 in array.shape:
        raise UserError(f"{path}: shape {array.shape}, expected (width,) or (tokens, width)")
    if not np.isfinite(array).all():
        raise UserError(f"{path}: holds values that are not finite")
    return array


def _require_recorded(path: Path, vector: Vector, record: Record | None, manifest: Manifest) -> None:
    """Refuse what the manifest of its folder does not speak for: two recipes in one folder.

    Raises:
        UserError: nobody noted it, or other values.
    """
    if record is None:
        raise UserError(f"{path}: was not made by {manifest}, whose folder it is in: {NAME} has no line of it")
    if record.sha256 != vector.checksum.hex():
        raise UserError(f"{path}: does not hold what {manifest} gave: its values were changed since")


def _other_widths(known: Mapping[str, Vector], folder: Path) -> dict[str, str]:
    """The clips whose vectors are not as wide as most, and what is said of them."""
    widths = Counter(vector.width for vector in known.values())
    common = widths.most_common(1)[0][0] if widths else 0
    return {
        clip_id: f"{folder}/{clip_id}.npy: {vector.width} wide, most are {common}"
        for clip_id, vector in known.items()
        if vector.width != common
    }
