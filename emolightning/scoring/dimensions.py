"""Predicted and true valence or arousal beside the labels: errors, correlations, MER2023's combined score."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report
from emolightning.records.score_names import COMBINED, COMBINED_DEFINITION, MISSING_NUMBERS, OF_DIMENSION
from emolightning.scoring.classification import class_indices
from emolightning.scoring.metrics.dimensions import (
    HIGH,
    LOW,
    MISSING,
    bootstrap_samples,
    combined,
    mean_squared_error,
    number_ranges,
    number_scores,
    sums_of,
    worst_guesses,
)
from emolightning.scoring.metrics.intervals import interval_entry, percentile_interval, same_value_interval
from emolightning.scoring.metrics.resampling import affordable
from emolightning.scoring.predictions import Predictions, some
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section

Missing = Literal["error", "worst", "exclude"]
Scale = tuple[float, float]
"""Lowest and highest value."""

MER2023 = (LOW, HIGH)
"""The scale that the combined score is made for."""


def add_dimension(
    report: Report,
    predictions: Predictions,
    scores: Sequence[Score],
    labels: Sequence[str],
    *,
    name: str = "valence",
    scale: Scale = MER2023,
    missing: Missing = "error",
    sampling: Sampling = BY_CLIP,
) -> Report:
    """The report with the scores of valence or arousal, and what was counted.

    Args:
        report: of the labels.
        predictions: with these numbers, and labels as truths.
        scores: of the answers.
        labels: the vocabulary.
        name: `valence` or `arousal`.
        scale: of the true values. Valence on MER2023's has the combined score, too.
        missing: clips with a true value and no predicted one are an `error`, count as the `worst` prediction that
            the scale allows, or are left out: `exclude`.
        sampling: what was sampled independently, for intervals.

    Raises:
        InputErrors: values that are no numbers, true ones off the scale, missing ones, or no clip with both.
    """
    low, high = scale
    predicted, true = _predicted_and_true(predictions, name, scale)
    off_the_scale = int(((predicted < low) | (predicted > high)).sum())
    absent = np.isnan(predicted) & ~np.isnan(true)
    if absent.any() and missing == "error":
        raise InputErrors(str(predictions.answers_file), [_refused(absent, predictions, name)])
    if missing == "worst":
        predicted = np.where(absent, worst_guesses(true, low, high), predicted)
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
    found = {score: float(value) for score, value in number_scores(sums_of(predicted, true).sum(axis=0)).items()}
    found["mse"] = mean_squared_error(predicted, true)
    exact = {
        score: same_value_interval(found[score], num_scored, lowest=least, highest=most)
        for score, (least, most) in number_ranges(scale).items()
    }
    draws = bootstrap_samples(truths, answered, (predicted, true), len(labels), resampling)
    num_units = resampling.num_units(len(predicted))
    samples = {score: percentile_interval(drawn, num_units=num_units) for score, drawn in draws.items()}
    added = {
        f"{name}_{score}": {
            "value": found[score],
            **interval_entry(samples[score], exact[score], method=sampling.bootstrap()),
            "definition": about.format(name) + MISSING_NUMBERS[missing],
            "value_without_unreadable": found[score],
        }
        for score, about in OF_DIMENSION.items()
    }
    if name == "valence" and scale == MER2023:
        f1, ends = report.metrics["weighted_f1"], samples["combined"]
        entry = _combined(f1, found["mse"], ends, exact["mse"], method=sampling.bootstrap())
        added[COMBINED] = {**entry, "definition": COMBINED_DEFINITION + MISSING_NUMBERS[missing]}
    metrics = {**report.metrics, **added}
    about = sampling_section(metrics, report.sampling or {})
    sections: dict[str, Any] = {name: section}
    return replace(report, metrics=metrics, sampling=about, **sections)


def _predicted_and_true(predictions: Predictions, name: str, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """float64 (clips,) twice, NaN for no value."""
    written, true_written = predictions.dimensions[name]
    predicted, problems = _numbers(written, predictions.answers, predictions.answer_lines, name)
    if problems:
        raise InputErrors(str(predictions.answers_file), problems)
    true, problems = _numbers(true_written, predictions.answers, predictions.truth_lines, name, scale)
    if problems:
        raise InputErrors(str(predictions.truth_file), problems)
    if np.isnan(predicted - true).all():
        about = f"no clip has a predicted and a true {name} ({MISSING:g} and empty are none)"
        raise InputErrors(str(predictions.answers_file), [about])
    return predicted, true


def _refused(absent: np.ndarray, predictions: Predictions, name: str) -> str:
    """Which clips lack a prediction, and what may be made of them."""
    places = np.flatnonzero(absent)
    clips = some([predictions.answers[place].clip_id for place in places])
    return (
        f"{len(places)} of {len(absent)} clips have a true {name} and no predicted one: {clips}; "
        "leaving clips out can only flatter, so give each a number, or say "
        "valence_missing=worst (each counts as the end of the scale that is farther away) or valence_missing=exclude "
        "(they are left out, and the report warns of it)"
    )


def _numbers(
    written: Sequence[str | None],
    answers: Sequence[Answer],
    lines: Sequence[int],
    name: str,
    scale: Scale | None = None,
) -> tuple[np.ndarray, list[str]]:
    """float64 (clips,), NaN for the missing code and for nothing; and what is wrong, by line.

    Args:
        written: the values as they are written.
        answers: of the same clips, for messages.
        lines: their lines in the file.
        name: `valence` or `arousal`, for messages.
        scale: values off it are refused; a system may well predict them.
    """
    values = np.full(len(written), np.nan)
    problems = []
    for place, text in enumerate(written):
        if text is None or not text.strip():
            continue
        value = _number(text)
        where = f"line {lines[place]}: {name} {text[:40]!r} of {answers[place].clip_id!r}"
        if value is None or not np.isfinite(value):
            problems.append(f"{where} is not a number")
        elif value != MISSING and scale is not None and not scale[0] <= value <= scale[1]:
            span = f"is not between {scale[0]:g} and {scale[1]:g}, nor {MISSING:g} for none"
            problems.append(f"{where} {span}; {name}_scale=[LOW,HIGH] says what the scale is")
        elif value != MISSING:
            values[place] = value
    return values, problems


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _combined(f1: Mapping[str, Any], mse: float, ends: Scale, exact_mse: Scale, *, method: str) -> dict[str, Any]:
    """Value and interval of MER2023's combined score.

    Args:
        f1: entry of the weighted F1.
        mse: squared error of valence.
        ends: of the combined score, by resampling.
        exact_mse: ends of the squared error where all samples have the same value.
        method: what the resampling is called.
    """
    (low, high), (least, most) = f1["ci95"], exact_mse
    return {
        "value": combined(f1["value"], mse),
        **interval_entry(ends, (combined(low, most), combined(high, least)), method=method),
        "value_without_unreadable": combined(f1["value_without_unreadable"], mse),
    }
