"""Learning rate over the steps: our default, and upstream's with its quirks."""

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Length:
    """What a schedule knows of a run. Steps are optimizer steps; with `accumulation=sum`, as upstream, batches."""

    total_steps: int
    steps_per_epoch: int
    base_lr: float
    """The optimizer's."""


class Schedule(Protocol):
    """What a `schedule=` configuration builds."""

    def factor(self, step: int, run: Length) -> float:
        """Learning rate at `step` (from 0) divided by `run.base_lr`."""
        ...


@dataclass(frozen=True)
class WarmupCosine:
    """Linear warm-up, then half a cosine.

    Warm-up lasts `warmup_steps`, or `warmup_fraction` of all steps when that is None.
    """

    warmup_fraction: float = 0.05
    """Share of all optimizer steps."""
    warmup_steps: int | None = None
    """Optimizer steps; wins over the fraction."""
    start_factor: float = 0.0
    """At step 0; 1.0 means no ramp."""
    final_factor: float = 0.0
    """At the last step: the minimum learning rate divided by the base one."""

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_fraction <= 1:
            raise ValueError(f"Expected `warmup_fraction` in [0, 1], but got {self.warmup_fraction}.")

    def factor(self, step: int, run: Length) -> float:
        """The factor at an optimizer step.

        >>> run = Length(total_steps=6, steps_per_epoch=3, base_lr=1.0)
        >>> [round(WarmupCosine(warmup_steps=2).factor(step, run), 3) for step in range(7)]
        [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
        """
        warmup = self.warmup_steps if self.warmup_steps is not None else round(self.warmup_fraction * run.total_steps)
        if step < warmup:
            return self.start_factor + (1 - self.start_factor) * step / warmup
        progress = min(1.0, (step - warmup) / max(1, run.total_steps - warmup))
        return self.final_factor + (1 - self.final_factor) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class UpstreamWarmupCosine:
    """Emotion-LLaMA's `linear_warmup_cosine_lr` (`minigpt4/common/optims.py`), quirks included.

    The warm-up counts steps inside an epoch, so one that is longer than an epoch starts again with each epoch (a
    saw-tooth). The cosine's clock runs during the warm-up too, so the peak is below the base rate; it never quite
    reaches `min_lr`; and a `min_lr` above the base rate makes it rise.
    """

    min_lr: float = 0.0
    """Absolute, where the cosine ends."""
    warmup_lr: float | None = None
    """Absolute, at the first step of a warm-up; None starts at the base rate."""
    warmup_steps: int = 0
    first_epoch: int = 0
    """The number of the first epoch: AffectGPT counts from 1, so that its clock is an epoch ahead."""

    def factor(self, step: int, run: Length) -> float:
        """The factor at a step."""
        epoch, iteration = divmod(step + self.first_epoch * run.steps_per_epoch, run.steps_per_epoch)
        rate = self.learning_rate(
            epoch,
            iteration,
            init_lr=run.base_lr,
            steps_per_epoch=run.steps_per_epoch,
            max_epochs=run.total_steps / run.steps_per_epoch,
        )
        return rate / run.base_lr

    def learning_rate(
        self, epoch: int, iteration: int, *, init_lr: float, steps_per_epoch: int, max_epochs: float
    ) -> float:
        """The absolute rate at an iteration of an epoch, both from 0.

        >>> stage1 = UpstreamWarmupCosine(min_lr=1e-6, warmup_lr=1e-6, warmup_steps=1000)
        >>> print(round(stage1.learning_rate(0, 500, init_lr=1e-5, steps_per_epoch=1000, max_epochs=30), 12))
        5.5e-06
        """
        done = epoch * steps_per_epoch + iteration
        if done < self.warmup_steps:
            start = init_lr if self.warmup_lr is None else self.warmup_lr
            return min(init_lr, start + (init_lr - start) * iteration / max(self.warmup_steps, 1))
        progress = done / (max_epochs * steps_per_epoch)
        return self.min_lr + 0.5 * (init_lr - self.min_lr) * (1 + math.cos(math.pi * progress))
