"""A run, assembled: everything that training or evaluating it needs, and no configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytorch_lightning as pl

from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.runs.answer_writer import AnswerWriter
from emolightning.runs.estimate.load import Load
from emolightning.runs.likelihood import ValidationAnswers
from emolightning.scoring.sampling import BY_CLIP, Sampling
from emolightning.scoring.scoring import Scoring
from emolightning.scoring.slices import Attribute
from emolightning.training.learner import EmotionLearner
from emolightning.training.plan import Plan


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside what its objects say."""

    rank: int
    """Rank of this process; 0 for the ranks that Lightning starts later."""
    load: Load
    """What it asks of the machine."""
    config: Mapping[str, Any]
    """All settings, resolved: what `config.yaml` holds and loggers get."""

    @property
    def output_dir(self) -> Path:
        """The run folder."""
        return self.load.output_dir


@dataclass(frozen=True)
class TrainingFacts(Facts):
    """The same of a training."""

    plan: Plan
    """How long it will be."""
    parts: Mapping[str, str]
    """Part of the model -> how it trains."""
    monitor: str
    """The score that picks the best checkpoint."""
    resume_from: Path | None = None
    """A checkpoint of this run."""
    initial: Path | None = None
    """Weights of an earlier one."""


@dataclass(frozen=True)
class EvaluationFacts(Facts):
    """The same of an evaluation."""

    checkpoint: str | None
    """What was named: a run folder, a checkpoint file or an adapter folder; None for a model that runs elsewhere."""
    weights: Path | None
    """The file or folder of its weights."""
    split: str
    """The clips that are answered."""
    writer: AnswerWriter
    """The one of the trainer's callbacks that writes answers."""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """Labels, offered labels, frame and dataset of the run that the weights are from."""
    sampling_seed: int | None = None
    """None where nothing is drawn."""
    sampling: Sampling = BY_CLIP
    """Which clips were sampled independently, for intervals."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """What clips are told apart by, in their order."""
    validation: ValidationAnswers | None = None
    """What temperature and thresholds are fitted on."""


Known = TypeVar("Known", bound=Facts)


@dataclass(frozen=True)
class Run(Generic[Known]):
    """The objects of a run."""

    data: ClipDataModule
    """The clips, read; frames as they are, for no tower has seen them."""
    make_learner: Callable[[], EmotionLearner]
    """Loads the weights; called once, when everything else is known to be in order."""
    trainer: pl.Trainer
    scoring: Scoring
    facts: Known
