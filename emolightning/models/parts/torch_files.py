"""`.pth` files, read without running code and without loading what is not asked for."""

import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from emolightning.errors import UserError
from emolightning.models.parts.tensor_info import TensorInfo, dtype_name, require_file, require_plain_names

GROUP_BYTES = 128 * 2**20
"""Bytes of a file that stay mapped at a time while it is streamed."""
ZIP_START = b"PK\x03\x04"
STATE_KEYS = ("model", "module", "state_dict")
"""Keys under which a checkpoint keeps its tensors, unless it has nothing else."""


class TorchFile:
    """A `.pth` file: its content is mapped, so that a tensor costs memory only while it is looked at.

    The format of before torch 1.6 cannot be mapped: such a file stays in memory as a whole.

    Args:
        path: the file.

    Raises:
        UserError: it is missing, cut short, no torch file, or holds more than plain tensors and values.
    """

    def __init__(self, path: Path):
        self.path = path
        require_file(path)
        content = read_torch(path)
        is_mapping = isinstance(content, Mapping)
        self.top_level = sorted(map(str, content)) if is_mapping else []
        self.config = _plain_config(content)
        epoch = content.get("epoch") if is_mapping else None
        self.epoch: int | None = epoch if isinstance(epoch, int) else None
        state = _state(content)
        self.tensors = {name: _info(path, name, tensor) for name, tensor in state.items()}
        require_plain_names(path, self.tensors)
        self._resident = None if _is_zip(path) else state

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors, still mapped: whoever drops them gives the memory back."""
        state = _state(read_torch(self.path)) if self._resident is None else self._resident
        return {name: state[name] for name in names}

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """These tensors one after the other, GROUP_BYTES of the file in memory at a time."""
        for group in self._groups(names):
            mapped = self.load(group)
            for name in group:
                yield name, mapped.pop(name)

    def _groups(self, names: Iterable[str]) -> Iterator[list[str]]:
        group: list[str] = []
        filled = 0
        for name in names:
            size = self.tensors[name].num_bytes
            if group and filled + size > GROUP_BYTES:
                yield group
                group, filled = [], 0
            group.append(name)
            filled += size
        if group:
            yield group


def read_torch(path: Path) -> Any:
    """Content of a torch file, tensors mapped where its format allows it.

    Raises:
        UserError: see TorchFile.
    """
    try:
        _require_stored(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About details of pickles, in words that a file can choose.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except UnpicklingError as error:
        # Refusing is all that keeps a hostile file from running its code.
        raise UserError(
            f"{path}: refused: not a file of tensors and plain values only ({_first_sentence(error)}); nothing in it "
            "was run. If it is a checkpoint, it is cut short or holds Python objects: get a sound copy from where it "
            "was published"
        ) from None
    except Exception as error:  # Damaged bytes make the unpickler fail in any way: IndexError, struct.error ...
        raise UserError(
            f"{path}: cannot be read as a torch file ({_first_sentence(error)}); it is cut short or of another kind: "
            "compare its size with where it was published and copy it again"
        ) from None


def _require_stored(path: Path) -> None:
    """Torch does not compress; a file that does can unfold to any size."""
    if not _is_zip(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [info.filename for info in archive.infolist() if info.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise ValueError(f"{packed[0]} in it is compressed, which torch.save never does")


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ZIP_START)) == ZIP_START


def _first_sentence(error: Exception) -> str:
    """Printable and short: the words may come from the file."""
    text = str(error).strip().splitlines()
    return ascii((text[0] if text else type(error).__name__).split(". ")[0][:200])[1:-1]


def _state(content: Any) -> dict[str, Tensor]:
    """The tensors by name: the file itself, or what is under one of the usual keys."""
    for _ in range(len(STATE_KEYS)):  # No deeper: a file can contain itself.
        inner = [content[key] for key in STATE_KEYS if isinstance(content, Mapping) and key in content]
        nested = [value for value in inner if isinstance(value, Mapping)]
        content = nested[0] if nested else content
    if not isinstance(content, Mapping):
        return {}
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _plain_config(content: Any) -> dict[str, Any]:
    config = content.get("config") if isinstance(content, Mapping) else None
    return dict(config) if isinstance(config, Mapping) else {}


def _info(path: Path, name: str, tensor: Tensor) -> TensorInfo:
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
        kind = "quantised" if tensor.is_quantized else "without values" if tensor.is_meta else "sparse"
        raise UserError(f"{path}: {ascii(name)} is {kind}; only plain tensors can be used: convert it first")
    return TensorInfo(tuple(tensor.shape), dtype_name(tensor))
