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


@dataclass(frozen=True)
class GrowingRate:
    """A schedule: equal factors from LOWEST to HIGHEST."""

    def factor(self, step: int, run: Length) -> float:
        """The factor at a step.

        >>> f"{GrowingRate().factor(7, Length(total_steps=15, steps_per_epoch=15, base_lr=1e-3)):.3g}"
        '0.316'
        """
        return LOWEST * (HIGHEST / LOWEST) ** (step / max(1, run.total_steps - 1)) / run.base_lr


class RangeCurve(pl.Callback):
    """Notes the rate and the smoothed loss of each step, and ends a training that diverges."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        """Rate of the optimizer, smoothed loss before the step with it."""
        self._window: list[float] = []
        self._mean = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """The rate with which the step that comes will be made."""
        scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
        self._rate = float(scheduler.lr_lambdas[0](scheduler.last_epoch)) * trainer.optimizers[0].defaults["lr"]

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *args: Any) -> None:
        """Note the loss of all ranks and of all batches of a step."""
        self._window.append(float(trainer.strategy.reduce(outputs["loss"].detach(), reduce_op="mean")))
        if len(self._window) < trainer.accumulate_grad_batches:
            return
        loss, self._window = sum(self._window) / len(self._window), []
        number = len(self.points) + 1
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        self.points.append((self._rate, self._mean / (1 - SMOOTHING**number)))
        worst = HOPELESS * min(each for _, each in self.points)
        if not math.isfinite(loss) or (number > SKIPPED and self.points[-1][1] > worst):
            trainer.should_stop = True


def suggested(points: Sequence[tuple[float, float]]) -> float | None:
    """The rate at which the loss falls fastest, over the logarithm of the rate; None where it falls nowhere.

    Args:
        points: rate, smoothed loss.
    """
    kept = [(math.log(rate), loss) for rate, loss in points[SKIPPED:] if math.isfinite(loss)]
    if len(kept) < 2:
        return None
    rates, losses = torch.tensor(kept, dtype=torch.float64).T
    (slopes,) = torch.gradient(losses, spacing=(rates,))
    steepest = int(slopes.argmin())
    return math.exp(kept[steepest][0]) if slopes[steepest] < 0 else None
