"""How long a run will be: batches, steps and validations, worked out before anything is built."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FEWEST_WAITED_FOR = 3
"""Validations without improvement that end a run at the earliest."""

WAITED_FOR_WITHOUT_PLAN = 10
"""The same where nobody knows how many validations there will be."""


@dataclass(frozen=True)
class Plan:
    """The length of a run."""

    batches: int
    """Batches of an epoch, per process."""
    val_batches: int
    """Batches of a validation, per process; 0 is no validation."""
    epochs: int | None
    """None is without limit."""
    steps: int | None
    """Optimizer steps of the whole run."""
    validations: int | None
    """None is not known: they follow the clock, or the run has no end."""

    def patience(self) -> int:
        """Validations without improvement to wait for: half of all, at least 3.

        The learning rate falls over the whole run, and scores often rise late; a run that has not improved for half of
        its length will not.
        """
        if self.validations is None:
            return WAITED_FOR_WITHOUT_PLAN
        return max(FEWEST_WAITED_FOR, math.ceil(self.validations / 2))


def make_plan(trainer: Mapping[str, Any], *, batches: int, val_batches: int, accumulates: bool = True) -> Plan:
    """The plan of a run.

    Args:
        trainer: arguments of Lightning's trainer.
        batches: of the train split, per process.
        val_batches: of the validation split, per process.
        accumulates: whether the trainer counts a step after `accumulate_grad_batches` batches, and not after each.

    Limits and an interval that the batches cannot keep are refused before.
    """
    overfit = trainer.get("overfit_batches") or None
    batches = _limited(overfit or trainer.get("limit_train_batches"), batches)
    val_batches = _limited(overfit or trainer.get("limit_val_batches"), val_batches)
    epochs, most = (_limit(trainer.get(name)) for name in ("max_epochs", "max_steps"))
    together = trainer.get("accumulate_grad_batches", 1) if accumulates else 1
    per_epoch = math.ceil(batches / together)
    steps = min((n for n in (most, None if epochs is None else epochs * per_epoch) if n is not None), default=None)
    validations = _validations(trainer, batches, val_batches, steps, per_epoch=per_epoch, together=together)
    return Plan(batches, val_batches, epochs, steps, validations)


def _limit(number: Any) -> int | None:
    return None if number in (None, -1) else int(number)


def _limited(limit: Any, batches: int) -> int:
    """Lightning's reading: a whole number is of batches, a fraction is of all."""
    if limit is None:
        return batches
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


def _validations(
    trainer: Mapping[str, Any], batches: int, val_batches: int, steps: int | None, *, per_epoch: int, together: int
) -> int | None:
    if not val_batches:
        return 0
    interval, every = trainer.get("val_check_interval"), trainer.get("check_val_every_n_epoch", 1)
    if interval is not None and not isinstance(interval, int | float):
        return None  # By the clock.
    whole = interval if isinstance(interval, int) else max(1, int(batches * (1.0 if interval is None else interval)))
    if steps is None:
        return None
    epochs, rest = divmod(steps, per_epoch)
    if every is None:
        return (epochs * batches + rest * together) // whole
    in_last = rest * together // whole if (epochs + 1) % every == 0 else 0
    return epochs // every * (batches // whole) + in_last
