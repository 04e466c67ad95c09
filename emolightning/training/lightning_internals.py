"""Everything that this project uses of Lightning and that Lightning does not promise: attributes with an underscore.

`pyproject.toml` bounds Lightning's version from above for their sake; the tests of resumed and interrupted runs fail
where one of them changes its meaning.
"""

from typing import Any


def started_ranks(trainer: Any) -> list[Any]:
    """The other ranks that this process started, as `subprocess.Popen`."""
    return getattr(trainer.strategy.launcher, "procs", [])


def unwatch_started_ranks(trainer: Any) -> None:
    """Lightning looks at them every 5 s and kills this process, which has things to finish, when one has ended.

    Args:
        trainer: Lightning's.
    """
    watched = started_ranks(trainer)
    if watched:
        trainer.strategy.launcher.procs = watched.copy()
        watched.clear()  # The observer's list.


def leave_signals_alone(trainer: Any) -> None:
    """Lightning's handlers wait for the other ranks inside of a handler, for ever when one alone is told."""
    trainer._signal_connector.register_signal_handlers = lambda: None


def logged_step(trainer: Any) -> int:
    """The step under which Lightning logs what belongs to the present batch."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def accumulates(trainer: Any) -> bool:
    """Whether no optimizer step follows the present batch."""
    return trainer.fit_loop._should_accumulate()


def is_validation_next(trainer: Any) -> bool:
    """Whether a validation follows the present batch."""
    fetcher = trainer.fit_loop._data_fetcher
    assert fetcher is not None
    return trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


def coming_metrics(trainer: Any) -> dict[str, float]:
    """What Lightning will log of the step that ends now; empty where it logs nothing."""
    connector = trainer._logger_connector
    metrics = connector.metrics["log"] if connector.should_update_logs else {}
    return {name: float(value) for name, value in metrics.items()}


def may_be_logged(trainer: Any) -> bool:
    """Whether Lightning may log the present step: one of `log_every_n_steps`, or one at which a timer ends the run."""
    from pytorch_lightning.callbacks import Timer

    # Each of them may: the time is known to be over only after the step, when the loss is read no more.
    has_timer = any(isinstance(callback, Timer) for callback in trainer.callbacks)
    return trainer._logger_connector.should_update_logs or has_timer or bool(trainer.fast_dev_run)


def log_step(trainer: Any) -> None:
    """Write a step's row at once: Lightning does it after the hook in which a run may leave."""
    trainer._logger_connector.on_batch_end()
    trainer._logger_connector.update_train_step_metrics()
