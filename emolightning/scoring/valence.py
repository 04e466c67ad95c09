"""Predicted and true valence beside the labels: MER2023's squared error and combined score, added to a report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report
from emolightning.records.score_names import COMBINED, VALENCE_DEFINITIONS, VALENCE_MISSING, VALENCE_MSE
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
    worst_guesses,
)
from emolightning.scoring.predictions import Predictions
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section

Missing = Literal["error", "worst", "exclude"]
SHOWN = 5
"""Clips that a message about many of them names."""


def add_valence(
    report: Report,
    predictions: Predictions,
    scores: Sequence[Score],
    labels: Sequence[str],
    *,
    missing: Missing = "error",
    sampling: Sampling = BY_CLIP,
) -> Report:
    """The report with two more metrics, and what was counted.

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
    mse = mean_squared_error(predicted, true)
    draws = bootstrap_samples(truths, answered, (predicted - true) ** 2, len(labels), resampling)
    exact = same_value_interval(mse, num_scored, lowest=0.0, highest=LARGEST)
    num_units = resampling.num_units(len(predicted))
    samples = {
        name: percentile_interval(drawn, num_units=num_units)
        for name, drawn in zip(VALENCE_DEFINITIONS, draws, strict=True)
    }
    added = _metrics(report.metrics["weighted_f1"], mse, samples, exact, method=sampling.bootstrap())
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
    clips = ", ".join(repr(predictions.answers[place].clip_id) for place in places[:SHOWN])
    return (
        f"{len(places)} of {len(absent)} clips have a true valence and no predicted one: {clips}"
        f"{', ...' if len(places) > SHOWN else ''}; leaving clips out can only flatter, so give each a number, or say "
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
    mse: float,
    intervals: Mapping[str, tuple[float, float]],
    exact: tuple[float, float],
    *,
    method: str,
) -> dict[str, dict[str, Any]]:
    """Entries of `metrics.json`; samples in which no clip has valence are left out.

    Args:
        f1: entry of the weighted F1.
        mse: the squared error.
        intervals: of both scores, by resampling.
        exact: ends of the error where all clips have the same one.
        method: what the resampling is called.
    """
    low, high = f1["ci95"]
    exact_ends = {VALENCE_MSE: exact, COMBINED: (combined(low, exact[1]), combined(high, exact[0]))}
    values = {
        VALENCE_MSE: (mse, mse),
        COMBINED: (combined(f1["value"], mse), combined(f1["value_without_unreadable"], mse)),
    }
    return {
        name: {
            "value": value,
            **interval_entry(intervals[name], exact_ends[name], method=method),
            "definition": VALENCE_DEFINITIONS[name],
            "value_without_unreadable": without,
        }
        for name, (value, without) in values.items()
    }
