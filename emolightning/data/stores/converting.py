"""A folder of vectors into one packed file and back: whole or not at all, and the same bytes after both ways."""

import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast, get_args

import numpy as np

from emolightning.data.stores.cache import DAMAGED_ARRAY
from emolightning.data.stores.manifest import Kept, Manifest, read_manifest
from emolightning.data.stores.packed import DTYPES, PackedVectors, header
from emolightning.data.stores.records import NAME, PART, Record, checksum, known_records, read_records, write_records
from emolightning.data.stores.vectors import vector_path
from emolightning.errors import InputErrors, UserError
from emolightning.files.names import composed
from emolightning.files.writing import flush, require_writable, writing, written_whole

Progress = Callable[[Sequence[str]], Iterable[str]]
"""Passes ids on, and shows how many are done."""


@dataclass(frozen=True)
class _Plan:
    """What a packed file will hold, from the headers alone."""

    ids: list[str]
    shapes: list[tuple[int, ...]]
    dtype: str
    width: int

    @property
    def offsets(self) -> np.ndarray:
        steps = [1 if len(shape) == 1 else shape[0] for shape in self.shapes]
        return np.concatenate([[0], np.cumsum(steps, dtype=np.int64)]).astype(np.int64)

    @property
    def num_bytes(self) -> int:
        return int(self.offsets[-1]) * self.width * np.dtype(self.dtype).itemsize


def pack(folder: Path, out: Path, *, dtype: str | None = None, progress: Progress = iter) -> PackedVectors:
    """Write all vectors of a folder into one file.

    Args:
        folder: of `.npy` files.
        out: the file; replaced in one step where it is there.
        dtype: `float16`, `float32` or `float64`; None keeps that of the files.
        progress: shows how far it is.

    Raises:
        InputErrors: vectors that cannot be packed, all of them at once.
        UserError: there are none, or their making is not finished.
        CannotWrite: there is no room, or the system refuses.
    """
    manifest, stamps = read_manifest(folder), _stamps(folder)
    plan = _planned(folder, dtype)
    if manifest is not None:
        _require_finished(folder, manifest, plan.ids)
        if plan.dtype != manifest.dtype:
            if dtype is None or dtype not in get_args(Kept):
                raise UserError(f"{folder}: its manifest says {manifest.dtype}, its files are {plan.dtype}")
            manifest = replace(manifest, dtype=cast(Kept, dtype))
    require_room(out, plan.num_bytes)
    with written_whole(out) as temporary, temporary.open("wb") as file:
        _write(file, folder, plan, manifest, stamps, progress)
    return PackedVectors(out)


def unpack(path: Path, out: Path, *, progress: Progress = iter) -> int:
    """Write each vector of a packed file into a file of its own; the folder appears when all of them are there.

    Args:
        path: the packed file.
        out: the folder, not there yet.
        progress: shows how far it is.

    Returns:
        How many vectors there are.

    Raises:
        UserError: the folder is there, or a vector is not what was packed.
        CannotWrite: there is no room, or the system refuses; nothing is left.
    """
    packed = PackedVectors(path)
    if out.exists():
        raise UserError(f"{out} is there already; name another folder with out=FOLDER, or delete it")
    require_room(out, path.stat().st_size)
    stage = out.with_name(f".{out.name}.unfinished")
    with writing(out):
        shutil.rmtree(stage, ignore_errors=True)
        try:
            stage.mkdir(parents=True)
            _spread(packed, stage, progress)
            os.rename(stage, out)
            flush(out.parent)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return len(packed)


def _spread(packed: PackedVectors, stage: Path, progress: Progress) -> None:
    stamps, records = packed.stamps, {}
    if len(stamps) not in (0, len(packed)):
        raise UserError(f"{packed.path}: has {len(stamps)} stamps of {len(packed)} vectors")
    for number, clip_id in enumerate(progress(packed.ids)):
        array, place = packed.stored(clip_id), vector_path(stage, clip_id)
        if (found := checksum(array)) != packed.checksum(clip_id):
            raise UserError(f"{packed.path}: the vector of {clip_id!r} is not what was packed; get a sound copy of it")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        if stamps:
            size = place.stat().st_size
            records[clip_id] = Record(clip_id, stamps[number], found.hex(), list(array.shape), size)
    if stamps:
        write_records(stage, records)
    if packed.manifest is not None:
        packed.manifest.write(stage)


def require_room(out: Path, num_bytes: int) -> None:
    """Refuse a disk that is too small, before anything is written.

    Raises:
        CannotWrite: names what is needed and what is free, or says why nothing can be written.
    """
    require_writable(out.parent, "out")
    there = next(parent for parent in out.absolute().parents if parent.exists())
    free = shutil.disk_usage(there).free
    with writing(out):
        if num_bytes > free:
            needed = f"{num_bytes / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free"
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {needed}")


def vector_files(folder: Path) -> Iterator[str]:
    """The ids of a folder's vectors, those in folders below it included, in their order."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(PART)]
        below = os.path.relpath(place, folder)
        prefix = "" if below == "." else f"{below}/"
        found += [f"{prefix}{name[:-4]}" for name in files if name.endswith(".npy")]
    return iter(sorted(found))


def _planned(folder: Path, dtype: str | None) -> _Plan:
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder")
    ids, arrays, problems = [], [], []
    seen: dict[str, str] = {}
    for clip_id in vector_files(folder):
        try:
            array = _mapped(folder, clip_id)
            if not clip_id.isprintable():
                raise UserError(f"{clip_id!r}.npy: its name holds characters that cannot be shown; rename it")
            if (other := seen.setdefault(composed(clip_id), clip_id)) != clip_id:
                raise UserError(f"{other}.npy and {clip_id}.npy are the same name, composed in two ways; rename one")
        except UserError as error:
            problems.append(str(error))
            continue
        ids.append(clip_id)
        arrays.append((array.shape, str(array.dtype)))
    if not ids and not problems:
        raise UserError(f"{folder}: holds no .npy files")
    widths, dtypes = Counter(shape[-1] for shape, _ in arrays), Counter(kind for _, kind in arrays)
    width, common = (next(iter(most.most_common(1)), ("", 0))[0] for most in (widths, dtypes))
    for clip_id, (shape, kind) in zip(ids, arrays, strict=True):
        if shape[-1] != width:
            problems.append(f"{clip_id}.npy: {shape[-1]} wide, most are {width}")
        if dtype is None and (kind != common or kind not in DTYPES):
            problems.append(f"{clip_id}.npy: values of {kind}; say dtype=float32 to store all of them as that")
    if problems:
        raise InputErrors(str(folder), problems, note="nothing was written; extract them again, or delete them")
    return _Plan(ids, [shape for shape, _ in arrays], dtype or str(common), int(width))


def _mapped(folder: Path, clip_id: str) -> np.ndarray:
    """A vector as it is on the disk, with its header read."""
    try:
        array = np.lib.format.open_memmap(vector_path(folder, clip_id), mode="r")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"values of type {array.dtype}")
    except DAMAGED_ARRAY as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{clip_id}.npy: not an array of numbers, as numpy.save writes it") from error
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise UserError(f"{clip_id}.npy: shape {array.shape}, expected (width,) or (tokens, width)")
    return array


def _write(
    file: IO[bytes],
    folder: Path,
    plan: _Plan,
    manifest: Manifest | None,
    stamps: dict[str, bytes],
    progress: Progress,
) -> None:
    count, offsets = len(plan.ids), plan.offsets
    ids = "\0".join(plan.ids).encode()
    lines = b"".join(stamps[composed(clip_id)] for clip_id in plan.ids) if stamps else b""
    shapes = {
        "offsets": (count + 1,),
        "values": (int(offsets[-1]), plan.width),
        "is_flat": (count,),
        "checksums": (count, 32),
        "ids": (len(ids),),
        "stamps": (len(lines),),
    }
    file.write(header(shapes, plan.dtype, manifest))
    file.write(offsets.astype("<i8").tobytes())
    checksums, problems = bytearray(), []
    for clip_id, shape in zip(progress(plan.ids), plan.shapes, strict=True):
        array = _mapped(folder, clip_id)
        with np.errstate(over="ignore"):
            values = np.array(array, dtype=np.dtype(plan.dtype).newbyteorder("<"), order="C")
        if values.shape != shape:
            raise UserError(f"{folder}/{clip_id}.npy: changed while it was packed; start again")
        if not np.isfinite(values).all():
            problems.append(f"{clip_id}.npy: holds values that are not finite numbers in {plan.dtype}")
        checksums += checksum(values)
        file.write(values.data)
    if problems:
        raise InputErrors(str(folder), problems, note="nothing was written; extract them again, or delete them")
    file.write(bytes(len(shape) == 1 for shape in plan.shapes))
    file.write(checksums)
    file.write(ids)
    file.write(lines)


def _stamps(folder: Path) -> dict[str, bytes]:
    """Clip id -> what its vector was made from, as a line; nothing of a folder that does not say."""
    records = read_records(folder / NAME)
    return {
        composed(clip_id): json.dumps(item.stamp, ensure_ascii=False).encode() + b"\n"
        for clip_id, item in records.items()
    }


def _require_finished(folder: Path, manifest: Manifest, ids: Sequence[str]) -> None:
    """The manifest speaks for all vectors that are there, and for no others.

    Raises:
        UserError: some are missing, or of unknown recipe.
    """
    if manifest.count is None:
        raise UserError(f"{folder}: its vectors are not complete; let the extraction finish first")
    named, there = {*map(composed, known_records(folder))}, {*map(composed, ids)}
    problems = [
        f"{clip_id}.npy: was not made by {manifest}: {NAME} has no line of it" for clip_id in sorted(there - named)
    ]
    problems += [f"{clip_id}.npy: is not there, though {NAME} names it" for clip_id in sorted(named - there)]
    if problems:
        raise InputErrors(str(folder), problems)
