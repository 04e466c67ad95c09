"""Files of weights, read without running code and without loading what is not asked for."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from emolightning.errors import UserError

CHUNK_BYTES = 1 << 24
ZIP_START = b"PK\x03\x04"
INDEX = "model.safetensors.index.json"
SAFETENSORS_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64"}


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor without its values."""

    shape: tuple[int, ...]
    dtype: str


class TorchFile:
    """A `.pth` file: its content is mapped, so that a tensor costs memory only while it is looked at.

    Args:
        path: the file.

    Raises:
        UserError: it is missing, cut short, no torch file, or holds more than tensors and plain values.
    """

    def __init__(self, path: Path):
        self.path = path
        _require_file(path)
        content = read_torch(path)
        self.top_level = sorted(map(str, content)) if isinstance(content, Mapping) else []
        self.config = _plain_config(content)
        self.epoch = content.get("epoch") if isinstance(content, Mapping) else None
        self.tensors = {name: TensorInfo(tuple(t.shape), _dtype(t)) for name, t in _state(content).items()}

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors, still mapped: whoever drops them gives the memory back."""
        state = _state(read_torch(self.path))
        return {name: state[name] for name in names}


def read_torch(path: Path) -> Any:
    """Content of a torch file, tensors mapped where its format allows it.

    Raises:
        UserError: see TorchFile.
    """
    with path.open("rb") as file:
        is_zip = file.read(4) == ZIP_START
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except UnpicklingError as error:
        # Refusing is all that keeps a hostile file from running its code.
        reason = _first_sentence(error)
        raise UserError(
            f"{path}: refused: not a file of tensors and plain values only ({reason}); nothing in it was run. If it is "
            "a checkpoint, it is cut short or holds Python objects: get a sound copy from where it was published"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, ImportError, OSError) as error:
        raise UserError(
            f"{path}: cannot be read as a torch file ({_first_sentence(error)}); it is cut short or of another kind: "
            "compare its size with where it was published and copy it again"
        ) from None


def _first_sentence(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).split(". ")[0][:200]


def _state(content: Any) -> dict[str, Tensor]:
    """The tensors by name: the file itself, or what stands under one of the usual keys."""
    if not isinstance(content, Mapping):
        return {}
    for key in ("model", "module", "state_dict"):
        if isinstance(content.get(key), Mapping):
            return _state(content[key])
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _plain_config(content: Any) -> dict[str, Any]:
    config = content.get("config") if isinstance(content, Mapping) else None
    return dict(config) if isinstance(config, Mapping) else {}


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


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

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors."""
        return {name: read_safetensor(self.places[name], name) for name in names}

    def _require_what_the_index_names(self) -> None:
        index = self.folder / INDEX
        if not index.is_file():
            return
        absent = sorted(set(_weight_map(index)) - set(self.tensors))
        if absent:
            raise UserError(f"{index}: names {len(absent)} tensor(s) that are in no shard, e.g. {absent[0]}")


def _shards(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the Hugging Face folder of the language model")
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
    absent = [name for name in names if not (folder / name).is_file() or Path(name).name != name]
    if absent:
        raise UserError(
            f"{folder}: {len(absent)} of {len(names)} shards are missing: {', '.join(absent)}; copy them there"
        )
    return [folder / name for name in names]


def _weight_map(index: Path) -> dict[str, str]:
    try:
        found = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {str(name): str(file) for name, file in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{index}: is not an index of safetensors: {error}") from error


def safetensors_infos(path: Path) -> dict[str, TensorInfo]:
    """Name -> shape and dtype of one file.

    Raises:
        UserError: not a safetensors file, or cut short.
    """
    _require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {
                name: TensorInfo(tuple(part.get_shape()), SAFETENSORS_DTYPES.get(part.get_dtype(), part.get_dtype()))
                for name, part in slices.items()
            }
    except SafetensorError as error:
        raise UserError(f"{path}: is not a whole safetensors file ({error}); copy it again") from error


def read_safetensor(path: Path, name: str) -> Tensor:
    """One tensor of one file."""
    with safe_open(path, framework="pt") as file:
        return file.get_tensor(name)


def sha256(path: Path) -> str:
    """Of a file of any size."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _require_file(path: Path) -> None:
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {kind}")
