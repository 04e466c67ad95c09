"""The learning-rate range test (Smith 2017): a rate that grows from step to step, and the loss at each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch

from emolightning.training.optim.schedule import Length

LOWEST, HIGHEST = 1e-7, 1.0
"""Rates at the first step and at the last."""

SMOOTHING = 0.9
"""Share of the losses before in the smoothed one."""

HOPELESS = 4.0
"""Times the smallest smoothed loss, at which the test ends: what follows diverges."""

SKIPPED = 10
"""Steps at the beginning that say nothing yet, as in Lightning's `lr_find`."""

FEWEST = SKIPPED + 2
"""Steps that a slope takes."""


@dataclass(frozen=True)
class GrowingRate:
    """A schedule: equal factors from LOWEST to HIGHEST."""

    def rate(self, step: int, total_steps: int) -> float:
        """The rate at a step.

        >>> f"{GrowingRate().rate(7, 15):.3g}"
        '0.000316'
        """
        return LOWEST * (HIGHEST / LOWEST) ** (step / max(1, total_steps - 1))

    def factor(self, step: int, run: Length) -> float:
        """The factor at a step.

        >>> f"{GrowingRate().factor(7, Length(total_steps=15, steps_per_epoch=15, base_lr=1e-3)):.3g}"
        '0.316'
        """
        return self.rate(step, run.total_steps) / run.base_lr


class RangeCurve(pl.Callback):
    """Notes the rate and the smoothed loss of each step, and ends a training that diverges.

    Args:
        total_steps: of the optimizer.
    """

    def __init__(self, total_steps: int) -> None:
        self.points: list[tuple[float, float]] = []
        """Rate of the optimizer, smoothed loss before the step with it."""
        self._total_steps = total_steps
        self._window: list[float] = []
        self._mean = 0.0
        self._smallest = math.inf

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *args: Any) -> None:
        """Note the loss of all ranks and of all batches of a step."""
        self._window.append(float(trainer.strategy.reduce(outputs["loss"].detach(), reduce_op="mean")))
        if len(self._window) < trainer.accumulate_grad_batches:
            return
        loss, self._window = sum(self._window) / len(self._window), []
        # The schedule itself is asked: an engine's optimizer does not say what its base rate is.
        rate, number = GrowingRate().rate(len(self.points), self._total_steps), len(self.points) + 1
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        smoothed = self._mean / (1 - SMOOTHING**number)
        self.points.append((rate, smoothed))
        self._smallest = min(self._smallest, smoothed)
        if not math.isfinite(loss) or (number > SKIPPED and smoothed > HOPELESS * self._smallest):
            trainer.should_stop = True


def suggested(points: Sequence[tuple[float, float]]) -> float | None:
    """The rate at which the loss falls fastest, over the logarithm of the rate; None where it falls nowhere.

    Args:
        points: rate, smoothed loss; fewer than FEWEST have no slope.
    """
    kept = [(math.log(rate), loss) for rate, loss in points[SKIPPED:] if math.isfinite(loss)]
    if len(kept) < 2:
        return None
    rates, losses = torch.tensor(kept, dtype=torch.float64).T
    (slopes,) = torch.gradient(losses, spacing=(rates,))
    steepest = int(slopes.argmin())
    return math.exp(kept[steepest][0]) if slopes[steepest] < 0 else None
