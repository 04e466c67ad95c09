"""The confusion matrix of the last validation in W&B: counts as a table, and W&B's own plot of them."""

import pytorch_lightning as pl

from emolightning.training.learner import EmotionLearner
from emolightning.training.loggers.tracking import WandbLog
from emolightning.training.loggers.wandb_tables import log_confusion_matrix


class ConfusionMatrix(pl.Callback):
    """Logs `val/confusion_matrix` when training ends."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: EmotionLearner) -> None:  # type: ignore[override]
        """On the first rank."""
        counts = pl_module.val_counts
        if counts is None or not trainer.is_global_zero:
            return
        answers = [*pl_module.labels, "(unreadable)"]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLog):
                log_confusion_matrix(logger, "val/confusion_matrix", pl_module.labels, answers, counts)
