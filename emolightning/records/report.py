"""What comes of scoring: the content of `metrics.json`, and the plain numbers of a validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Section = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `metrics.json` holds, in this order; a section that is None is not written."""

    benchmark: str
    split: str
    num_clips: int
    num_scored: int
    unscored: Mapping[str, int]
    """Reason -> number of clips without a score."""
    aliases: Mapping[str, int] | None = None
    """Word that stood for a label -> number of answers."""
    reading: Section | None = None
    """How labels were read from answers."""
    num_folds: int | None = None
    metrics: Mapping[str, Section]
    """Score -> its value, interval and definition."""
    sampling: Section | None = None
    """What was sampled independently, how many of it, and the difference that two systems must have."""
    per_class: Mapping[str, Section] | None = None
    confusion_matrix: Section | None = None
    """`labels`, and `counts` with the truth as rows."""
    slices: Section | None = None
    """Right answers by attributes of clips, see `emolightning.scoring.slices`."""
    likelihood: Section | None = None
    """Scores of the likeliest labels, their agreement with the generated ones, and calibration."""
    ranking: Section | None = None
    """How well probabilities order clips, of each of several labels a clip."""
    open_vocabulary: Section | None = None
    judge: Section | None = None
    text: Section | None = None
    """Scores of texts against texts."""
    clips: list[dict[str, Any]] | None = None
    """What a judge said of each clip."""
    valence: Section | None = None
    arousal: Section | None = None
    sentiment: Section | None = None
    annotators: Section | None = None
    """How far people agree who judged the clips, what they reach, and how many an answer has on its side."""
    evaluation: Section | None = None
    """Everything that the answers depend on."""
    data: Section | None = None
    model: Section | None = None
    num_skipped: int | None = None
    skipped: Mapping[str, int] | None = None
    skipped_clips: list[dict[str, Any]] | None = None
    warnings: list[str] | None = None
    """What makes the scores worth doubting."""

    def content(self) -> dict[str, Any]:
        """The sections that there are, as plain values."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}


@dataclass(frozen=True)
class Summary:
    """The scores of a validation, without intervals and definitions."""

    values: Mapping[str, float] = field(default_factory=dict)
    """Score -> value; empty where no clip can be compared with anything."""
    confusion_matrix: Section | None = None
    """As in a report."""
