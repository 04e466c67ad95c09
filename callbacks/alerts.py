"""W&B tells its users that a run has failed, or is done."""

from typing import Any

import pytorch_lightning as pl

from emolightning.training.tracking import WandbLog


class Alerts(pl.Callback):
    """Sends an alert when training ends, and one with the message when it fails, by NaN or anything else.

    Args:
        monitor: the score to name.
    """

    def __init__(self, *, monitor: str):
        self.monitor = monitor

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The run is done."""
        score = trainer.callback_metrics.get(self.monitor)
        words = f", {self.monitor} {float(score):.4f}" if score is not None else ""
        _alert(trainer, "run finished", f"{trainer.global_step} steps{words}")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """The run is not; an interrupted one has been told to stop."""
        is_told = isinstance(exception, KeyboardInterrupt | SystemExit)
        message = f"step {trainer.global_step}: {type(exception).__name__}: {str(exception)[:1000]}"
        title, level = ("run interrupted", "WARN") if is_told else ("run failed", "ERROR")
        _alert(trainer, title, message, level=level)


def _alert(trainer: pl.Trainer, title: str, text: str, *, level: Any = "INFO") -> None:
    for logger in trainer.loggers if trainer.is_global_zero else []:
        if isinstance(logger, WandbLog):
            logger.alert(title, text, level=level)
