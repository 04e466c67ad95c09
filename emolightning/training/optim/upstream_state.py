"""The optimizer state of an upstream checkpoint, by name: its numbering counts parameters that we do not have."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


def load_upstream_optimizer(
    optimizer: Optimizer,
    model: nn.Module,
    state: Mapping[str, Any],
    names: Sequence[str],
    to_upstream: Callable[[str], tuple[str, ...]],
) -> int:
    """Fill the moments of an AdamW with those of an upstream checkpoint; learning rates stay the optimizer's own.

    Args:
        optimizer: over parameters of `model`.
        model: an `EmotionLlama`.
        state: the checkpoint's `optimizer`.
        names: upstream's parameters in the order of that state's numbers: first those with weight decay.
        to_upstream: our name of a parameter -> upstream's.

    Returns:
        Parameters that were filled. Upstream's unused head has no state and is passed over.

    Raises:
        ValueError: a parameter has no state, or one of another shape.
    """
    numbers = {name: number for number, name in enumerate(names)}
    filled = 0
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        moments = state["state"].get(numbers.get(next(iter(to_upstream(name)), "")))
        if moments is None or moments["exp_avg"].shape != parameter.shape:
            raise ValueError(f"The checkpoint's optimizer has no moments for {name} {tuple(parameter.shape)}.")
        optimizer.state[parameter] = {
            key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in moments.items()
        }
        filled += 1
    return filled
