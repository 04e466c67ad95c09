"""Predicted and true valence beside the labels: MER2023's squared error and combined score, added to a report."""

from collections.abc import Sequence
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
from emolightning.scores import COMBINED, VALENCE_DEFINITIONS, VALENCE_MSE

NUM_SAMPLES, SEED = 10_000, 0


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
    problems: list[str] = []
    written, true_written = predictions.valence
    predicted = _numbers(written, predictions, "predicted", problems)
    true = _numbers(true_written, predictions, "true", problems)
    if problems:
        raise InputErrors("valence", problems)
    if np.isnan(predicted - true).all():
        raise InputErrors("valence", [f"no clip has a predicted and a true value ({MISSING:g} and empty are none)"])
    section = {
        "num_scored": int((~np.isnan(predicted - true)).sum()),
        "missing_true": int(np.isnan(true).sum()),
        "missing_predicted": int(np.isnan(predicted).sum()),
        "predicted_off_the_scale": int(((predicted < LOW) | (predicted > HIGH)).sum()),
    }
    metrics = {**report["metrics"], **_metrics(report, predictions, scoring, predicted, true)}
    return {**report, "metrics": metrics, "valence": section}


def _numbers(written: Sequence[str | None], predictions: Predictions, whose: str, problems: list[str]) -> np.ndarray:
    """float64 (clips,); NaN for the missing code and for nothing."""
    values = np.full(len(written), np.nan)
    for place, (text, answer) in enumerate(zip(written, predictions.answers, strict=True)):
        if text is None or not text.strip():
            continue
        value = _number(text)
        if value is None or not np.isfinite(value):
            problems.append(f"{answer.clip_id!r}: {whose} valence {text[:40]!r} is not a number")
        elif value == MISSING:
            continue
        elif whose == "true" and not LOW <= value <= HIGH:
            problems.append(
                f"{answer.clip_id!r}: true valence {text} is not between {LOW:g} and {HIGH:g}, nor {MISSING:g} for none"
            )
        else:
            values[place] = value
    return values


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _metrics(
    report: dict[str, Any],
    predictions: Predictions,
    scoring: Classification,
    predicted: np.ndarray,
    true: np.ndarray,
) -> dict[str, dict[str, Any]]:
    mse = mean_squared_error(predicted, true)
    truths, answered = scoring.classes(predictions.answers)
    draws = bootstrap_samples(
        truths, answered, (predicted - true) ** 2, len(scoring.labels), num_samples=NUM_SAMPLES, seed=SEED
    )
    f1 = report["metrics"]["weighted_f1"]
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
