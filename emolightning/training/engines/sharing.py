"""The first rank reads the weights; the others have empty places for them, and get them from it.

So one copy of a 7B model is read from disk and held in host memory, not one for each process.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn


def decoder_layers(model: Any) -> list[nn.Module]:
    """The layers of the language model, in order: the pieces in which a sharded model is gathered.

    Args:
        model: with a language model; one without has no such layers.
    """
    parts = model.parts()
    if "language" not in parts:
        return []
    lists: list[nn.ModuleList] = [each for each in parts["language"].modules() if isinstance(each, nn.ModuleList)]
    return list(max(lists, key=_size))  # type: ignore[arg-type]


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def share_weights(module: nn.Module, device: torch.device, *, dtype: torch.dtype | None = None) -> None:
    """Give every rank the first rank's parameters and buffers of a module, on its device.

    What is shared already (a DTensor, or partitioned by ZeRO-3) is passed over, and so are quantised weights, whose
    scales lie elsewhere: each rank reads those itself. All ranks must call this.

    Args:
        module: on the first rank with weights, on others possibly on the meta device.
        device: of this rank.
        dtype: of the floating-point parameters from here on; None keeps theirs.
    """
    if not distributed.is_initialized():
        return
    known: dict[Tensor, nn.Parameter] = {}
    for owner in module.modules():
        for name, parameter in list(owner._parameters.items()):
            if parameter is None or is_shared(parameter) or not parameter.is_floating_point():
                continue
            if parameter not in known:
                value = _received(parameter, device, dtype)
                known[parameter] = nn.Parameter(value, requires_grad=parameter.requires_grad)
            owner._parameters[name] = known[parameter]
        for name, buffer in list(owner._buffers.items()):
            if buffer is not None and not is_shared(buffer):
                owner._buffers[name] = _received(buffer, device, None)


def is_shared(tensor: Tensor) -> bool:
    """Whether an engine has it in pieces."""
    return hasattr(tensor, "ds_id") or hasattr(tensor, "device_mesh")


def _received(tensor: Tensor, device: torch.device, dtype: torch.dtype | None) -> Tensor:
    target = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    value = torch.empty(tensor.shape, device=device, dtype=target)
    if distributed.get_rank() == 0:
        value.copy_(tensor)
    distributed.broadcast(value.view(-1).view(torch.uint8), 0)  # As bytes: gloo does not know all types.
    return value
