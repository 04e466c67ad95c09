"""The optimizer's state by parameter name: written by any engine, taken up by any other, on any number of ranks.

    {"groups": [{"names": [...], "lr": 1e-4, ...}], "state": {name: {"step": ..., "exp_avg": ..., ...}}}

In float16 DeepSpeed scales the loss by itself, and `loss_scaler` is there as well; another engine begins with its own.

torch numbers parameters and DeepSpeed flattens them into one piece a rank, so that neither's own form can be read by
another engine, nor DeepSpeed's by another number of ranks. All functions must be called by all ranks.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from emolightning.models.parts.tensor_info import count_not_finite
from emolightning.models.parts.whole_tensors import distributed_like, whole_shape, write_master

ByName = dict[str, Any]

LOSS_SCALER = ("cur_scale", "cur_iter", "last_overflow_iter", "cur_hysteresis")
"""What changes of DeepSpeed's. Lightning keeps torch's in the checkpoint itself."""


def read_optimizer(optimizer: Any, model: nn.Module) -> ByName:
    """The state of an optimizer over trained parameters of `model`, whole tensors on the CPU.

    Args:
        optimizer: torch's, or DeepSpeed's around one.
        model: an EmotionLlama.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    inner = inner_optimizer(optimizer)
    state = _zero_state(optimizer, named) if inner is not optimizer else _plain_state(optimizer, named)
    scaler = {"loss_scaler": _loss_scaler(optimizer)} if _scales_loss(optimizer) else {}
    return {"groups": _groups(optimizer, inner, named), "state": dict(state), **scaler}


def write_optimizer(optimizer: Any, model: nn.Module, saved: Mapping[str, Any]) -> None:
    """Put a state back that `read_optimizer` gave, whichever engine it came from.

    Raises:
        ValueError: it is of other parameters, or of other groups.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    names = {name for group in saved["groups"] for name in group["names"]}
    if other := sorted(names ^ named.keys()):
        raise ValueError(f"{other[0]} is a parameter of the checkpoint's optimizer or of this run's, but not of both.")
    if len(saved["groups"]) != len(optimizer.param_groups):
        groups = f"{len(saved['groups'])} groups of parameters, and this run's has {len(optimizer.param_groups)}"
        raise ValueError(f"The checkpoint's optimizer has {groups}.")
    inner = inner_optimizer(optimizer)
    for group, kept in zip(inner.param_groups, saved["groups"], strict=True):
        group.update({key: value for key, value in kept.items() if key != "names"})
    if _scales_loss(optimizer):
        for name, value in saved.get("loss_scaler", {}).items():
            setattr(optimizer.loss_scaler, name, value)
    if not saved["state"]:
        return
    if inner is optimizer:
        _write_plain(optimizer, named, saved["state"])
    else:
        _write_zero(optimizer, named, saved["state"])


def damage_of(saved: Any, weights: Mapping[str, Tensor]) -> str:
    """What makes a state useless that was read from a file, in words; empty for a sound one.

    Args:
        saved: what should be the result of `read_optimizer`.
        weights: the trained tensors of the same file, by the same names.
    """
    groups, state = (saved.get(name) if isinstance(saved, dict) else None for name in ("groups", "state"))
    if not isinstance(groups, list) or not isinstance(state, dict):
        return "its `optimizer` must have a list `groups` and a dict `state`"
    for group in groups:
        names = group.get("names") if isinstance(group, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return "each group of its `optimizer` must have a list `names` of its parameters"
        rates = [group.get(key) for key in ("lr", "initial_lr", "weight_decay") if key in group]
        wrong = [rate for rate in rates if not (isinstance(rate, int | float) and math.isfinite(rate))]
        if wrong:
            return f"lr and weight_decay of its `optimizer` must be finite numbers, not {str(wrong[0])[:40]!r}"
    for name, entry in state.items():
        if name not in weights or not isinstance(entry, dict):
            return f"its `optimizer` has a state of {str(name)[:80]!r}, but the file has no such trained tensor"
        for key, value in entry.items():
            if isinstance(value, Tensor) and (value.numel() > 1 and value.shape != weights[name].shape):
                expected = tuple(weights[name].shape)
                return f"the optimizer's {key} of {name} has shape {tuple(value.shape)}, not the tensor's {expected}"
            if isinstance(value, Tensor) and (not value.is_floating_point() or count_not_finite(value)):
                return f"the optimizer's {key} of {name} must be finite floating-point numbers"
    return ""


def inner_optimizer(optimizer: Any) -> Any:
    """The optimizer that DeepSpeed wraps, else the optimizer itself."""
    inner = getattr(optimizer, "optimizer", None)
    return optimizer if inner is None or not hasattr(inner, "param_groups") else inner


def _scales_loss(optimizer: Any) -> bool:
    """Whether DeepSpeed does so, by a factor that it adjusts."""
    return bool(getattr(getattr(optimizer, "loss_scaler", None), "dynamic", False))


def _loss_scaler(optimizer: Any) -> dict[str, float]:
    return {name: getattr(optimizer.loss_scaler, name) for name in LOSS_SCALER}


def _groups(optimizer: Any, inner: Any, named: Mapping[str, nn.Parameter]) -> list[dict[str, Any]]:
    """Settings of the groups, and whose they are; a wrapped optimizer has flat tensors in their place."""
    name_of = {parameter: name for name, parameter in named.items()}
    members = [group["params"] for group in inner.param_groups] if inner is optimizer else _zero_groups(optimizer)
    return [
        {"names": [name_of[p] for p in parameters], **{k: v for k, v in group.items() if k != "params"}}
        for group, parameters in zip(inner.param_groups, members, strict=True)
    ]


# torch: one entry a parameter; its tensors are DTensors under FSDP2


def _plain_state(optimizer: Any, named: Mapping[str, nn.Parameter]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, parameter in named.items():
        if parameter in optimizer.state:
            yield name, {key: _whole(value) for key, value in optimizer.state[parameter].items()}


def _whole(value: Any) -> Any:
    if isinstance(value, DTensor):
        return value.full_tensor().cpu()
    return value.detach().cpu().clone() if isinstance(value, Tensor) else value


def _write_plain(optimizer: Any, named: Mapping[str, nn.Parameter], saved: Mapping[str, dict[str, Any]]) -> None:
    counting = {p for group in optimizer.param_groups if _counts_on_device(group) for p in group["params"]}
    for name, state in saved.items():
        parameter = named[name]
        device = parameter.device if parameter in counting else torch.device("cpu")
        optimizer.state[parameter] = {key: _placed(value, parameter, device) for key, value in state.items()}


def _counts_on_device(group: Mapping[str, Any]) -> bool:
    """Whether the number of steps lies beside the parameters; else torch keeps it on the CPU."""
    return bool(group.get("fused") or group.get("capturable"))


def _placed(value: Any, parameter: nn.Parameter, counting: torch.device) -> Any:
    """Return a value of the state on the device where it belongs.

    A moment, of the shape of its parameter, belongs beside it; the number of steps, a scalar, on `counting`.
    """
    if not isinstance(value, Tensor) or value.shape != whole_shape(parameter):
        return value.to(counting, copy=True) if isinstance(value, Tensor) else value
    if isinstance(parameter, DTensor):
        return distributed_like(parameter, value)
    return value.to(parameter.device, copy=True)


# DeepSpeed: one flat float32 tensor a group and rank


def _zero_groups(optimizer: Any) -> list[list[nn.Parameter]]:
    """The model's parameters of each group of the wrapped optimizer."""
    if not hasattr(optimizer, "fp32_partitioned_groups_flat"):
        return [list(group) for group in optimizer.bit16_groups]
    groups: list[list[nn.Parameter]] = [[] for _ in optimizer.optimizer.param_groups]
    for number, members in enumerate(optimizer.fp16_groups):
        groups[optimizer.sub_group_to_group_id[number]] += members
    return groups


def _flats(optimizer: Any) -> list[Tensor]:
    """What the wrapped optimizer steps."""
    if hasattr(optimizer, "fp32_partitioned_groups_flat"):
        return list(optimizer.fp32_partitioned_groups_flat)
    return [flat for group in optimizer.optimizer.param_groups for flat in group["params"]]


def _zero_state(optimizer: Any, named: Mapping[str, nn.Parameter]) -> Iterator[tuple[str, dict[str, Any]]]:
    from deepspeed.utils import safe_get_full_optimizer_state

    _link_moments(optimizer)
    flats = _flats(optimizer)
    entries = optimizer.optimizer.state.get(flats[0], {})
    flat_keys = [key for key, value in entries.items() if isinstance(value, Tensor) and value.shape == flats[0].shape]
    rest = {key: _whole(value) for key, value in entries.items() if key not in flat_keys}
    for name, parameter in named.items() if entries else ():
        tensors = {key: safe_get_full_optimizer_state(parameter, key).cpu() for key in flat_keys}
        yield name, {**{key: _whole(value) for key, value in rest.items()}, **tensors}


def _write_zero(optimizer: Any, named: Mapping[str, nn.Parameter], saved: Mapping[str, dict[str, Any]]) -> None:
    first = next(iter(saved))
    like_parameter = {
        key
        for key, value in saved[first].items()
        if isinstance(value, Tensor) and value.shape == whole_shape(named[first])
    }
    counts_there = any(map(_counts_on_device, optimizer.optimizer.param_groups))
    for flat in _flats(optimizer):  # DeepSpeed makes these at the first step, and cannot be written to before.
        entry = optimizer.optimizer.state[flat]
        for key, value in saved[first].items():
            kept = _whole(value)
            rest = kept.to(flat.device) if counts_there and isinstance(kept, Tensor) else kept
            entry[key] = torch.zeros_like(flat) if key in like_parameter else rest
    _link_moments(optimizer)
    for name, state in saved.items():
        for key in like_parameter:
            write_master(named[name], state[key], key)


def _link_moments(optimizer: Any) -> None:
    """Let parameters find their moments: DeepSpeed does so after the first step of one group, for that group alone."""
    if hasattr(optimizer, "_lazy_init_hp_params_optimizer_state"):
        optimizer._hp_optimizer_states_linked = False
        optimizer._lazy_init_hp_params_optimizer_state()
