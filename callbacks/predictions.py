"""The answers of the last validation as a W&B table."""

from typing import Any

import pytorch_lightning as pl
import torch

from emolightning.training.learner import EmotionLearner
from emolightning.training.tracking import WandbLog

COLUMNS = ("clip", "transcript", "truth", "answer", "prediction", "correct")
WITHOUT_TEXTS = ("clip", "truth", "prediction", "correct")
"""Of data marked private: nothing that quotes a transcript."""


class Predictions(pl.Callback):
    """Logs `val/predictions` when training ends: one row a clip, of all ranks.

    Args:
        num_clips: rows at most, the first of the split.
    """

    def __init__(self, *, num_clips: int = 1000):
        self.num_clips = num_clips
        self._rows: dict[int, tuple[Any, ...]] = {}

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last validation counts."""
        self._rows = {}

    def on_validation_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: EmotionLearner, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Keep the rows of this rank."""
        if trainer.sanity_checking:
            return
        for index, clip, answer in zip(batch.indices.tolist(), batch.clips, outputs["answers"], strict=True):
            if index < self.num_clips:
                read = pl_module.reader.read(answer.text).label
                self._rows[index] = (clip.id, clip.transcript or "", answer.truth, answer.text, read)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Collect what the ranks have; clips that a sampler gave to two of them once."""
        gathered: list[Any] = [self._rows]
        if trainer.world_size > 1:
            gathered = [None] * trainer.world_size
            torch.distributed.all_gather_object(gathered, self._rows)
        rows = {index: row for part in gathered for index, row in part.items()}
        is_private = getattr(trainer.datamodule, "private", False)  # type: ignore[attr-defined]
        for logger in trainer.loggers if trainer.is_global_zero else []:
            if isinstance(logger, WandbLog) and rows:
                shows_texts = logger.may_show_texts(is_private=is_private)
                table = [_row(rows[index], shows_texts=shows_texts) for index in sorted(rows)]
                logger.log_table("val/predictions", columns=list(COLUMNS if shows_texts else WITHOUT_TEXTS), data=table)


def _row(row: tuple[Any, ...], *, shows_texts: bool) -> list[Any]:
    clip, transcript, truth, answer, read = row
    texts = [transcript, truth, answer] if shows_texts else [truth]
    return [clip, *texts, read, read == truth]
