"""What is known of a file's tensors without their values: shape, type, and a name that can be printed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emolightning.errors import UserError

LONGEST_NAME = 500


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor without its values."""

    shape: tuple[int, ...]
    dtype: str
    """As torch calls it, e.g. `float16`."""

    @property
    def num_bytes(self) -> int:
        """Of the values."""
        return torch.Size(self.shape).numel() * self.torch_dtype.itemsize

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type itself."""
        return getattr(torch, self.dtype)


def dtype_name(tensor: Tensor) -> str:
    """`float16` and the like."""
    return str(tensor.dtype).removeprefix("torch.")


def require_plain_names(path: Path, names: Iterable[str]) -> None:
    """Names are printed: none may steer a terminal.

    Raises:
        UserError: one does, or is absurdly long.
    """
    for name in names:
        if not re.fullmatch(r"[ -~]*", name) or len(name) > LONGEST_NAME:
            raise UserError(f"{path}: refused: {ascii(name[:60])} is no name of a tensor; get a sound copy of the file")


def require_file(path: Path) -> None:
    """Say what a path is that is no file.

    Raises:
        UserError: it is a folder, or nothing.
    """
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {kind}")
