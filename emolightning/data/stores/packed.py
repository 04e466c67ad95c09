"""One file for all vectors of an encoder: mapped, opened once, read at random; any reader of safetensors knows it.

`<root>/<encoder>.safetensors` holds the rows of all clips one below the other and an index: where each clip's rows
begin, its id, its checksum. Whatever the number of clips, one file is open and the index alone is in memory.
"""

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.data.stores.manifest import WIDEST, Manifest, manifest_of
from emolightning.data.stores.vectors import vector_path
from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, parse_json
from emolightning.files.names import composed

SUFFIX = ".safetensors"
FORMAT = "emolightning packed 1"
TENSORS = {
    "offsets": "I64",
    "values": "",
    "is_flat": "U8",
    "checksums": "U8",
    "ids": "U8",
    "stamps": "U8",
}
"""Name -> safetensors' name of the type, in the order of the file.

offsets: (clips + 1,), first row of each clip; values: (rows, width); is_flat: (clips,), 1 where the vector is (width,)
and not (1, width); checksums: (clips, 32), of the values as float32; ids: separated by zero bytes; stamps: JSON lines,
as in `vectors.jsonl`, or nothing.
"""

DTYPES = {"float16": "F16", "float32": "F32", "float64": "F64"}
"""Types of values that can be packed."""


class PackedVectors:
    """The vectors of a packed file, by clip id.

    Args:
        path: of the file.

    Raises:
        DamagedFile: it is no such file; every number of its index is checked.
    """

    def __init__(self, path: Path):
        self.path = path
        self._identity = _identity(path)
        self._values, self._file = self._open()
        index = _Index(path, self._file, self._values.get_shape())
        self.ids, self.manifest, self._offsets = index.ids, index.manifest, index.offsets
        self._is_flat, self._checksums = index.is_flat, index.checksums
        self.width: int = self._values.get_shape()[1]
        self._numbers = {clip_id: number for number, clip_id in enumerate(map(composed, self.ids))}
        if len(self._numbers) < len(self.ids):
            raise DamagedFile(path, "two of its ids are the same")

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, clip_id: str) -> bool:
        return composed(clip_id) in self._numbers

    def num_steps(self, clip_id: str) -> int:
        """Rows of a clip."""
        number = self._numbers[composed(clip_id)]
        return int(self._offsets[number + 1] - self._offsets[number])

    def checksum(self, clip_id: str) -> bytes:
        """sha256 of a clip's values as float32, taken when the file was made."""
        return self._checksums[self._numbers[composed(clip_id)]].tobytes()

    def stored(self, clip_id: str) -> np.ndarray:
        """A clip's vector with type and shape that it came with."""
        number = self._numbers[composed(clip_id)]
        rows = self._values[int(self._offsets[number]) : int(self._offsets[number + 1])]
        return rows[0] if self._is_flat[number] else rows

    def read(self, clip_id: str) -> np.ndarray:
        """float32 (tokens, width), finite.

        Raises:
            UserError: the file was damaged after it was made.
        """
        vectors = np.atleast_2d(self.stored(clip_id)).astype(np.float32, copy=False)
        if not np.isfinite(vectors).all():
            raise UserError(f"{self.path}: {clip_id!r} holds values that are not finite; pack the folder again")
        return vectors

    @cached_property
    def stamps(self) -> list[Any]:
        """What each vector was made from, in the order of `ids`; nothing where that is not known."""
        lines = self._file.get_tensor("stamps").tobytes().splitlines()
        return [parse_json(line, self.path) for line in lines]

    def _open(self) -> tuple[Any, Any]:
        from safetensors import SafetensorError, safe_open

        try:
            file: Any = safe_open(self.path, "np")
            if {*file.keys()} != {*TENSORS}:
                raise DamagedFile(self.path, f"it is no packed file of vectors but holds {sorted(file.keys())[:5]}")
            return file.get_slice("values"), file
        except (SafetensorError, OSError) as error:
            raise DamagedFile(self.path, error) from None

    def __getstate__(self) -> dict[str, Any]:
        """What a worker process gets; it maps the file itself."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_values", "_file")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if _identity(self.path) != self._identity:
            raise UserError(f"{self.path}: was replaced while it was in use; start again")
        self._values, self._file = self._open()


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise DamagedFile(path, error.strerror or error) from None
    return status.st_size, status.st_mtime_ns


class _Index:
    """The index of a packed file, checked."""

    def __init__(self, path: Path, file: Any, shape: list[int]):
        self.path = path
        for name, dtype in TENSORS.items():
            found = file.get_slice(name).get_dtype()
            self._require(found == dtype if dtype else found in DTYPES.values(), f"{name} is {found}")
        self._require(len(shape) == 2 and 0 < shape[1] <= WIDEST, f"values is {shape}")
        self.offsets: np.ndarray = file.get_tensor("offsets")
        self.is_flat: np.ndarray = file.get_tensor("is_flat")
        self.checksums: np.ndarray = file.get_tensor("checksums")
        self.ids = list(self._read_ids(file.get_tensor("ids").tobytes()))
        count = len(self.ids)
        self._require(self.offsets.shape == (count + 1,), f"offsets is {self.offsets.shape} of {count} clips")
        steps = np.diff(self.offsets)
        is_sound = self.offsets[0] == 0 and self.offsets[-1] == shape[0] and (count == 0 or steps.min() > 0)
        self._require(bool(is_sound), "its offsets are no offsets of its rows")
        self._require(self.is_flat.shape == (count,) and not (steps[self.is_flat > 0] != 1).any(), "is_flat is wrong")
        self._require(self.checksums.shape == (count, 32), f"checksums is {self.checksums.shape}")
        self.manifest = self._read_manifest(file.metadata() or {})

    def _read_ids(self, data: bytes) -> Iterator[str]:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise DamagedFile(self.path, f"its ids are no text ({error})") from None
        for clip_id in text.split("\0") if text else ():
            try:
                vector_path(self.path.parent, clip_id)
            except UserError as error:
                raise DamagedFile(self.path, error) from None
            yield clip_id

    def _read_manifest(self, metadata: dict[str, str]) -> Manifest | None:
        self._require(metadata.get("format") == FORMAT, f"its format is not {FORMAT!r}")
        if "manifest" not in metadata:
            return None
        content = parse_json(metadata["manifest"], self.path)
        self._require(isinstance(content, dict), "its manifest is no object")
        return manifest_of(content, self.path)

    def _require(self, condition: bool, reason: str) -> None:
        if not condition:
            raise DamagedFile(self.path, reason)


def header(shapes: dict[str, tuple[int, ...]], dtype: str, manifest: Manifest | None) -> bytes:
    """The first bytes of a packed file; its tensors follow in the order of `TENSORS`, without gaps.

    Args:
        shapes: tensor -> shape.
        dtype: of the values, NumPy's name.
        manifest: of the folder, if it has one.
    """
    sizes = {"I64": 8, "U8": 1, "F16": 2, "F32": 4, "F64": 8}
    metadata = {"format": FORMAT}
    if manifest is not None:
        metadata["manifest"] = json.dumps(manifest.content(), ensure_ascii=False)
    entries: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, known in TENSORS.items():
        code = known or DTYPES[dtype]
        start, end = end, end + sizes[code] * int(np.prod(shapes[name], dtype=np.int64))
        entries[name] = {"dtype": code, "shape": list(shapes[name]), "data_offsets": [start, end]}
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
