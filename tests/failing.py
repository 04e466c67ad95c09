"""Callbacks for tests of runs that end badly: `+callbacks.failing={_target_: failing.RunsOut, rank: 1, step: 3}`."""

from typing import Any

import pytorch_lightning as pl
import torch


class RunsOut(pl.Callback):
    """Out of memory on one rank.

    Args:
        rank: where.
        step: optimizer steps done before.
    """

    def __init__(self, *, rank: int, step: int):
        self.rank = rank
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """As torch says it."""
        if trainer.global_rank == self.rank and trainer.global_step == self.step:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 23.6 GiB.")


class Diverges(pl.Callback):
    """The loss of one rank is no number any more.

    Args:
        rank: where.
        step: optimizer steps done before.
    """

    def __init__(self, *, rank: int, step: int):
        self.rank = rank
        self.step = step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        """By an infinite vector, as a broken feature file has one."""
        if trainer.global_rank == self.rank and trainer.global_step == self.step:
            batch.features["speech"].fill_(float("inf"))
