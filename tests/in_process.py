"""Training and evaluation of a composed configuration, in this process."""

from typing import Any

from omegaconf import DictConfig

from emolightning.runs import evaluate as evaluation_run
from emolightning.runs import train as training_run
from emolightning.runs.assembly import evaluation, training


def fit(cfg: DictConfig) -> None:
    """What `train.py` does behind the check of its configuration."""
    if (run := training(cfg)) is not None:
        training_run.fit(run)


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """What `eval.py` does behind the check of its configuration."""
    return evaluation_run.evaluate(evaluation(cfg))
