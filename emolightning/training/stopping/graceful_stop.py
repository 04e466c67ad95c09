"""Ctrl-C, SIGTERM and SIGUSR1: finish the step, save a resumable checkpoint, leave with the signal's exit code.

Lightning's own handlers broadcast inside the signal handler, which deadlocks when only one rank is told; and exit with
0, which tells a scheduler that all is well. Here the handler only sets a flag; ranks agree on it after a step.
"""

import signal
import sys
from typing import Any

import pytorch_lightning as pl
import torch

from emolightning.training.checkpoints.last_checkpoint import LastCheckpoint, can_save
from emolightning.training.lightning_internals import log_step, started_ranks, unwatch_started_ranks
from emolightning.training.stopping.told_to_stop import SIGNALS, TERMINATED, AgreedToStop


class GracefulStop(pl.Callback):
    """Installs handlers for the time of training. A second Ctrl-C stops at once.

    Args:
        last: saves the checkpoint that the run goes on from.
    """

    def __init__(self, last: LastCheckpoint) -> None:
        self._last = last
        self._signal = 0
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over the signals."""
        for number in (signal.SIGINT, *SIGNALS):
            self._previous[number] = signal.signal(number, lambda received, frame: self._note(received, trainer))

    def _note(self, received: int, trainer: pl.Trainer) -> None:
        if self._signal == signal.SIGINT and received == signal.SIGINT:
            raise KeyboardInterrupt
        if not self._signal and trainer.is_global_zero:
            name = signal.Signals(received).name
            print(f"\n{name}: saving a checkpoint after this step (Ctrl-C again stops at once)", file=sys.stderr)
        self._signal = received
        for process in started_ranks(trainer):
            if received in SIGNALS:
                process.send_signal(received)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """Between optimizer steps: if any rank was told to stop, all save and leave."""
        if can_save(trainer):
            self._stop_if_told(trainer, save=True)

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """In a validation nothing is saved, for its half-collected scores are in no checkpoint; the last one stays."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._stop_if_told(trainer, save=False)

    def _stop_if_told(self, trainer: pl.Trainer, *, save: bool) -> None:
        received = self._signal
        if trainer.world_size > 1:
            told = torch.tensor(received, device=trainer.strategy.root_device)
            received = int(trainer.strategy.reduce(told, reduce_op="max"))
        if not received:
            return
        if save:
            log_step(trainer)  # The resumed run starts with the next one.
            self._last.save(trainer)
        if trainer.is_global_zero:
            print(f"stopped; continue with the same command and resume=auto (from {self._last.path})", file=sys.stderr)
        self._restore()
        for number in SIGNALS:  # Told again, by a launcher that has seen another rank leave: we are about to.
            signal.signal(number, lambda received, frame: None)
        unwatch_started_ranks(trainer)
        raise AgreedToStop(128 + received if received == signal.SIGINT else TERMINATED)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the signals back."""
        self._restore()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """The same; and what this rank has to finish is not cut short by the end of another one."""
        self._restore()
        unwatch_started_ranks(trainer)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
