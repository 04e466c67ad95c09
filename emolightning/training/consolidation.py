"""From a folder of ZeRO's pieces to one checkpoint file of this project: whole float32 tensors by parameter name."""

import io
from collections.abc import Collection, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emolightning.errors import UserError
from emolightning.model.parameters import WITHOUT_BASE
from emolightning.model.tensor_info import require_plain_names
from emolightning.training.checkpoint_io import AtomicCheckpointIO
from emolightning.training.zero_folder import ZeroFolder, data_only, open_zero_folder

PARTS = ("language", "vision", "projections")
PROJECTIONS = f"model.{WITHOUT_BASE}."


def consolidate(folder: Path, out: Path, *, allow_unknown_base: bool = False) -> list[str]:
    """Write the trained weights of a DeepSpeed checkpoint as one file.

    Args:
        folder: what `save_checkpoint` was given: holds `latest`.
        out: the file; nothing is written over.
        allow_unknown_base: write although the folder does not say which base the weights belong to.

    Returns:
        Lines for the user.

    Raises:
        UserError: the folder is not whole, holds other things than weights, or is not of this project; or `out` exists.
    """
    if out.exists():
        raise UserError(f"out={out}: exists already; nothing is written over")
    with data_only():
        saved = open_zero_folder(folder)
        base = _base_fingerprints(saved, allow_unknown_base=allow_unknown_base)
        state = _trained(folder, saved)
    about = saved.models[0]
    step = _whole_number(about.get("global_step", about.get("global_steps")))
    content = {"state_dict": state, "base_fingerprints": base, "global_step": step}
    if (epoch := _whole_number(about.get("epoch"))) is not None:
        content["epoch"] = epoch
    AtomicCheckpointIO().save_checkpoint(content, out)
    return [
        f"ZeRO stage {saved.stage} on {saved.num_ranks} rank(s), step {'unknown' if step is None else step}",
        *(f"{part}: {_count(state, part)}" for part in PARTS),
        *([] if base else ["the base is not known: nothing will compare it"]),
        f"written: {out}",
    ]


def _base_fingerprints(saved: ZeroFolder, *, allow_unknown_base: bool) -> dict[str, Any]:
    """What the weights belong to, as the learner said it when it saved."""
    known = saved.models[0].get("base_fingerprints")
    if isinstance(known, dict):
        return known
    if not allow_unknown_base:
        raise UserError(
            f"{saved.place}: does not say which language model and vision tower its weights belong to (no "
            "base_fingerprints): not saved by a run of this project. allow_unknown_base=true writes the file all the "
            "same; whoever loads it must see to the right base, since nothing else will"
        )
    return {}


def _trained(folder: Path, saved: ZeroFolder) -> dict[str, Tensor]:
    """Name -> float32 tensor of what was trained, and of projections that were not."""
    try:
        state = _merge(folder, saved)
        state |= _frozen_projections(saved, state.keys())
    except Exception as error:  # DeepSpeed trusts its files: what does not fit can fail in any way.
        words = ascii(str(error)[:200])[1:-1]
        raise UserError(f"{saved.place}: its pieces do not fit together ({type(error).__name__}: {words})") from error
    require_plain_names(saved.place, state)
    wrong = [name for name in state if not name.startswith(tuple(f"model.{part}." for part in PARTS))]
    if wrong:
        raise UserError(f"{saved.place}: {wrong[0]} is in no part of the model (model.{', model.'.join(PARTS)})")
    # Of their own: a view would be saved with all that it is a view of.
    return {name: tensor.detach().to(torch.float32, copy=True).contiguous() for name, tensor in state.items()}


def _merge(folder: Path, saved: ZeroFolder) -> dict[str, Tensor]:
    """DeepSpeed's own way from pieces to tensors; trained ones only, without buffers and second names."""
    from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # Bars, and counts that we give ourselves.
        whole = get_fp32_state_dict_from_zero_checkpoint(
            str(folder), saved.place.name, exclude_frozen_parameters=True, lazy_mode=False
        )
    return {name: whole[name] for shapes in saved.models[0]["param_shapes"] for name in shapes}


def _frozen_projections(saved: ZeroFolder, trained: Collection[str]) -> dict[str, Tensor]:
    """Whole under stages 1 and 2, a piece a rank under stage 3; none where frozen parameters were left out."""
    first = saved.models[0]
    if saved.stage < 3:
        module = first["module"]
        return {name: module[name] for name in module if name.startswith(PROJECTIONS) and name not in trained}
    shapes = first.get("frozen_param_shapes") or {}
    return {
        name: torch.cat([model["frozen_param_fragments"][name] for model in saved.models])[: shape.numel()].view(shape)
        for name, shape in shapes.items()
        if name.startswith(PROJECTIONS)
    }


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _count(state: Mapping[str, Tensor], part: str) -> str:
    numbers = [tensor.numel() for name, tensor in state.items() if name.startswith(f"model.{part}.")]
    return f"{len(numbers)} tensors, {sum(numbers):,} numbers" if numbers else "nothing trained"
