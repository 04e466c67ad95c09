"""The moving average of what trains (EMA): validations and checkpoints show it, training goes on from the weights.

Lightning's `WeightAveraging` copies the whole model, frozen parts and all; here only what trains is kept twice.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

AVERAGED = "averaged"
"""What a checkpoint has of the weights that training goes on from, where its `state_dict` is their average."""


class WeightAverage:
    """Follows the trained parameters of a model from step to step.

    Args:
        decay: weight of the average in each step. The first steps have less, (1 + n) / (10 + n), since an average of
            few steps would be of the beginning.
    """

    def __init__(self, decay: float):
        self.decay = decay
        self.steps = 0
        """Optimizer steps in it."""
        self.values: dict[str, Tensor] = {}
        """Name -> average; while it is shown, name -> the weights that training goes on from."""
        self.is_shown = False

    def begin(self, model: nn.Module) -> None:
        """Start at the present weights, or go on from what was restored, on the device where the model trains."""
        self.values = {
            name: self.values.get(name, parameter).detach().to(parameter.device, copy=True)
            for name, parameter in _trained(model).items()
        }

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Follow one optimizer step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        trained = _trained(model)
        averages, current = [self.values[name] for name in trained], [p.detach() for p in trained.values()]
        get_ema_multi_avg_fn(decay)(averages, current, self.steps)
        self.steps += 1

    @torch.no_grad()
    def exchange(self, model: nn.Module) -> None:
        """Show the average in the place of the weights, or put the weights back."""
        for name, parameter in _trained(model).items():
            kept = parameter.detach().clone()
            parameter.copy_(self.values[name])
            self.values[name].copy_(kept)
        self.is_shown = not self.is_shown

    def split(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The average, and the weights of training, each with what is not averaged.

        Args:
            state: what the model holds now.
        """
        other = {**state, **self.values}
        return (dict(state), other) if self.is_shown else (other, dict(state))

    def restore(self, model: nn.Module, averages: Mapping[str, Tensor], steps: int) -> None:
        """Go on as a checkpoint says, once `begin` is called: a model is moved to its device after this.

        Args:
            model: has the weights of training.
            averages: name -> average.
            steps: that are in them.
        """
        self.values = {name: averages[name].detach().clone() for name in _trained(model)}
        self.steps = steps


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
