"""`checkpoints/best.ckpt`: by the configured monitor; among equals the latest."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor


class BestCheckpoint(ModelCheckpoint):
    """One file, replaced when a validation is at least as good.

    Small validation splits reach the same score several times; the later weights have seen more, and had the lower loss
    in every such case we looked at, so a tie goes to them.

    Args:
        folder: of the checkpoints.
        monitor: a logged score, e.g. `val/weighted_f1`.
        mode: `max` or `min`.
    """

    def __init__(self, folder: str, *, monitor: str, mode: str = "max"):
        super().__init__(
            dirpath=folder,
            filename="best",
            monitor=monitor,
            mode=mode,
            save_top_k=1,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            # After the validation itself: a run resumed after it has no scores left at the epoch's end.
            save_on_train_epoch_end=False,
        )

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """ModelCheckpoint's test, with ties going to the later validation."""
        best = self.best_model_score
        tie = current is not None and best is not None and bool(current == best)
        return tie or super().check_monitor_top_k(trainer, current)
