"""Callbacks for tests of runs that end badly: `+callbacks.failing={_target_: failing.RunsOut, rank: 1, step: 3}`."""

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch


class AtStep(pl.Callback):
    """Does something on one rank at one step.

    Args:
        rank: where.
        step: optimizer steps done before.
    """

    def __init__(self, *, rank: int, step: int):
        self.rank = rank
        self.step = step

    def is_due(self, trainer: pl.Trainer) -> bool:
        """Whether this is the rank and the step."""
        return (trainer.global_rank, trainer.global_step) == (self.rank, self.step)


class RunsOut(AtStep):
    """Out of memory."""

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """As torch says it."""
        if self.is_due(trainer):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 23.6 GiB.")


class Diverges(AtStep):
    """The loss is no number any more."""

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        """By an infinite vector, as a broken feature file has one."""
        if self.is_due(trainer):
            batch.features["speech"].fill_(float("inf"))


class BreaksGradient(AtStep):
    """One number of the gradient is none, while the loss is."""

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """In the first gradient that there is."""
        if self.is_due(trainer):
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            gradients[0].view(-1)[0] = float("nan")


class Told(pl.Callback):
    """A rank gets SIGTERM, alone.

    Args:
        rank: which.
        hook: name of the hook in which it does.
    """

    def __init__(self, *, rank: int, hook: str):
        self.rank = rank
        setattr(self, hook, self._tell)

    def _tell(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if trainer.global_rank == self.rank:
            os.kill(os.getpid(), signal.SIGTERM)


class FillsDisk(pl.Callback):
    """The system takes no more large files of the first rank, as on a full disk.

    Args:
        step: optimizer steps done before.
        size: bytes that a file may still have.
    """

    def __init__(self, *, step: int, size: int):
        self.step = step
        self.size = size

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """The limit of a process; who sets it in a process that goes on takes it back."""
        if trainer.is_global_zero and trainer.global_step == self.step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, resource.RLIM_INFINITY))


class ToldInValidation(pl.Callback):
    """The first rank gets a signal while it validates, from itself or from who waits for the note.

    Args:
        note: a file that is written when it is time, in a validation that then takes longer; None sends the signal.
        number: the signal.
    """

    def __init__(self, *, note: str | None = None, number: int = signal.SIGTERM):
        self.note = note
        self.number = number

    def on_validation_batch_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """In the first batch."""
        if not trainer.is_global_zero:
            return
        if self.note is None:
            os.kill(os.getpid(), self.number)
            return
        Path(self.note).touch()
        time.sleep(0.5)


class LeavesLate(pl.Callback):
    """The first rank has much to finish when the run is stopped.

    Args:
        seconds: it takes for that.
    """

    def __init__(self, *, seconds: float):
        self.seconds = seconds

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """An upload, for one."""
        if trainer.is_global_zero:
            time.sleep(self.seconds)
