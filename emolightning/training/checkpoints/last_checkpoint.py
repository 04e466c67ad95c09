"""`checkpoints/last.ckpt`: where an interrupted run continues, bit for bit."""

import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

from emolightning.training.lightning_internals import (
    accumulates,
    coming_metrics,
    is_validation_next,
    logged_step,
)
from emolightning.training.loggers.csv_log import CsvLog

ASKED_EVERY = 10
"""Optimizer steps between two looks at the clocks of several ranks, who wait for each other there."""


class LastCheckpoint(Checkpoint):
    """Saves one step before each validation, after it, and in between by the clock or by optimizer steps.

    Never inside an accumulation window, whose gradients are in no checkpoint. And never right after the step that a
    validation follows: Lightning would resume such a checkpoint without that validation, so the best checkpoint could
    differ. With the step before it saved, a run killed while it validates repeats one step.

    Lightning logs a step after this callback has saved it. So a checkpoint carries the row that is still to come, and a
    run that was killed in between writes it when it goes on: its history has no gap.

    Args:
        folder: of the checkpoints.
        every_num_steps: optimizer steps from one file to the next; 0 does not count them.
        every_minutes: minutes from one file to the next; 0 looks at no clock. Any step may be the one that is saved,
            whether it is logged or not; with several ranks any tenth.
    """

    def __init__(self, folder: str, *, every_num_steps: int = 0, every_minutes: float = 0.0):
        self.path = Path(folder) / "last.ckpt"
        self.every_num_steps = every_num_steps
        self.every_minutes = every_minutes
        self._saved_step = 0
        self._saved_at = 0.0
        self._coming: dict[str, Any] | None = None
        """The row of metrics.csv that follows the step of a checkpoint, and its step."""

    def state_dict(self) -> dict[str, Any]:
        """Goes into every checkpoint."""
        return {"coming": self._coming}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the row from the checkpoint that the run resumes from; those of earlier versions have none."""
        self._coming = state_dict.get("coming")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before other callbacks log the next step: the row that the killed run may not have written."""
        if self._coming is not None:
            for logger in trainer.loggers:
                if isinstance(logger, CsvLog):
                    logger.begin(self._coming["step"] + 1, coming=self._coming)
        self._coming = None
        self._saved_at = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """What is repeated leaves metrics.csv here: the next row may be steps away, after some that would stay."""
        for logger in trainer.loggers:
            if isinstance(logger, CsvLog):
                logger.begin(logged_step(trainer))

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Save when the number of steps, the clock, or a validation ahead says so."""
        if not can_save(trainer):
            return
        is_due = self.every_num_steps and trainer.global_step % self.every_num_steps == 0
        is_due = is_due or batches_to_validation(trainer) <= trainer.accumulate_grad_batches
        if is_due or self._is_time(trainer):
            self._coming = coming_row(trainer)
            self.save(trainer)
            self._coming = None

    def _is_time(self, trainer: pl.Trainer) -> bool:
        """Whether it is time by any rank's clock: all of them save."""
        is_looked_at = trainer.world_size == 1 or trainer.global_step % ASKED_EVERY == 0
        if not (self.every_minutes and is_looked_at):
            return False
        is_time = time.monotonic() - self._saved_at >= 60 * self.every_minutes
        if trainer.world_size > 1:  # A rank alone reads no tensor here, and so waits for no device.
            found = torch.tensor(int(is_time), device=trainer.strategy.root_device)
            is_time = bool(trainer.strategy.reduce(found, reduce_op="max"))
        return is_time

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, so that a resume does not validate again."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Training may end away from a validation, by `max_steps` for one: those steps count too."""
        if trainer.global_step > self._saved_step:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write the file, but not of a run that keeps nothing; all ranks must call this."""
        if getattr(trainer, "fast_dev_run", False):
            return
        trainer.save_checkpoint(self.path)
        self._saved_step = trainer.global_step
        self._saved_at = time.monotonic()


def coming_row(trainer: pl.Trainer) -> dict[str, Any] | None:
    """What Lightning will log of the step that ends now, as it will be in metrics.csv; None where it logs nothing."""
    values = coming_metrics(trainer)
    return {"epoch": trainer.current_epoch, "step": logged_step(trainer), **values} if values else None


def can_save(trainer: pl.Trainer) -> bool:
    """Whether a checkpoint made at the end of this batch resumes exactly."""
    return not accumulates(trainer) and not is_validation_next(trainer)


def batches_to_validation(trainer: pl.Trainer) -> float:
    """Batches from the end of this one to the next validation, or to the end of the epoch."""
    loop = trainer.fit_loop.epoch_loop
    if trainer.check_val_every_n_epoch is None:  # Then Lightning counts batches of all epochs.
        every: float = trainer.val_check_batch or math.inf
        return every - (loop.total_batch_idx + 1) % every
    every = min(trainer.val_check_batch or math.inf, trainer.num_training_batches)
    return every - (loop.batch_idx + 1) % every
