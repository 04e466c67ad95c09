"""A table of what learns and what is frozen, printed and logged when training starts."""

import pytorch_lightning as pl
from rich.console import Console
from rich.table import Table

from emolightning.models.parts.parameters import Part, parts
from emolightning.training.learner import EmotionLearner
from emolightning.training.loggers.tracking import WandbLog

COLUMNS = ("part", "state", "all", "trained", "dtype")


class TrainableParameters(pl.Callback):
    """Prints one row per part of the model, and logs the W&B table `trained_parameters`."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: EmotionLearner) -> None:  # type: ignore[override]
        """On the first rank."""
        if not trainer.is_global_zero:
            return
        rows = parts(pl_module.model)
        Console().print(parameter_table(rows))
        data = [[row.name, row.state, row.total, row.trained, row.dtype] for row in rows]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLog):
                logger.log_table("trained_parameters", columns=list(COLUMNS), data=data)


def parameter_table(rows: list[Part]) -> Table:
    """Part, state, numbers of parameters, dtype; with totals."""
    table = Table("part", "state", title="Parameters")
    table.add_column("all", justify="right")
    table.add_column("trained", justify="right")
    table.add_column("dtype")
    for part in rows:
        table.add_row(part.name, part.state, f"{part.total:,}", f"{part.trained:,}", part.dtype)
    total, trained = sum(part.total for part in rows), sum(part.trained for part in rows)
    table.add_section()
    table.add_row("total", f"{trained / total:.2%} trained", f"{total:,}", f"{trained:,}", "")
    return table
