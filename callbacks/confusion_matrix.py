"""The confusion matrix of the last validation in W&B: counts as a table, and W&B's own plot of them."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl

from emolightning.training.learner import EmotionLearner
from emolightning.training.tracking import WandbLog


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


def log_confusion_matrix(
    logger: WandbLog, key: str, truths: Sequence[str], answers: Sequence[str], counts: Any
) -> None:
    """Log the counts under `key`, one row a cell, so that any plot can be made of them, and a plot under `<key>_plot`.

    Args:
        logger: its run has begun.
        key: `split/name`.
        truths: names of the rows.
        answers: names of the columns; the rows' come first.
        counts: clips, (truths, answers).
    """
    cells = [
        (truth, answer, int(counts[row][column]))
        for row, truth in enumerate(truths)
        for column, answer in enumerate(answers)
    ]
    logger.log_table(key, columns=["truth", "answer", "clips"], data=[list(cell) for cell in cells])

    def plot() -> None:
        import wandb

        clips = [(truth, answer) for truth, answer, number in cells for _ in range(number)]
        figure = wandb.plot.confusion_matrix(
            y_true=[answers.index(truth) for truth, _ in clips],
            preds=[answers.index(answer) for _, answer in clips],
            class_names=list(answers),
            title=key,
        )
        logger.experiment.log({f"{key}_plot": figure})

    logger.attempt(f"{key}_plot", plot)
