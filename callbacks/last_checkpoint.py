"""`checkpoints/last.ckpt`: where an interrupted run continues, bit for bit."""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from emolightning.training.csv_log import CsvLog


class LastCheckpoint(Checkpoint):
    """Saves every `every_num_steps` optimizer steps, one step before each validation, and after it.

    Never inside an accumulation window, whose gradients are in no checkpoint. And never right behind the step that a
    validation follows: Lightning would resume such a checkpoint without that validation, so the best checkpoint could
    differ. With the step before it saved, a run killed while it validates repeats one step.

    Args:
        folder: of the checkpoints.
        every_num_steps: optimizer steps; 0 saves around validations only.
    """

    def __init__(self, folder: str, *, every_num_steps: int = 100):
        self.path = Path(folder) / "last.ckpt"
        self.every_num_steps = every_num_steps
        self._saved_step = 0

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """What is repeated leaves metrics.csv here: the next row may be steps away, behind some that would stay."""
        for logger in trainer.loggers:
            if isinstance(logger, CsvLog):
                logger.begin(trainer.fit_loop.epoch_loop._batches_that_stepped)

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Save when the number of steps, or a validation ahead, says so."""
        if not can_save(trainer):
            return
        is_due = self.every_num_steps and trainer.global_step % self.every_num_steps == 0
        if is_due or batches_to_validation(trainer) <= trainer.accumulate_grad_batches:
            self.save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, so that a resume does not validate again."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Training may end away from a validation, by `max_steps` for one: those steps count too."""
        if trainer.global_step > self._saved_step and not getattr(trainer, "fast_dev_run", False):
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write the file; all ranks must call this."""
        trainer.save_checkpoint(self.path)
        self._saved_step = trainer.global_step


def can_save(trainer: pl.Trainer) -> bool:
    """Whether a checkpoint made at the end of this batch resumes exactly."""
    loop = trainer.fit_loop.epoch_loop
    fetcher = trainer.fit_loop._data_fetcher
    assert fetcher is not None
    is_validation_next = loop._should_check_val_fx(fetcher)
    return not trainer.fit_loop._should_accumulate() and not is_validation_next


def batches_to_validation(trainer: pl.Trainer) -> float:
    """Batches from the end of this one to the next validation, or to the end of the epoch."""
    loop = trainer.fit_loop.epoch_loop
    if trainer.check_val_every_n_epoch is None:  # Then Lightning counts batches of all epochs.
        every: float = trainer.val_check_batch or math.inf
        return every - (loop.total_batch_idx + 1) % every
    every = min(trainer.val_check_batch or math.inf, trainer.num_training_batches)
    return every - (loop.batch_idx + 1) % every
