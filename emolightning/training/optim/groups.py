"""Which parameters learn, and in which groups."""

from typing import Any

from torch import nn

from emolightning.models.parts.whole_tensors import whole_shape


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Upstream's rule (`runner_base.py`): no decay for vectors and for names with `bias`, `ln` or `bn`."""
    return len(whole_shape(parameter)) >= 2 and not any(part in name for part in ("bias", "ln", "bn"))


def parameter_groups(module: nn.Module, *, decays_all: bool = False) -> list[dict[str, Any]]:
    """Two groups for an optimizer: with its weight decay, and without. Frozen parameters are left out.

    Args:
        module: whose parameters they are.
        decays_all: all are in the first group.

    Raises:
        ValueError: nothing trains.
    """
    trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError("Expected at least one trained parameter, but all are frozen.")
    with_decay = [parameter for name, parameter in trained if decays_all or decays(name, parameter)]
    without = [parameter for name, parameter in trained if not (decays_all or decays(name, parameter))]
    groups: list[dict[str, Any]] = [{"params": with_decay}, {"params": without, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
