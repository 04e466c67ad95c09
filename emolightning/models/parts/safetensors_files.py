"""Safetensors: a file or a Hugging Face folder of them, read by name; and a file written tensor by tensor."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.models.parts.tensor_info import (
    TensorInfo,
    dtype_name,
    require_file,
    require_plain_names,
    require_trained_weights,
)

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
LARGEST_HEADER = 100_000_000
"""Bytes that the reader takes."""

DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
"""Name in a file's header -> torch's."""


class SafetensorsFolder:
    """The safetensors of a Hugging Face folder, one file or several shards with an index.

    Args:
        folder: with `model.safetensors`, or shards and their index.

    Raises:
        UserError: no safetensors, shards that the index names and that are not there, a file that is cut short.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.places: dict[str, Path] = {}
        self.tensors: dict[str, TensorInfo] = {}
        for path in _shards(folder):
            for name, info in safetensors_infos(path).items():
                self.places[name], self.tensors[name] = path, info
        self._require_what_the_index_names()

    @property
    def files(self) -> list[Path]:
        """The shards, in order."""
        return sorted(set(self.places.values()))

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors, mapped."""
        return {name: read_safetensor(self.places[name], name) for name in names}

    def _require_what_the_index_names(self) -> None:
        index = self.folder / INDEX
        if not index.is_file() or self.files == [self.folder / SINGLE]:
            return
        absent = sorted(set(_weight_map(index)) - set(self.tensors))
        if absent:
            raise UserError(f"{index}: names {len(absent)} tensor(s) that are in no shard, e.g. {ascii(absent[0])}")


def _shards(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the Hugging Face folder of the language model")
    if (folder / SINGLE).is_file():  # As transformers looks for them.
        return [folder / SINGLE]
    index = folder / INDEX
    if not index.is_file():
        found = sorted(folder.glob("*.safetensors"))
        if not found:
            hint = (
                "; it has *.bin files only: get the safetensors of the same model" if any(folder.glob("*.bin")) else ""
            )
            raise UserError(f"{folder}: holds no *.safetensors{hint}")
        return found
    names = sorted(set(_weight_map(index).values()))
    absent = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if absent:
        shown = ", ".join(map(ascii, absent[:10]))
        raise UserError(f"{folder}: {len(absent)} of {len(names)} shards are missing: {shown}; copy them there")
    return [folder / name for name in names]


def _weight_map(index: Path) -> dict[str, str]:
    found = read_json_object(index).get("weight_map")
    if not isinstance(found, dict):
        raise UserError(f"{index}: is not an index of safetensors: no weight_map in it")
    return {str(name): str(file) for name, file in found.items()}


def safetensors_infos(path: Path) -> dict[str, TensorInfo]:
    """Name -> shape and dtype of one file.

    Raises:
        UserError: not a safetensors file, or cut short.
    """
    require_file(path)
    _refuse_repeats(path)
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            require_plain_names(path, slices)
            return {name: _info(path, part.get_shape(), part.get_dtype()) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: is not a whole safetensors file ({ascii(str(error))}); copy it again") from error


def _info(path: Path, shape: list[int], dtype: str) -> TensorInfo:
    if dtype not in DTYPES:
        raise UserError(f"{path}: has tensors of type {dtype}, which this project cannot read")
    return TensorInfo(tuple(shape), DTYPES[dtype])


def _refuse_repeats(path: Path) -> None:
    """The reader would take the last of two tensors of one name. What else is wrong, it says itself."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        text = file.read(size) if size <= LARGEST_HEADER else b""
    try:
        json.loads(text, object_pairs_hook=_without_repeats)
    except _Repeated as error:
        raise UserError(f"{path}: has {ascii(str(error)[:60])} twice in its header; get a sound copy of it") from None
    except (ValueError, RecursionError):
        return


class _Repeated(Exception):
    """A name that a JSON object has twice."""


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _Repeated(name)
        found[name] = value
    return found


def load_trained(path: Path) -> dict[str, Tensor]:
    """All tensors of a file of trained weights, mapped.

    Raises:
        UserError: not a safetensors file, cut short, or with values that no training leaves.
    """
    tensors = {name: read_safetensor(path, name) for name in safetensors_infos(path)}
    require_trained_weights(path, tensors)
    return tensors


def read_safetensor(path: Path, name: str) -> Tensor:
    """One tensor of one file, mapped."""
    with safe_open(path, framework="pt") as file:
        return file.get_tensor(name)


def write_safetensors(path: Path, infos: Mapping[str, TensorInfo], tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Write a file of any size with one tensor in memory at a time.

    Args:
        path: is created; half of it stays there when `tensors` fails.
        infos: name -> shape and dtype, known before the first value.
        tensors: exactly these, in any order.
    """
    names_of_types = {theirs: name for name, theirs in DTYPES.items()}
    # Large items first, so that each tensor is aligned to its own size, as safetensors' own writer does.
    order = sorted(infos, key=lambda name: -infos[name].torch_dtype.itemsize)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    places, end = {}, 0
    for name in order:
        info = infos[name]
        places[name], start, end = end, end, end + info.num_bytes
        header[name] = {
            "dtype": names_of_types[info.dtype],
            "shape": list(info.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        data = file.tell()
        for name, tensor in tensors:
            found = TensorInfo(tuple(tensor.shape), dtype_name(tensor))
            if infos[name] != found:
                raise ValueError(f"Expected {name} to be {infos[name]}, but got {found}.")
            file.seek(data + places.pop(name))
            file.write(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        if places:
            raise ValueError(f"Expected `tensors` to have all names, but {sorted(places)[:3]} did not come.")
        file.truncate(data + end)
        file.flush()
        os.fsync(file.fileno())
