"""Answers -> scores -> the content of `metrics.json`."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from emolightning.labels import vocabulary
from emolightning.metrics.classification import (
    bootstrap_intervals,
    confusion_matrix,
    per_class,
    scores,
)
from emolightning.parsing import read_label
from emolightning.records import Answer, Clip, Score
from emolightning.scores import DEFINITIONS, PER_CLASS

UNREADABLE = "(unreadable)"
"""Name of the last column of the confusion matrix."""


class Scoring(Protocol):
    """What turns answers into scores; chosen by the config group `scoring`."""

    def truth(self, clip: Clip) -> str | None:
        """What an answer about the clip is compared with, as text: a label, a list `[a, b]`, or a description."""
        ...

    def score(self, answer: Answer) -> Score:
        """What can be read from one answer alone, at once and without any other: for its line in `answers.jsonl`."""
        ...

    def report(self, answers: Sequence[Answer], *, benchmark: str, split: str) -> dict[str, Any]:
        """The content of `metrics.json` for one answer per clip, each with its truth."""
        ...


class Classification:
    """`scoring=classification`: one label of a vocabulary.

    Args:
        labels: the vocabulary, by name or spelt out, in the order of the confusion matrix.
    """

    def __init__(self, *, labels: str | Sequence[str]):
        self.labels = vocabulary(labels)

    def truth(self, clip: Clip) -> str | None:
        """The label of the clip."""
        return clip.label

    def score(self, answer: Answer) -> Score:
        """The label that the answer names, or the reason there is none."""
        return score_answer(answer, self.labels)

    def report(self, answers: Sequence[Answer], *, benchmark: str, split: str) -> dict[str, Any]:
        """Scores with intervals, scores per class, and the confusion matrix."""
        return metrics_report(answers, self.labels, benchmark=benchmark, split=split)


def score_answer(answer: Answer, labels: Sequence[str]) -> Score:
    """Read the label of one answer."""
    reading = read_label(answer.text, labels)
    return Score(answer.clip_id, reading.label, reading.unscored_because, answer.text, reading.alias)


def metrics_report(answers: Sequence[Answer], labels: Sequence[str], *, benchmark: str, split: str) -> dict[str, Any]:
    """The content of `metrics.json`: every headline value counts unreadable answers as wrong.

    Args:
        answers: one per clip, each with its truth.
        labels: the vocabulary.
        benchmark: name of the dataset.
        split: what was evaluated.

    Raises:
        ValueError: no answers, or a clip twice.
    """
    if not answers or len({answer.clip_id for answer in answers}) != len(answers):
        raise ValueError(f"Expected one answer for each clip, but got {len(answers)} with repeats or none.")
    scored = [score_answer(answer, labels) for answer in answers]
    counts = _counts(answers, scored, labels)
    values, intervals = scores(counts), bootstrap_intervals(counts)
    readable = _without_unreadable(counts)
    return {
        "benchmark": benchmark,
        "split": split,
        "num_clips": len(answers),
        "num_scored": sum(score.value is not None for score in scored),
        "unscored": dict(Counter(score.unscored_because for score in scored if score.value is None)),
        "aliases": dict(Counter(score.alias for score in scored if score.alias)),
        "metrics": {
            name: {
                "value": float(values[name]),
                "ci95": list(intervals[name]),
                "definition": DEFINITIONS[name],
                "value_without_unreadable": float(readable[name]),
            }
            for name in DEFINITIONS
        },
        "per_class": _per_class_rows(counts, labels),
        "confusion_matrix": {"labels": [*labels, UNREADABLE], "counts": counts.tolist()},
    }


def _counts(answers: Sequence[Answer], scored: Sequence[Score], labels: Sequence[str]) -> np.ndarray:
    position = {label: index for index, label in enumerate(labels)}
    truths = [position[str(answer.truth)] for answer in answers]
    predictions = [len(labels) if score.value is None else position[score.value] for score in scored]
    return confusion_matrix(truths, predictions, len(labels))


def _without_unreadable(counts: np.ndarray) -> dict[str, np.ndarray]:
    kept = counts.copy()
    kept[:, -1] = 0
    return scores(kept)


def _per_class_rows(counts: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, float | int]]:
    columns = per_class(counts)
    return {
        label: {
            **{name: float(columns[name][index]) for name in PER_CLASS},
            "support": int(columns["support"][index]),
        }
        for index, label in enumerate(labels)
    }
