"""What trains and what is frozen: select, count, fingerprint."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SAMPLED_ELEMENTS = 65_536
"""Per tensor, for the fingerprint: hashing all of a 7B model would take longer than loading it."""


@dataclass(frozen=True)
class Part:
    """One row of the table of parts."""

    name: str
    total: int
    trained: int
    dtype: str

    @property
    def state(self) -> str:
        """`frozen`, `trained`, or `adapters` when only some of it trains."""
        if self.trained == 0:
            return "frozen"
        return "trained" if self.trained == self.total else "adapters"


def parts(model: nn.Module) -> list[Part]:
    """Vision tower, each projection and the language model, with numbers of parameters."""
    rows = []
    for name, module in model.named_children():
        children = module.named_children() if name == "projections" else [(None, module)]
        rows += [_part(f"{name}.{child}" if child else name, part) for child, part in children]
    return rows


def _part(name: str, module: nn.Module) -> Part:
    parameters = list(module.parameters())
    dtypes = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    return Part(
        name=name,
        total=sum(p.numel() for p in parameters),
        trained=sum(p.numel() for p in parameters if p.requires_grad),
        dtype="+".join(dtypes),
    )


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Name -> tensor of everything that trains: what a checkpoint holds."""
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


def load_trained_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put trained tensors back; names and shapes must be exactly those of the model.

    Raises:
        ValueError: names what is missing, left over or of another shape.
    """
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    problems = [f"missing {name}" for name in own if name not in state]
    problems += [f"left over {name}" for name in state if name not in own]
    problems += [
        f"{name} has shape {tuple(state[name].shape)}, the model's is {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise ValueError(f"The checkpoint does not fit the model: {shown}")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])


def base_fingerprints(model: nn.Module) -> dict[str, str]:
    """Part (`language`, `vision`) -> sha256 over its frozen parameters; equal for equal weights on any device."""
    return {name: _fingerprint(part) for name, part in model.named_children() if name != "projections"}


def _fingerprint(part: nn.Module) -> str:
    """Name, shape, dtype and up to SAMPLED_ELEMENTS values of each frozen parameter."""
    digest = hashlib.sha256()
    for name, parameter in sorted(part.named_parameters()):
        if parameter.requires_grad:
            continue
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        step = max(1, parameter.numel() // SAMPLED_ELEMENTS)
        sample = parameter.detach().flatten()[::step].contiguous().cpu()
        digest.update(sample.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def require_same_base(own: Mapping[str, str], trained_on: Mapping[str, str]) -> None:
    """Refuse trained weights on another base; a part that one side does not have (no image, no tower) does not count.

    Raises:
        ValueError: names the parts that differ.
    """
    different = [name for name in own if name in trained_on and own[name] != trained_on[name]]
    if different:
        raise ValueError(
            f"these weights were trained on another base: {' and '.join(different)} differ(s); use the same language "
            "model and vision weights (for model=tiny: the same sizes, torch and transformers versions)"
        )
