"""Appends each batch's answers to the run folder as soon as they are there."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from emolightning.evaluation.answers import append, rank_file
from emolightning.evaluation.scoring import score_answer


class AnswerWriter(pl.Callback):
    """Each rank writes a file of its own; `emolightning.evaluation.answers.join` makes one of them.

    Args:
        folder: the run folder.
        key: of the evaluation.
        labels: the vocabulary that answers are read with.
    """

    def __init__(self, folder: Path, *, key: str, labels: tuple[str, ...]):
        self.folder = folder
        self.key = key
        self.labels = labels

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Write and flush."""
        answers = outputs["answers"]
        path = rank_file(self.folder, trainer.global_rank, trainer.world_size)
        append(path, self.key, answers, [score_answer(answer, self.labels) for answer in answers])

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait until all ranks have written: the first one joins the files next."""
        trainer.strategy.barrier()
