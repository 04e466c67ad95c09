"""Parameters that may lie in pieces on several ranks, read and written whole.

Under FSDP2 a parameter is a DTensor; under ZeRO-3 it is an empty tensor that DeepSpeed fills when a layer runs; under
ZeRO-1 and 2 it is whole, but the float32 master that an optimizer steps is in pieces. Every function here must be
called by all ranks, in the same order.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole_shape(parameter: Tensor) -> torch.Size:
    """The shape of all pieces together."""
    return getattr(parameter, "ds_shape", parameter.shape)


def read_whole(parameter: Any) -> Tensor:
    """The value; where an engine keeps a float32 master of it, the master's. Shares memory if it lies here whole."""
    if isinstance(parameter, DTensor):
        return parameter.full_tensor().detach()
    if _has_master(parameter):
        from deepspeed.utils import safe_get_full_fp32_param

        return safe_get_full_fp32_param(parameter)
    if is_partitioned(parameter):
        from deepspeed.runtime.zero import GatheredParameters

        with GatheredParameters([parameter]):
            return parameter.detach().clone()
    return parameter.detach()


@torch.no_grad()
def write_whole(parameter: Tensor, value: Tensor) -> None:
    """Replace the value, and that of an engine's master."""
    if isinstance(parameter, DTensor):
        parameter.copy_(distributed_like(parameter, value))
        return
    if is_partitioned(parameter):
        from deepspeed.runtime.zero import GatheredParameters

        with GatheredParameters([parameter], modifier_rank=0):
            parameter.data.copy_(value)
    else:
        parameter.data.copy_(value)
    if _has_master(parameter):
        write_master(parameter, value)


def write_master(parameter: Any, value: Tensor, key: str | None = None) -> None:
    """Replace the float32 master of a DeepSpeed parameter, or one entry of its optimizer state, e.g. `exp_avg`.

    Under ZeRO-3 the last piece is padded; DeepSpeed's own `safe_set_full_*` reads past the end of `value` there.
    """
    from deepspeed import utils

    value = value.to(parameter.device, torch.float32)
    if is_partitioned(parameter):
        value = _own_piece(parameter, value)
        if key is None:
            utils.safe_set_local_fp32_param(parameter, value)
        else:
            utils.safe_set_local_optimizer_state(parameter, value, key)
    elif key is None:
        utils.safe_set_full_fp32_param(parameter, value)
    else:
        utils.safe_set_full_optimizer_state(parameter, value, key)


def distributed_like(parameter: DTensor, value: Tensor) -> DTensor:
    """A whole tensor in the pieces of a DTensor."""
    whole = value.to(parameter.device, parameter.dtype)
    return distribute_tensor(whole, parameter.device_mesh, parameter.placements)


def is_partitioned(parameter: Tensor) -> bool:
    """Whether ZeRO-3 has it in pieces."""
    return hasattr(parameter, "ds_id")


def _has_master(parameter: Tensor) -> bool:
    """Whether a DeepSpeed optimizer steps a float32 copy of it."""
    return hasattr(parameter, "_hp_mapping") or (parameter.requires_grad and hasattr(parameter, "_z3_optimizer"))


def _own_piece(parameter: Any, value: Tensor) -> Tensor:
    from torch import distributed

    size = parameter.ds_tensor.ds_numel
    padded = torch.zeros(size * distributed.get_world_size(), dtype=value.dtype, device=value.device)
    padded[: value.numel()] = value.flatten()
    return padded.narrow(0, size * distributed.get_rank(), size)
