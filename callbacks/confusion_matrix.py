"""The confusion matrix of the last validation in W&B: counts as a table, and W&B's own plot of them."""

import pytorch_lightning as pl

from emolightning.training.learner import EmotionLearner
from emolightning.training.loggers.tracking import WandbLog
from emolightning.training.loggers.wandb_tables import log_confusion_matrix


class ConfusionMatrix(pl.Callback):
    """Logs `val/confusion_matrix` when training ends."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: EmotionLearner) -> None:  # type: ignore[override]
        """On the first rank; scores of other things than labels have no matrix."""
        matrix = pl_module.validation.last.confusion_matrix if pl_module.validation else None
        if matrix is None or not trainer.is_global_zero:
            return
        truths = matrix["labels"][: len(matrix["counts"])]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLog):
                log_confusion_matrix(logger, "val/confusion_matrix", truths, matrix["labels"], matrix["counts"])
