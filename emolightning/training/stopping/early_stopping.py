"""An end before the end, when the score that picks the checkpoint has not improved for long."""

from typing import Any

import pytorch_lightning as pl

from emolightning.training.plan import WAITED_FOR_WITHOUT_PLAN, Plan


class EarlyStopping(pl.callbacks.EarlyStopping):
    """Lightning's, looking after each validation, with a patience that follows from the length of the run.

    Args:
        monitor: a logged score, e.g. `val/weighted_f1`.
        mode: `max` or `min`.
        patience: validations without improvement; None is half of the run's, at least 3.
        min_delta: what counts as an improvement.
        stopping_threshold: the score that is enough.
        divergence_threshold: the score that is hopeless.
    """

    def __init__(
        self,
        *,
        monitor: str,
        mode: str = "max",
        patience: int | None = None,
        min_delta: float = 0.0,
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
    ):
        super().__init__(
            monitor,
            mode=mode,
            min_delta=min_delta,
            stopping_threshold=stopping_threshold,
            divergence_threshold=divergence_threshold,
            patience=WAITED_FOR_WITHOUT_PLAN if patience is None else patience,
            check_on_train_epoch_end=False,
        )
        self._follows_plan = patience is None
        self.reason: str | None = None
        """Why the run has ended early."""

    def follow(self, plan: Plan) -> str:
        """Take the patience from the plan, unless one was given; a sentence about when the run may end."""
        if self._follows_plan:
            self.patience = plan.patience()
        if plan.validations is not None and plan.validations <= self.patience:
            return f"early stopping: never, with a patience of {self.patience} and {plan.validations} in the whole run"
        return f"early stopping: after {self.patience} in a row without a better {self.monitor}"

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting where the checkpoint was, with the patience of this run: it was said at the start."""
        patience = self.patience
        super().load_state_dict(state_dict)
        self.patience = patience

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look, and note the reason."""
        was_told = trainer.should_stop
        super().on_validation_end(trainer, pl_module)
        if not trainer.should_stop or was_told:
            return
        validations = f"{self.wait_count} validation{'s' * (self.wait_count > 1)}"
        self.reason = f"{self.monitor} was not better than {float(self.best_score):.4f} in {validations}"
        if self.wait_count < self.patience:
            self.reason = f"{self.monitor} is {float(trainer.callback_metrics[self.monitor]):.4f}"
