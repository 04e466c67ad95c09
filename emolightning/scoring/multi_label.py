"""`scoring=multi_label`: answers with several labels of a vocabulary, as MMEVerse scores MAFW's and BOLD's."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.metrics.intervals import resampled_entry
from emolightning.scoring.metrics.multi_label import DEFINITIONS, counted, labels_in
from emolightning.scoring.metrics.ranking import of_labels
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import headed, require_one_each, why_missing

EMPTY = "empty answer"


class MultiLabel:
    """Sets of labels against sets of labels: both are split at commas and semicolons, in any case."""

    reader = None
    names = tuple(DEFINITIONS)

    def truth(self, clip: Clip) -> str | None:
        """The clip's labels side by side, else its label."""
        return clip.label if clip.open_labels is None else ", ".join(clip.open_labels)

    def require_truths(self, truths: Iterable[str]) -> None:
        """Refuse truths without a single label.

        Raises:
            InputErrors: says how they are written.
        """
        if not any(labels_in(text) for text in truths):
            raise InputErrors("true labels", ["no clip has any; write them side by side, e.g. anger, fear"])

    def score(self, answer: Answer) -> Score:
        """The labels of one answer, or the reason there are none."""
        if found := labels_in(answer.text):
            return Score(answer.clip_id, ", ".join(found), None, answer.text, words=(tuple(found),))
        return Score(answer.clip_id, None, why_missing(answer) if answer.is_missing else EMPTY, answer.text)

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """Each score, over the clips that have a truth."""
        truths, said = _compared(answers, scores)
        return Summary(counted(truths, said).values()) if any(truths) else Summary()

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """Scores with intervals over clips; an answer without a label is a clip without labels.

        Raises:
            ValueError: no answers, or a clip twice.
            InputErrors: no clip has a true label.
        """
        require_one_each(answers)
        self.require_truths(answer.truth or "" for answer in answers)
        truths, said = _compared(answers, scores)
        counts = counted(truths, said)
        values = counts.values()
        ends = counts.intervals(sampling.resampling([answer for answer in answers if answer.truth is not None]))
        metrics = {
            name: {
                **resampled_entry(value, ends[name], len(truths), sampling.bootstrap()),
                "definition": DEFINITIONS[name],
            }
            for name, value in values.items()
        }
        words = Counter(label for labels in said for label in {*labels} - {*counts.classes})
        return Report(
            **headed(answers, scores, benchmark=benchmark, split=split, without_truth=len(answers) - len(truths)),
            reading={
                "labels": list(counts.classes),
                "labels_of_no_truth": dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))),
            },
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe(answers)),
            ranking=_ranking([answer for answer in answers if answer.truth is not None], counts.classes, sampling),
        )

    def cures(self) -> Sequence[str]:
        """Another kind of scoring."""
        return ["scoring=classification for one label a clip, or scoring=open_vocabulary for words of no vocabulary"]


def _ranking(answers: Sequence[Answer], labels: Sequence[str], sampling: Sampling) -> dict[str, Any] | None:
    """Section `ranking`, where each answer says how likely each label is."""
    if any(answer.probabilities is None for answer in answers):
        return None
    values = np.array([[(answer.probabilities or {}).get(label, 0.0) for label in labels] for answer in answers])
    is_true = np.array([[label in labels_in(answer.truth or "") for label in labels] for answer in answers])
    return of_labels(values, is_true, labels, sampling.clusters(answers))


def _compared(answers: Sequence[Answer], scores: Sequence[Score]) -> tuple[list[list[str]], list[list[str]]]:
    """True and said labels of the clips that have a truth."""
    pairs = [(a.truth, s) for a, s in zip(answers, scores, strict=True) if a.truth is not None]
    return [labels_in(truth) for truth, _ in pairs], [[*score.words[0]] if score.words else [] for _, score in pairs]
