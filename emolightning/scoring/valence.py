"""Predicted and true valence beside the labels: MER2023's squared error and combined score, added to a report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report
from emolightning.records.score_names import (
    COMBINED,
    VALENCE_CCC,
    VALENCE_DEFINITIONS,
    VALENCE_MAE,
    VALENCE_MISSING,
    VALENCE_MSE,
    VALENCE_PEARSON,
)
from emolightning.scoring.classification import class_indices
from emolightning.scoring.metrics.intervals import interval_entry, percentile_interval, same_value_interval
from emolightning.scoring.metrics.resampling import affordable
from emolightning.scoring.metrics.valence import (
    HIGH,
    LARGEST,
    LOW,
    MISSING,
    bootstrap_samples,
    combined,
    mean_squared_error,
    sums_of,
    valence_scores,
    worst_guesses,
)
from emolightning.scoring.predictions import Predictions, some
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section

Missing = Literal["error", "worst", "exclude"]
RANGES = {
    VALENCE_MSE: (0.0, LARGEST),
    VALENCE_MAE: (0.0, HIGH - LOW),
    VALENCE_CCC: (-1.0, 1.0),
    VALENCE_PEARSON: (-1.0, 1.0),
}
"""Score -> its lowest and highest value."""


def add_valence(
    report: Report,
    predictions: Predictions,
    scores: Sequence[Score],
    labels: Sequence[str],
    *,
    missing: Missing = "error",
    sampling: Sampling = BY_CLIP,
) -> Report:
    """The report with the scores of valence, and what was counted.

    Args:
        report: of the labels.
        predictions: with valence, and labels as truths.
        scores: of the answers.
        labels: the vocabulary.
        missing: clips with a true valence and no predicted one are an `error`, count as the `worst` prediction that
            the scale allows, or are left out: `exclude`.
        sampling: what was sampled independently, for intervals.

    Raises:
        InputErrors: values that are no numbers, true ones off the scale, missing ones, or no clip with both.
    """
    predicted, true = _predicted_and_true(predictions)
    off_the_scale = int(((predicted < LOW) | (predicted > HIGH)).sum())
    absent = np.isnan(predicted) & ~np.isnan(true)
    if absent.any() and missing == "error":
        raise InputErrors(str(predictions.answers_file), [_refused(absent, predictions)])
    if missing == "worst":
        predicted = np.where(absent, worst_guesses(true), predicted)
    truths, answered = class_indices(predictions.answers, scores, labels)
    resampling = affordable(sampling.resampling(predictions.answers, truths), len(predicted))
    num_scored = int((~np.isnan(predicted - true)).sum())
    section = {
        "num_scored": num_scored,
        "missing_true": int(np.isnan(true).sum()),
        "missing_predicted": int(absent.sum()),
        "missing": missing,
        "predicted_off_the_scale": off_the_scale,
        "num_bootstrap_samples": resampling.num_samples,
    }
    found = {name: float(value) for name, value in valence_scores(sums_of(predicted, true).sum(axis=0)).items()}
    found[VALENCE_MSE] = mean_squared_error(predicted, true)
    exact = {
        name: same_value_interval(found[name], num_scored, lowest=low, highest=high)
        for name, (low, high) in RANGES.items()
    }
    draws = bootstrap_samples(truths, answered, (predicted, true), len(labels), resampling)
    num_units = resampling.num_units(len(predicted))
    samples = {name: percentile_interval(drawn, num_units=num_units) for name, drawn in draws.items()}
    added = _metrics(report.metrics["weighted_f1"], found, samples, exact, method=sampling.bootstrap())
    for metric in added.values():
        metric["definition"] += VALENCE_MISSING[missing]
    metrics = {**report.metrics, **added}
    about = sampling_section(metrics, report.sampling or {})
    return replace(report, metrics=metrics, sampling=about, valence=section)


def _predicted_and_true(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """float64 (clips,) twice, NaN for no value."""
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
    return predicted, true


def _refused(absent: np.ndarray, predictions: Predictions) -> str:
    """Which clips lack a prediction, and what may be made of them."""
    places = np.flatnonzero(absent)
    clips = some([predictions.answers[place].clip_id for place in places])
    return (
        f"{len(places)} of {len(absent)} clips have a true valence and no predicted one: {clips}; "
        "leaving clips out can only flatter, so give each a number, or say "
        "valence_missing=worst (each counts as the end of the scale that is farther away) or valence_missing=exclude "
        "(they are left out, and the report warns of it)"
    )


def _numbers(
    written: Sequence[str | None], answers: Sequence[Answer], lines: Sequence[int], *, has_ends: bool = False
) -> tuple[np.ndarray, list[str]]:
    """float64 (clips,), NaN for the missing code and for nothing; and what is wrong, by line.

    Args:
        written: the values as they are written.
        answers: of the same clips, for messages.
        lines: their lines in the file.
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


def _metrics(
    f1: Mapping[str, Any],
    found: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    exact: Mapping[str, tuple[float, float]],
    *,
    method: str,
) -> dict[str, dict[str, Any]]:
    """Entries of `metrics.json`; samples in which no clip has valence are left out.

    Args:
        f1: entry of the weighted F1.
        found: the scores of valence alone.
        intervals: of all scores, by resampling.
        exact: ends of those of valence where all samples have the same value.
        method: what the resampling is called.
    """
    low, high = f1["ci95"]
    mse, (least, most) = found[VALENCE_MSE], exact[VALENCE_MSE]
    exact_ends = {**exact, COMBINED: (combined(low, most), combined(high, least))}
    values = {name: (value, value) for name, value in found.items()}
    values[COMBINED] = combined(f1["value"], mse), combined(f1["value_without_unreadable"], mse)
    return {
        name: {
            "value": values[name][0],
            **interval_entry(intervals[name], exact_ends[name], method=method),
            "definition": definition,
            "value_without_unreadable": values[name][1],
        }
        for name, definition in VALENCE_DEFINITIONS.items()
    }
