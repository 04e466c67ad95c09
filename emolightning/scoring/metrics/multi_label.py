"""Scores of several labels a clip: four that MMEVerse's published script computes, and as it does, and three more.

Texts are split at commas and semicolons. The classes are the labels of the truths: any other label of an answer counts
nowhere, except that its set is not that of the truth.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emolightning.scoring.metrics.intervals import percentile_interval
from emolightning.scoring.metrics.resampling import Resampling, affordable

DEFINITIONS = {
    "micro_f1": "F1 of all labels of all clips together; labels that no truth has count nowhere",
    "samples_f1": "mean over clips of the F1 of a clip's labels",
    "jaccard": "mean over clips of |both| / (|either| + 1e-6)",
    "map": "unweighted mean over the labels of the truths of the average precision of yes or no",
    "macro_f1": "unweighted mean of the F1 of each label of the truths",
    "subset_accuracy": "share of clips whose labels are all and only those of the truth; one that no truth has counts",
    "hamming_loss": "share of wrong decisions, yes or no, over all clips and labels of the truths",
}
"""Score -> what it is."""

LEAST = 1e-6
"""The published script adds it below the line of each Jaccard index."""

PER_CLIP = 7
"""Columns that are not of single classes."""


def labels_in(text: str) -> list[str]:
    """The labels of a text, in lower case.

    >>> labels_in("Anger; fear,, fear")
    ['anger', 'fear', 'fear']
    """
    return [label for part in re.split(r"[,;]", text) if (label := part.strip().lower())]


@dataclass(frozen=True)
class LabelCounts:
    """What is added up over clips."""

    classes: tuple[str, ...]
    """The labels of the truths."""
    columns: np.ndarray
    """(clips, 7 + 3 x classes): 1, right, said and true labels, F1, Jaccard index, equal sets; labels by class."""

    def values(self) -> dict[str, float]:
        """Each score."""
        return {name: float(value) for name, value in self.of_sums(self.columns.sum(axis=0)).items()}

    def intervals(self, resampling: Resampling) -> dict[str, tuple[float, float]]:
        """Percentile ends of each score."""
        draws = affordable(resampling, len(self.columns)).totals(np.arange(len(self.columns)), self.columns)
        parts = [self.of_sums(totals) for totals in draws]
        num_units = resampling.num_units(len(self.columns))
        drawn = {name: np.concatenate([part[name] for part in parts]) for name in DEFINITIONS}
        return {name: percentile_interval(values, num_units=num_units) for name, values in drawn.items()}

    def of_sums(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """(..., columns) -> each score, (...)."""
        number, both, said, true, f1, jaccard, same = np.moveaxis(totals[..., :PER_CLIP], -1, 0)
        of_class = totals[..., PER_CLIP:].reshape(*totals.shape[:-1], 3, len(self.classes))
        right, named, real = np.moveaxis(of_class, -2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            recall, precision = right / real, np.where(named > 0, right / named, 0.0)
            average = np.nanmean(recall * precision + (1 - recall) * real / number[..., None], axis=-1)
            micro = np.where(said + true > 0, 2 * both / (said + true), 0.0)
            macro = np.nanmean(2 * right / np.where(real > 0, named + real, np.nan), axis=-1)
        return {
            "micro_f1": micro,
            "samples_f1": f1 / number,
            "jaccard": jaccard / number,
            "map": average,
            "macro_f1": macro,
            "subset_accuracy": same / number,
            "hamming_loss": (said + true - 2 * both) / (number * len(self.classes)),
        }


def counted(truths: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> LabelCounts:
    """The counts of some clips.

    Args:
        truths: labels of each clip; at least one clip has some.
        answers: the same clips.

    >>> counts = counted([["fear", "anger"], ["fear"]], [["fear", "boredom"], ["anger"]])
    >>> [round(counts.values()[name], 4) for name in ("micro_f1", "samples_f1", "jaccard", "map", "hamming_loss")]
    [0.4, 0.3333, 0.25, 0.75, 0.75]
    """
    classes = tuple(sorted({label for labels in truths for label in labels}))
    place = {label: number for number, label in enumerate(classes)}
    real, said = (np.zeros((len(truths), len(classes))) for _ in range(2))
    for bits, texts in ((real, truths), (said, answers)):
        for row, labels in enumerate(texts):
            bits[row, [place[label] for label in labels if label in place]] = 1
    both, either = real * said, np.maximum(real, said)
    sums = [bits.sum(axis=1) for bits in (both, said, real)]
    f1 = np.divide(2 * sums[0], sums[1] + sums[2], out=np.zeros(len(real)), where=sums[1] + sums[2] > 0)
    jaccard = sums[0] / (either.sum(axis=1) + LEAST)
    same = np.array([set(true) == set(told) for true, told in zip(truths, answers, strict=True)], dtype=np.float64)
    return LabelCounts(classes, np.column_stack([np.ones(len(real)), *sums, f1, jaccard, same, both, said, real]))
