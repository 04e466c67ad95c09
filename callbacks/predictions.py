"""The answers of the last validation as a W&B table; an evaluation's has the same columns."""

from typing import Any

import pytorch_lightning as pl
import torch

from emolightning.training.learner import EmotionLearner
from emolightning.training.loggers.tracking import WandbLog
from emolightning.training.loggers.wandb_tables import Row, prediction_table


class Predictions(pl.Callback):
    """Logs `val/predictions` when training ends: one row a clip, of all ranks.

    Args:
        num_clips: rows at most, the first of the split.
    """

    def __init__(self, *, num_clips: int = 1000):
        self.num_clips = num_clips
        self._rows: dict[int, Row] = {}

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last validation counts."""
        self._rows = {}

    def on_validation_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: EmotionLearner, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Keep the rows of this rank."""
        if trainer.sanity_checking:
            return
        read = zip(batch.indices.tolist(), batch.clips, outputs["answers"], outputs["scores"], strict=True)
        for index, clip, answer, score in read:
            if index < self.num_clips:
                self._rows[index] = Row(clip.id, clip.transcript, answer.truth, answer.text, score.value)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: EmotionLearner) -> None:  # type: ignore[override]
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
                ordered = [rows[index] for index in sorted(rows)]
                columns, data = prediction_table(ordered, pl_module.labels, shows_texts=shows_texts)
                logger.log_table("val/predictions", columns=columns, data=data)
