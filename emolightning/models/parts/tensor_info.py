"""What is known of a file's tensors without their values: shape, type, and a name that can be printed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emolightning.errors import UserError

LONGEST_NAME = 500
TRAINABLE = ("bfloat16", "float16", "float32", "float64")
PIECE = 1 << 22
"""Values that are looked at together: what is made of a large tensor stays small."""


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor without its values."""

    shape: tuple[int, ...]
    dtype: str
    """As torch calls it, e.g. `float16`."""

    @property
    def num_bytes(self) -> int:
        """Bytes of the values."""
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


def require_trained_weights(place: Path, tensors: Mapping[str, Tensor]) -> None:
    """Say which tensors cannot be the result of a training.

    Args:
        place: file or folder, for the message.
        tensors: mapped or not; of a mapped one the file is read.

    Raises:
        UserError: names the first one that has no plain, fractional, finite values.
    """
    for name, tensor in tensors.items():
        wrong = _not_trained(tensor)
        if wrong:
            raise UserError(f"{place}: {ascii(name)[1:-1]} {wrong}: get a sound copy, or an earlier checkpoint")


def _not_trained(tensor: Tensor) -> str:
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
        return "is no plain tensor"
    if dtype_name(tensor) not in TRAINABLE:
        return f"holds {dtype_name(tensor)} values, and weights are one of {', '.join(TRAINABLE)}"
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.itemsize:  # A stride of 0 makes much of little.
        return "has more values than its file has room for"
    count = count_not_finite(tensor)
    return f"has {count} values of {tensor.numel()} that are NaN or infinite" if count else ""


def count_not_finite(tensor: Tensor) -> int:
    """How many values are NaN or infinite."""
    pieces = tensor.detach().flatten().split(PIECE)
    return sum(int((~torch.isfinite(piece.float())).sum()) for piece in pieces)
