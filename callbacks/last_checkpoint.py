"""`checkpoints/last.ckpt`: where an interrupted run continues, bit for bit."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint


class LastCheckpoint(Checkpoint):
    """Saves after every `every_num_steps` optimizer steps and after each validation.

    Only between optimizer steps: gradients in flight are in no checkpoint, so a run cut inside an accumulation window
    could not be continued exactly.

    Args:
        folder: of the checkpoints.
        every_num_steps: optimizer steps; 0 saves after validations only.
    """

    def __init__(self, folder: str, *, every_num_steps: int = 100):
        self.path = Path(folder) / "last.ckpt"
        self.every_num_steps = every_num_steps
        self._saved_step = -1

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Save when the number of steps says so."""
        step = trainer.global_step
        due = self.every_num_steps and step % self.every_num_steps == 0 and step != self._saved_step
        if due and at_optimizer_step(trainer):
            self.save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the scores' state too, so that a resume does not validate again."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write the file; all ranks must call this."""
        trainer.save_checkpoint(self.path)
        self._saved_step = trainer.global_step


def at_optimizer_step(trainer: pl.Trainer) -> bool:
    """Whether no gradients are in flight."""
    return not trainer.fit_loop._should_accumulate()
