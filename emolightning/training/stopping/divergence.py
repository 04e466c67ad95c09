"""A run that diverges ends before it harms its checkpoints: what is not finite reaches neither weights nor files.

All ranks find the same and end alike, so that none waits for another.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from emolightning.errors import EndOfRun
from emolightning.training.lightning_internals import may_be_logged
from emolightning.training.run_folder import RunFolder


class FiniteLosses:
    """Losses that must be finite: each is read before its step, or they are read together where no step can do harm.

    Reading a loss waits for the GPU. A fused optimizer leaves out a step on the device by itself, as for the overflows
    of float16. So there a loss that is not finite stops all steps from its own on, and is read with the next log or
    before the next checkpoint.
    """

    def __init__(self) -> None:
        self._first: Tensor | None = None
        """A scalar, the first step with such a loss; infinite where there is none."""

    def add(self, loss: Tensor, trainer: pl.Trainer) -> None:
        """Note the loss of a step that has not been made yet.

        Args:
            loss: over all ranks, a scalar.
            trainer: of the run.

        Raises:
            EndOfRun: it is read, and not finite.
        """
        optimizers = trainer.optimizers
        if not optimizers or not all(leaves_steps_out(optimizer, trainer) for optimizer in optimizers):
            require_finite_loss(float(loss), trainer)
            return
        step = torch.where(loss.detach().isfinite(), math.inf, float(trainer.global_step + 1))
        self._first = step if self._first is None else torch.minimum(self._first, step)
        for optimizer in optimizers:
            optimizer.found_inf = self._first.isfinite().float()  # type: ignore[attr-defined]
        if may_be_logged(trainer):
            self.require(trainer)

    def require(self, trainer: pl.Trainer) -> None:
        """Read what was noted.

        Raises:
            EndOfRun: a loss was not finite.
        """
        first = math.inf if self._first is None else float(self._first)
        if math.isfinite(first):
            raise _diverged(f"the loss of optimizer step {int(first)} is not finite", trainer)


def leaves_steps_out(optimizer: Any, trainer: pl.Trainer) -> bool:
    """Whether an optimizer looks at `found_inf`, and nobody else sets it: torch's fused ones without a loss scaler."""
    is_fused = isinstance(optimizer, Optimizer) and all(group.get("fused") for group in optimizer.param_groups)
    has_scaler = getattr(trainer.precision_plugin, "scaler", None) is not None
    return is_fused and not has_scaler and not hasattr(trainer.strategy, "shard")


def require_finite_loss(loss: float, trainer: pl.Trainer) -> None:
    """Before the step.

    Args:
        loss: over all ranks.
        trainer: of the run.

    Raises:
        EndOfRun: names the step, how far the run is, and what helps.
    """
    if not math.isfinite(loss):
        raise _diverged(f"the loss of optimizer step {trainer.global_step + 1} is {loss}", trainer)


def require_finite_weights(state: Mapping[str, Tensor], trainer: pl.Trainer) -> None:
    """Before a checkpoint: a loss may be finite whose gradient is not.

    Args:
        state: trained weights, whole.
        trainer: of the run.

    Raises:
        EndOfRun: as above.
    """
    device = trainer.strategy.root_device  # Read once there, and not tensor by tensor.
    # Each rank takes part in what follows, one without tensors as well.
    finite = [torch.ones((), dtype=torch.bool, device=device), *(t.isfinite().all().to(device) for t in state.values())]
    wrong = torch.stack(finite).logical_not().sum()
    if trainer.world_size > 1:  # They have the same weights, or should.
        wrong = trainer.strategy.reduce(wrong, reduce_op="max")
    if wrong:
        what = f"{int(wrong)} of {len(state)} trained tensors are not finite"
        raise _diverged(f"after optimizer step {trainer.global_step} {what}", trainer)


def _diverged(what: str, trainer: pl.Trainer) -> EndOfRun:
    where = RunFolder(Path(trainer.default_root_dir)).last_good()
    return EndOfRun(
        f"{what}; nothing was saved after it, {where}. "
        "Try a smaller optimizer.lr, a longer schedule.warmup_steps, a smaller trainer.gradient_clip_val, "
        "trainer.precision=bf16-mixed or 32-true in place of 16-mixed; and look for values that are not finite in "
        "the features"
    )
