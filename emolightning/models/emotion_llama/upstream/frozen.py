"""Tensors of a checkpoint beside LoRA and projections: frozen ones must be those of the other two files."""

from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor

from emolightning.models.emotion_llama.upstream import names
from emolightning.models.emotion_llama.upstream.report import MatchReport
from emolightning.models.parts.safetensors_files import SafetensorsFolder
from emolightning.models.parts.torch_files import TorchFile

Load = Callable[[Iterable[str]], dict[str, Tensor]]


class Files(Protocol):
    """The three opened inputs of an import."""

    @property
    def llama(self) -> SafetensorsFolder: ...

    @property
    def eva(self) -> TorchFile: ...

    @property
    def checkpoint(self) -> TorchFile: ...


def why_unused(name: str, files: Files, report: MatchReport) -> str | None:
    """Why a tensor of the checkpoint fills no parameter; None for one that this project does not know.

    A frozen tensor whose values are not those of the other file becomes a problem of the report.
    """
    base, tower = names.base_name(name), names.tower_name(name)
    if base is not None and base in files.llama.tensors:
        _require_same(name, base, files.checkpoint, files.llama.load, "llama", report)
        return "frozen tensor of the language model, the same in llama="
    if tower == "pos_embed" and tower in files.eva.tensors:
        return "positions of the vision tower, interpolated from those in eva="
    if tower is not None and tower in files.eva.tensors:
        _require_same(name, tower, files.checkpoint, files.eva.load, "eva", report)
        return "frozen tensor of the vision tower, the same in eva="
    if name.startswith(names.IDENTITY_NORM):
        _require_identity(name, files.checkpoint, report)
    return names.why_unused(name)


def _require_same(name: str, other: str, file: TorchFile, load: Load, argument: str, report: MatchReport) -> None:
    own, theirs = file.load([name])[name], load([other])[other]
    # In the checkpoint's type: upstream rounds the language model to float16 when it loads it.
    if own.shape != theirs.shape or not torch.equal(own, theirs.to(own.dtype)):
        report.problems.append(
            f"{file.path}: {name} differs from {other} in {argument}=: the base was trained too, or is another one; "
            "give the weights that this checkpoint belongs to"
        )


def _require_identity(name: str, file: TorchFile, report: MatchReport) -> None:
    values = file.load([name])[name]
    if not (values == (1 if name.endswith("weight") else 0)).all():
        report.problems.append(
            f"{file.path}: {name} is not the untrained LayerNorm of the released code (weight 1, bias 0), which is all "
            "that this model can be; the checkpoint is of another model"
        )
