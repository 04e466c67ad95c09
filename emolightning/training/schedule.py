"""Learning rate per optimizer step: linear warm-up, then half a cosine."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmupCosine:
    """Factor on the optimizer's learning rate.

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

    def factor(self, step: int, total_steps: int) -> float:
        """The factor at an optimizer step.

        >>> [round(WarmupCosine(warmup_steps=2).factor(step, 6), 3) for step in range(7)]
        [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
        """
        warmup = self.warmup_steps if self.warmup_steps is not None else round(self.warmup_fraction * total_steps)
        if step < warmup:
            return self.start_factor + (1 - self.start_factor) * step / warmup
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        return self.final_factor + (1 - self.final_factor) * 0.5 * (1 + math.cos(math.pi * progress))
