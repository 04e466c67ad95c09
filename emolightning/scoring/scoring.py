"""What every kind of scoring does: answers -> the content of `metrics.json`; and the one for labels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.labels import vocabulary
from emolightning.records.score_names import DEFINITIONS, PER_CLASS
from emolightning.scoring.aliases import DEFAULT, NONE, alias_table
from emolightning.scoring.metrics.classification import (
    alphabetical,
    bootstrap_intervals,
    confusion_matrix,
    exact_intervals,
    exact_per_class,
    per_class,
    scores,
)
from emolightning.scoring.metrics.intervals import interval_entry
from emolightning.scoring.reading import AnswerList, LabelReader, Parser, Reading

UNREADABLE = "(unreadable)"
"""Name of the last column of the confusion matrix."""

NO_ANSWER = "no answer for the clip"
NO_TRUTH = "no label to compare with"


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
        parser: `words` finds the one label that the answer names; for `strict` the whole answer must be a label;
            `upstream` is the released code's: the last word, else neutral.
        aliases: other words for a label: `default` (inflections and nouns), `none`, or a CSV file with columns alias
            and label.
        answer_list: `whole` reads the answer as one text; of a comma-separated list `first` reads the first entry and
            `first_valid` the first that names a label.

    Raises:
        UserError: an unknown vocabulary, a wrong file of aliases.
    """

    def __init__(
        self,
        *,
        labels: str | Sequence[str],
        parser: Parser = "words",
        aliases: str = DEFAULT,
        answer_list: AnswerList = "whole",
    ):
        self.labels = vocabulary(labels)
        table = alias_table(aliases, self.labels, parser)
        self.aliases = Path(aliases).name if parser == "words" else NONE
        self.reader = LabelReader(self.labels, parser=parser, aliases=table, answer_list=answer_list)

    def truth(self, clip: Clip) -> str | None:
        """The label of the clip."""
        return clip.label

    def score(self, answer: Answer) -> Score:
        """The label that the answer names, or the reason there is none."""
        reading = self._read(answer)
        return Score(answer.clip_id, reading.label, reading.unscored_because, answer.text, reading.alias)

    def report(self, answers: Sequence[Answer], *, benchmark: str, split: str) -> dict[str, Any]:
        """The content of `metrics.json`: every headline value counts unreadable answers as wrong.

        Args:
            answers: one per clip, with a label of the vocabulary as truth; those without truth are left out and
                counted.
            benchmark: name of the dataset.
            split: what was evaluated.

        Raises:
            ValueError: no answers, a clip twice, or no truth at all.
            InputErrors: truths that are not in the vocabulary.
        """
        if not answers or len({answer.clip_id for answer in answers}) != len(answers):
            raise ValueError(f"Expected one answer for each clip, but got {len(answers)} with repeats or none.")
        compared = self._comparable(answers)
        readings = [self._read(answer) for answer in compared]
        counts = confusion_matrix(*self._classes(compared, readings), len(self.labels))
        unscored = Counter(str(reading.unscored_because) for reading in readings if reading.label is None)
        if len(compared) < len(answers):
            unscored[NO_TRUTH] = len(answers) - len(compared)
        return {
            "benchmark": benchmark,
            "split": split,
            "num_clips": len(answers),
            "num_scored": sum(reading.label is not None for reading in readings),
            "unscored": dict(unscored),
            "aliases": dict(Counter(reading.alias for reading in readings if reading.alias)),
            "reading": self._how_read(readings),
            "metrics": _metrics(counts, self.labels),
            "per_class": per_class_rows(counts, self.labels),
            "confusion_matrix": {"labels": [*self.labels, UNREADABLE], "counts": counts.tolist()},
        }

    def classes(self, answers: Sequence[Answer]) -> tuple[np.ndarray, np.ndarray]:
        """Class indices of truths and of readings, int64 (clips,); `len(labels)` for an unreadable answer."""
        return self._classes(answers, [self._read(answer) for answer in answers])

    def _comparable(self, answers: Sequence[Answer]) -> list[Answer]:
        """Those with a truth, all of them labels."""
        compared = [answer for answer in answers if answer.truth is not None]
        if not compared:
            raise ValueError(f"Expected answers with a truth, but none of {len(answers)} has one.")
        wrong = Counter(str(answer.truth) for answer in compared if answer.truth not in self.labels)
        if wrong:
            problems = [f"{count} clips have the label {label!r}" for label, count in wrong.items()]
            raise InputErrors(f"scoring.labels={list(self.labels)}: lacks labels of the clips", problems)
        return compared

    def _how_read(self, readings: Sequence[Reading]) -> dict[str, Any]:
        return {
            "parser": self.reader.parser,
            "aliases": self.aliases,
            "answer_list": self.reader.answer_list,
            "made_neutral": sum(reading.is_default for reading in readings),
        }

    def _read(self, answer: Answer) -> Reading:
        return Reading(None, NO_ANSWER) if answer.is_missing else self.reader.read(answer.text)

    def _classes(self, answers: Sequence[Answer], readings: Sequence[Reading]) -> tuple[np.ndarray, np.ndarray]:
        position: dict[str | None, int] = {label: index for index, label in enumerate(self.labels)}
        truths = np.array([position[answer.truth] for answer in answers])
        return truths, np.array([position.get(reading.label, len(self.labels)) for reading in readings])


def _metrics(counts: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Each score with unreadable answers as wrong, its interval, and a second value that leaves them out."""
    readable = counts.copy()
    readable[:, -1] = 0
    values, without = scores(counts), scores(readable)
    intervals = bootstrap_intervals(alphabetical(counts, labels))
    exact = exact_intervals(counts)
    return {
        name: {
            "value": float(values[name]),
            **interval_entry(intervals[name], exact[name]),
            "definition": DEFINITIONS[name],
            "value_without_unreadable": float(without[name]),
        }
        for name in DEFINITIONS
    }


def per_class_rows(counts: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Precision, recall and F1 of each label with exact binomial intervals, and its number of clips."""
    columns, (low, high) = per_class(counts), exact_per_class(counts)
    return {
        label: {
            **{name: float(columns[name][index]) for name in PER_CLASS},
            "support": int(columns["support"][index]),
            "ci95": {name: [float(low[name][index]), float(high[name][index])] for name in PER_CLASS},
        }
        for index, label in enumerate(labels)
    }
