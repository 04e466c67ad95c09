"""Clips and tokens per second, and peak memory."""

import resource
import sys
import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from emolightning.records.clips import Batch, SequenceBatch
from emolightning.training.lightning_internals import logged_step


class Throughput(pl.Callback):
    """Logs `train/clips_per_s`, `train/tokens_per_s` (over all ranks) and `train/peak_memory_gb` (of the fullest).

    Args:
        every_num_batches: batches that one value averages over.
    """

    def __init__(self, *, every_num_batches: int = 20):
        self.every_num_batches = every_num_batches
        self._counted: Any = 0
        self._batches = 0
        self._since = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run resumed in mid-epoch does not start that epoch."""
        self._restart()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start anew, so that a validation does not count as training time."""
        self._restart()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and log when the window is full or the epoch ends."""
        self._counted = self._counted + counted(batch)
        self._batches += 1
        if self._batches < self.every_num_batches and not trainer.is_last_batch:
            return
        clips, tokens = trainer.strategy.reduce(self._counted, reduce_op="sum").tolist()
        seconds = time.perf_counter() - self._since
        memory = trainer.strategy.reduce(torch.tensor(peak_memory_gb(), device=pl_module.device), reduce_op="max")
        values = {
            "train/clips_per_s": clips / seconds,
            **({"train/tokens_per_s": tokens / seconds} if tokens else {}),
            "train/peak_memory_gb": float(memory),
        }
        # Not by `log`, which keeps a value only if its step is one of `log_every_n_steps`: short epochs had none.
        step = logged_step(trainer)  # As the loss of this batch.
        for logger in trainer.loggers if trainer.is_global_zero else []:
            logger.log_metrics({"epoch": trainer.current_epoch, **values}, step)
        self._restart()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation in mid-epoch is no training time either."""
        self._restart()

    def _restart(self) -> None:
        self._counted = self._batches = 0
        self._since = time.perf_counter()


def counted(batch: Batch) -> Tensor:
    """Clips and tokens of a batch, on its device: reading them in each step would wait for it."""
    own = batch.is_own  # Not another rank's clips, which only fill a batch.
    rows = own if batch.shares is None else own * batch.shares  # A clip may have several rows.
    tokens = (
        batch.sequence.attention_mask.sum(1) if isinstance(batch, SequenceBatch) else torch.zeros_like(batch.indices)
    )
    return torch.stack([rows.float().sum().round().long(), (tokens * own).sum()])


def peak_memory_gb() -> float:
    """Peak memory of the GPU when there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
