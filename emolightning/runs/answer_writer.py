"""Appends each batch's answers to the run folder as soon as they are there."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from emolightning.runs.answers import append, rank_file


class AnswerWriter(pl.Callback):
    """Each rank writes a file of its own; `emolightning.runs.answers.join` makes one of them.

    Args:
        folder: the run folder.
        split: to be answered.
    """

    def __init__(self, folder: Path, *, split: str):
        self.folder = folder
        self.split = split
        self.key = ""
        """Key of the evaluation; like `known`, only the first rank's counts."""
        self.known: frozenset[str] = frozenset()
        """Ids of clips that are answered already."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """The first rank says which evaluation this is: the others have no weights yet that it would follow from."""
        self.key, self.known = trainer.strategy.broadcast((self.key, self.known))
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        data.evaluate_on(self.split, skip=self.known)

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Write and flush."""
        append(rank_file(self.folder, trainer.global_rank, trainer.world_size), self.key, outputs["answers"])

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait until all ranks have written: the first one joins the files next."""
        trainer.strategy.barrier()
