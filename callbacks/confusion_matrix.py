"""The confusion matrix of the last validation, as a W&B table of counts."""

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger

from emolightning.training.learner import EmotionLearner


class ConfusionMatrix(pl.Callback):
    """Logs `val/confusion_matrix` when training ends: one row a cell, so that any plot can be made of it."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: EmotionLearner) -> None:  # type: ignore[override]
        """On the first rank."""
        counts = pl_module.val_counts
        if counts is None or not trainer.is_global_zero:
            return
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                answers = [*pl_module.labels, "(unreadable)"]
                cells = [
                    [truth, answer, int(counts[row, column])]
                    for row, truth in enumerate(pl_module.labels)
                    for column, answer in enumerate(answers)
                ]
                logger.log_table("val/confusion_matrix", columns=["truth", "answer", "clips"], data=cells)
