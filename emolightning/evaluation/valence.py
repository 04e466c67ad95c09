"""Predicted and true valence beside the labels: MER2023's squared error and combined score, added to a report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emolightning.errors import InputErrors
from emolightning.evaluation.predictions import Predictions
from emolightning.evaluation.scoring import Classification
from emolightning.metrics.classification import interval
from emolightning.metrics.valence import (
    HIGH,
    LOW,
    MISSING,
    bootstrap_samples,
    combined,
    mean_squared_error,
)
from emolightning.records import Answer
from emolightning.scores import COMBINED, VALENCE_DEFINITIONS, VALENCE_MSE

NUM_SAMPLES, LEAST_SAMPLES, SEED = 10_000, 1_000, 0
MOST_DRAWS = 1_000_000_000
"""Clips drawn over all samples: of more than 100,000 clips fewer samples are drawn, a minute's worth."""


def add_valence(report: dict[str, Any], predictions: Predictions, scoring: Classification) -> dict[str, Any]:
    """The report with two more metrics, and what was counted.

    Args:
        report: of the labels.
        predictions: with valence, and labels as truths.
        scoring: that made the report.

    Raises:
        InputErrors: values that are no numbers, true ones off the scale, or no clip with both.
    """
    assert predictions.valence is not None
    written, true_written = predictions.valence
    predicted, problems = _numbers(written, predictions.answers, predictions.answer_lines)
    if problems:
        raise InputErrors(str(predictions.answers_file), problems)
    true, problems = _numbers(true_written, predictions.answers, predictions.truth_lines, has_ends=True)
    if problems:
        raise InputErrors(str(predictions.truth_file), problems)
    if np.isnan(predicted - true).all():
        about = f"no clip has a predicted and a true valence ({MISSING:g} and empty are none)"
        raise InputErrors(str(predictions.answers_file), [about])
    num_samples = max(LEAST_SAMPLES, min(NUM_SAMPLES, MOST_DRAWS // len(predicted)))
    section = {
        "num_scored": int((~np.isnan(predicted - true)).sum()),
        "missing_true": int(np.isnan(true).sum()),
        "missing_predicted": int(np.isnan(predicted).sum()),
        "predicted_off_the_scale": int(((predicted < LOW) | (predicted > HIGH)).sum()),
        "num_bootstrap_samples": num_samples,
    }
    mse = mean_squared_error(predicted, true)
    truths, answered = scoring.classes(predictions.answers)
    draws = bootstrap_samples(
        truths, answered, (predicted - true) ** 2, len(scoring.labels), num_samples=num_samples, seed=SEED
    )
    metrics = {**report["metrics"], **_metrics(report["metrics"]["weighted_f1"], mse, draws)}
    return {**report, "metrics": metrics, "valence": section}


def _numbers(
    written: Sequence[str | None], answers: Sequence[Answer], lines: Sequence[int], *, has_ends: bool = False
) -> tuple[np.ndarray, list[str]]:
    """float64 (clips,), NaN for the missing code and for nothing; and what is wrong, by line.

    Args:
        written: the values as they are written.
        answers: of the same clips, for messages.
        lines: where they stand.
        has_ends: values off the scale are refused; a system may well predict them.
    """
    values = np.full(len(written), np.nan)
    problems = []
    for place, text in enumerate(written):
        if text is None or not text.strip():
            continue
        value = _number(text)
        where = f"line {lines[place]}: valence {text[:40]!r} of {answers[place].clip_id!r}"
        if value is None or not np.isfinite(value):
            problems.append(f"{where} is not a number")
        elif value != MISSING and has_ends and not LOW <= value <= HIGH:
            problems.append(f"{where} is not between {LOW:g} and {HIGH:g}, nor {MISSING:g} for none")
        elif value != MISSING:
            values[place] = value
    return values, problems


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _metrics(f1: Mapping[str, Any], mse: float, draws: tuple[np.ndarray, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Entries of `metrics.json`; samples in which no clip has valence are left out."""
    values = {
        VALENCE_MSE: (mse, mse),
        COMBINED: (combined(f1["value"], mse), combined(f1["value_without_unreadable"], mse)),
    }
    return {
        name: {
            "value": value,
            "ci95": list(interval(samples[~np.isnan(samples)])),
            "definition": VALENCE_DEFINITIONS[name],
            "value_without_unreadable": without,
        }
        for (name, (value, without)), samples in zip(values.items(), draws, strict=True)
    }
