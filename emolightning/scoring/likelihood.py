"""Labels by how likely they are as the whole answer: their scores, agreement with the generated ones, calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Score
from emolightning.records.report import Section
from emolightning.scoring.classification import Classification, class_indices
from emolightning.scoring.metrics.calibration import (
    SMALLEST,
    by_thresholds,
    calibration,
    fitted_temperature,
    fitted_thresholds,
    reliability,
    risk_coverage,
    softmax,
)
from emolightning.scoring.metrics.ranking import ranking
from emolightning.scoring.sampling import BY_CLIP, Sampling
from emolightning.scoring.scoring import Scoring

TUNED_FOR = "macro_f1"


@dataclass(frozen=True)
class Fitted:
    """What was fitted on validation clips."""

    temperature: float
    thresholds: np.ndarray
    """(labels,), of probabilities at this temperature."""
    num_clips: int


def labels_of(scoring: Scoring, labels: Sequence[str]) -> Classification:
    """The scoring, where it is of labels and of the same as the model's.

    Raises:
        UserError: it is not.
    """
    if not isinstance(scoring, Classification):
        raise UserError("evaluation=likelihood scores labels; say scoring=classification, or leave it out")
    if tuple(scoring.labels) != tuple(labels):
        raise UserError(
            f"evaluation=likelihood: the data have the labels {', '.join(labels)}, and scoring.labels has "
            f"{', '.join(scoring.labels)}; leave out scoring.labels"
        )
    return scoring


def fitted_on(answers: Sequence[Answer], labels: Sequence[str]) -> Fitted:
    """Temperature and thresholds of validation clips.

    Args:
        answers: with truths and probabilities.
        labels: the vocabulary, in its order.
    """
    logprobs, truths = _numbers(answers, labels)
    temperature = fitted_temperature(logprobs, truths)
    thresholds = fitted_thresholds(softmax(logprobs, temperature), truths, score=TUNED_FOR)
    return Fitted(temperature, thresholds, len(truths))


def likelihood_section(
    answers: Sequence[Answer],
    scores: Sequence[Score],
    scoring: Classification,
    *,
    sampling: Sampling = BY_CLIP,
    fitted: Fitted | None = None,
) -> dict[str, Any]:
    """Section `likelihood` of a report.

    Args:
        answers: with probabilities, some perhaps without truth.
        scores: what was read from the generated texts.
        scoring: of the labels.
        sampling: what was sampled independently.
        fitted: on other clips.
    """
    kept = [(answer, score) for answer, score in zip(answers, scores, strict=True) if answer.truth is not None]
    true, read = [answer for answer, _ in kept], [score.value for _, score in kept]
    logprobs, truths = _numbers(true, scoring.labels)
    probabilities = softmax(logprobs)
    said = probabilities.argmax(axis=1)
    section = {
        "num_clips": len(true),
        "metrics": _metrics(true, said, scoring, sampling),
        "agreement": _agreement([scoring.labels[index] for index in said], read),
        "calibration": calibration(probabilities, truths),
        "reliability": reliability(probabilities, truths),
        "risk_coverage": risk_coverage(probabilities, truths),
        "ranking": ranking(probabilities, truths, tuple(scoring.labels), sampling.clusters(true)),
    }
    if fitted is None:
        return section
    mended = softmax(logprobs, fitted.temperature)
    return section | {
        "fitted": {
            "num_clips": fitted.num_clips,
            "temperature": fitted.temperature,
            "calibration": calibration(mended, truths),
            "reliability": reliability(mended, truths),
            "thresholds": dict(zip(scoring.labels, fitted.thresholds.tolist(), strict=True)),
            "tuned_for": TUNED_FOR,
            "metrics": _metrics(true, by_thresholds(mended, fitted.thresholds), scoring, sampling),
        }
    }


def _numbers(answers: Sequence[Answer], labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of probabilities (clips, labels), and true classes (clips,)."""
    truths, _ = class_indices(answers, [Score(answer.clip_id, None, "", "") for answer in answers], labels)
    chances = [[(answer.probabilities or {}).get(label, 0.0) for label in labels] for answer in answers]
    return np.log(np.maximum(np.array(chances), SMALLEST)), truths


def _metrics(
    answers: Sequence[Answer], said: np.ndarray, scoring: Classification, sampling: Sampling
) -> Mapping[str, Section]:
    """Scores with intervals, as those of generated answers are computed."""
    labels = [scoring.labels[index] for index in said]
    texts = [replace(answer, text=label, is_missing=False) for answer, label in zip(answers, labels, strict=True)]
    scores = [Score(answer.clip_id, answer.text, None, answer.text) for answer in texts]
    return scoring.report(texts, scores, benchmark="", split="", sampling=sampling).metrics


def _agreement(likeliest: Sequence[str], read: Sequence[str | None]) -> dict[str, Any]:
    """How often the likeliest label is the generated one; unreadable answers agree with none."""
    same = [one == other for one, other in zip(likeliest, read, strict=True)]
    return {"share": sum(same) / len(same), "num_different": len(same) - sum(same), "unread": read.count(None)}
