"""Training and evaluation of a composed configuration, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from omegaconf import DictConfig

from emolightning.runs import evaluate as evaluation_run
from emolightning.runs import train as training_run
from emolightning.runs.assembly import evaluation, training
from emolightning.training.learner import EmotionLearner


def fit(cfg: DictConfig) -> None:
    """What `train.py` does behind the check of its configuration."""
    if (run := training(cfg)) is not None:
        training_run.fit(run)


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """What `eval.py` does behind the check of its configuration."""
    return evaluation_run.evaluate(evaluation(cfg))


@contextmanager
def broken_at(number: int) -> Iterator[None]:
    """A training that is run in here breaks off before that step."""
    step = EmotionLearner.training_step

    def breaks(self: EmotionLearner, *given: Any) -> Any:
        if self.global_step == number:
            raise RuntimeError("the power failed")
        return step(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmotionLearner, "training_step", breaks)
        with pytest.raises(RuntimeError, match="the power failed"):
            yield
