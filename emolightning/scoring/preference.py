"""`scoring=preference`: which of two descriptions suits a clip better, as EmoPrefer and MER2026 score it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.classification import Classification, class_indices, interval_entries
from emolightning.scoring.metrics.classification import scores as scores_of
from emolightning.scoring.metrics.counted import Counted, counted
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import why_missing

FIRST, SECOND, SAME = "a1", "a2", "same"
CHOICES = (FIRST, SECOND, SAME)
EARLIEST = re.compile("|".join(CHOICES))

RULE = "over the pairs of which one is better; the answer same counts as a1, as officially"
TWO_CLASS_DEFINITIONS = {
    "two_class_weighted_f1": f"weighted F1 {RULE}",
    "two_class_war": f"share of pairs answered correctly, {RULE}",
}
"""Score of two classes -> what it is; without `two_class_` it is that of labels."""


def _own(name: str) -> str:
    """The score of labels that one of two classes is."""
    return name.removeprefix("two_class_")


class Preference(Classification):
    """One of `a1`, `a2` and `same`: the first of them that an answer names, else `same`, as the official code reads."""

    def __init__(self) -> None:
        super().__init__(labels=CHOICES, parser="strict")
        self._others = {}
        self.names = (*self.names, *TWO_CLASS_DEFINITIONS)

    def score(self, answer: Answer) -> Score:
        """The choice that an answer names first."""
        if answer.is_missing:
            return Score(answer.clip_id, None, why_missing(answer), answer.text)
        found = EARLIEST.search(answer.text.strip().lower())
        if found is None:
            return Score(answer.clip_id, SAME, None, answer.text, read_from="names none of the three: same")
        return Score(answer.clip_id, found.group(), None, answer.text, read_from="names it first")

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """The scores of three classes and of two."""
        of_three = super().summary(answers, scores)
        if not of_three.values:
            return of_three
        values = scores_of(self._two_classes(answers, scores, BY_CLIP).counts)
        of_two = {name: float(values[_own(name)]) for name in TWO_CLASS_DEFINITIONS}
        return replace(of_three, values={**of_three.values, **of_two})

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """The scores of two classes, which rank, before those of three.

        Raises:
            ValueError: no answers, a pair twice, or no truth at all.
            InputErrors: truths that are no choice.
        """
        report = super().report(answers, scores, benchmark=benchmark, split=split, sampling=sampling)
        pairs = self._two_classes(answers, scores, sampling)
        values, intervals = scores_of(pairs.counts), interval_entries([pairs], CHOICES[:2], sampling)
        added = {
            name: {
                "value": float(values[_own(name)]),
                **intervals[_own(name)],
                "definition": definition,
                "value_without_unreadable": float(values[_own(name)]),
            }
            for name, definition in TWO_CLASS_DEFINITIONS.items()
        }
        metrics = {**added, **report.metrics}
        return replace(report, metrics=metrics, sampling=sampling_section(metrics, report.sampling or {}))

    def cures(self) -> Sequence[str]:
        """Another kind of scoring."""
        return ["scoring=classification labels=[...], if the answers are labels"]

    def _how_read(self, scores: Sequence[Score], kept: Sequence[tuple[Answer, Score]]) -> dict[str, Any]:
        return {**super()._how_read(scores, kept), "parser": "emoprefer"}

    def _two_classes(self, answers: Sequence[Answer], scores: Sequence[Score], sampling: Sampling) -> Counted:
        kept = [(answer, score) for answer, score in zip(answers, scores, strict=True) if answer.truth in CHOICES[:2]]
        of_kept = [answer for answer, _ in kept]
        truths, said = class_indices(of_kept, [score for _, score in kept], CHOICES)
        said = np.array([0, 1, 0, 2])[said]
        return counted(truths, said, 2, sampling.clusters(of_kept))
