"""Which parameters learn, in which groups, and how fast each of them."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from types import MappingProxyType
from typing import Any

from torch import nn
from torch.optim import Optimizer

from emolightning.models.parts.whole_tensors import whole_shape

RATE = "rate"
"""Key of a group: its learning rate divided by the optimizer's. `set_rates` takes it out again."""

LAYER = re.compile(r"(.+?)\.(?:layers|blocks|layer|h)\.(\d+)\.")
"""A name in a stack of layers: where the stack is, and the number of the layer."""


@dataclass(frozen=True)
class Rates:
    """Learning rates of single parameters, as factors of the optimizer's."""

    lora_plus_ratio: float = 1.0
    """Factor of LoRA's B: LoRA+, Hayou et al. 2024."""
    layer_decay: float = 1.0
    """Factor of a layer, of what the layer above it has; the last one has 1."""
    parts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Part of the model -> factor of all that is in it."""

    def of(self, module: nn.Module) -> dict[str, float]:
        """Name of a parameter -> its factor."""
        names = [name for name, _ in module.named_parameters()]
        above = _layers_above(names, getattr(module, "fresh_parts", ()))
        return {name: self._of_name(name, above[name]) for name in names}

    def _of_name(self, name: str, above: int) -> float:
        factor = self.parts.get(name.partition(".")[0], 1.0)
        if ".lora_B." in name:
            factor *= self.lora_plus_ratio
        return factor * self.layer_decay**above

    def described(self, module: nn.Module) -> str:
        """A line about the rates of what trains; empty where all are the optimizer's."""
        factors = self.of(module)
        found = {factors[name] for name, parameter in module.named_parameters() if parameter.requires_grad}
        if found <= {1.0}:
            return ""
        return f"rates: {min(found):.3g} to {max(found):.3g} times optimizer.lr, {len(found)} different ones"


def _layers_above(names: Sequence[str], fresh_parts: Collection[str]) -> dict[str, int]:
    """Name -> layers between the parameter and the end of its stack; what a model has before a stack is below it.

    Args:
        names: in the order of the model.
        fresh_parts: have nothing to keep, and no stacks.
    """
    found = {
        name: layer for name in names if name.partition(".")[0] not in fresh_parts and (layer := LAYER.match(name))
    }
    depths: dict[str, int] = defaultdict(int)
    for layer in found.values():
        depths[layer[1]] = max(depths[layer[1]], int(layer[2]) + 1)
    above, begun = dict[str, int](), set[str]()
    for name in names:
        if layer := found.get(name):
            begun.add(layer[1])
            above[name] = depths[layer[1]] - 1 - int(layer[2])
        else:
            above[name] = max((depths[stack] for stack in _nearest(name, depths) if stack not in begun), default=0)
    return above


def _nearest(name: str, stacks: Collection[str]) -> list[str]:
    """The stacks that have the longest beginning in common with a name; none of another part."""
    common = {stack: len(commonprefix([name.split("."), stack.split(".")])) for stack in stacks}
    most = max(common.values(), default=0)
    return [stack for stack, length in common.items() if length == most > 0]


PLAIN_RATES = Rates()
"""All parameters learn at the optimizer's rate."""


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Upstream's rule (`runner_base.py`): no decay for vectors and for names with `bias`, `ln` or `bn`."""
    return len(whole_shape(parameter)) >= 2 and not any(part in name for part in ("bias", "ln", "bn"))


def parameter_groups(
    module: nn.Module, *, decays_all: bool = False, rates: Rates = PLAIN_RATES
) -> list[dict[str, Any]]:
    """Two groups for an optimizer for each rate: with its weight decay, and without. Frozen parameters are left out.

    Args:
        module: whose parameters they are.
        decays_all: all have the optimizer's weight decay.
        rates: of single parameters.

    Raises:
        ValueError: nothing trains.
    """
    factors, groups = rates.of(module), defaultdict(list)
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            groups[factors[name], decays_all or decays(name, parameter)].append(parameter)
    if not groups:
        raise ValueError("Expected at least one trained parameter, but all are frozen.")
    return [
        {
            "params": groups[factor, has_decay],
            **({} if has_decay else {"weight_decay": 0.0}),
            **({} if factor == 1 else {RATE: factor}),
        }
        for factor, has_decay in sorted(groups, reverse=True)
    ]


def optimizer_of(make: Callable[..., Optimizer], groups: list[dict[str, Any]], *, is_sharded: bool) -> Optimizer:
    """The optimizer of some groups; with `fused: null` it is a fused one on a GPU.

    A fused step is one kernel, and does nothing where a loss is not finite, so that no loss is waited for. It rounds
    differently: a run goes on as it began, since its checkpoint says which of them it had.

    Args:
        make: a `functools.partial` of the optimizer's class.
        groups: result of `parameter_groups`.
        is_sharded: an engine divides what is stepped; then `null` leaves it to torch.
    """
    given = getattr(make, "keywords", {})
    is_open = given.get("fused", False) is None and not given.get("foreach")
    on_gpu = all(parameter.device.type == "cuda" for group in groups for parameter in group["params"])
    optimizer = make(groups, fused=True) if is_open and on_gpu and not is_sharded else make(groups)
    # Lightning refuses to clip what a fused step may still unscale. False says that it does not, and Lightning unscales
    # the gradients of float16 before it clips them.
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
    return optimizer


def set_rates(optimizer: Optimizer) -> None:
    """Give the groups of `parameter_groups` their learning rates."""
    for group in optimizer.param_groups:
        group["lr"] *= group.pop(RATE, 1.0)
