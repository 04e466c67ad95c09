"""The same few clips answered after each validation: what the model says, not only how it scores."""

from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from emolightning.errors import shown
from emolightning.records.clips import Answer
from emolightning.training.loggers.tracking import WandbLog

COLUMNS = ("epoch", "clip", "transcript", "truth", "answer")


class SampleAnswers(pl.Callback):
    """Collects, prints, and at the end logs a W&B table.

    Args:
        num_clips: the first so many clips of the validation split.
    """

    def __init__(self, *, num_clips: int = 6):
        self.num_clips = num_clips
        self._current: list[tuple[str, str, Answer]] = []
        self._history: list[tuple[Any, ...]] = []

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Keep the first clips' answers."""
        room = self.num_clips - len(self._current)
        for clip, answer in list(zip(batch.clips, outputs["answers"], strict=True))[: max(0, room)]:
            self._current.append((clip.id, clip.transcript or "", answer))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print them."""
        rows = [
            (trainer.current_epoch, clip_id, transcript, answer.truth, answer.text)
            for clip_id, transcript, answer in self._current
        ]
        self._current = []
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        self._history += rows
        Console().print(answer_table(rows))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """One W&B table of all validations: offline runs keep one file instead of one per epoch.

        None of texts that may not leave this machine.
        """
        for logger in trainer.loggers if trainer.is_global_zero else []:
            is_private = getattr(trainer.datamodule, "private", False)  # type: ignore[attr-defined]
            if isinstance(logger, WandbLog) and self._history and logger.may_show_texts(is_private=is_private):
                logger.log_table("val/sample_answers", columns=list(COLUMNS), data=[list(row) for row in self._history])


def answer_table(rows: list[tuple[Any, ...]]) -> Table:
    """Rows of COLUMNS; text from outside is escaped and cut, and what a terminal would obey is taken out."""
    table = Table(*COLUMNS, title="Sample answers")
    for row in rows:
        right = row[3] == row[4]
        table.add_row(*(escape(shown(str(value))) for value in row), style="" if right else "yellow")
    return table
