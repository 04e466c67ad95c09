"""A run that diverges ends before it harms its checkpoints: what is not finite reaches neither weights nor files.

All ranks find the same and end alike, so that none waits for another.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from emolightning.errors import EndOfRun
from emolightning.training.run_folder import RunFolder


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
    wrong = torch.tensor(sum(not bool(tensor.isfinite().all()) for tensor in state.values()))
    if trainer.world_size > 1:  # They have the same weights, or should.
        wrong = trainer.strategy.reduce(wrong.to(trainer.strategy.root_device), reduce_op="max")
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
