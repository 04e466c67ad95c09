"""What clips add to the sums that scores are computed from: a paired comparison draws it, for each kind of scoring."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from emolightning.scoring.metrics.classification import per_class, scores
from emolightning.scoring.metrics.paired import Scores, Summed
from emolightning.scoring.open_vocabulary_measures import Measures
from emolightning.scoring.open_vocabulary_measures import scores as scores_of_words

RECALL = "recall/"
"""What the name of a score of one class begins with."""


def of_labels(
    truths: np.ndarray, said: Sequence[np.ndarray], labels: Sequence[str], folds: np.ndarray | None = None
) -> Summed:
    """Cells of the confusion matrix; of several folds one matrix each, whose scores are averaged.

    Args:
        truths: class indices, int64 (clips,).
        said: class indices for each seed, `len(labels)` for an unreadable answer.
        labels: the vocabulary, whose recalls are scores, too.
        folds: the fold of each clip, from 0.
    """
    place, num_classes = np.zeros_like(truths) if folds is None else folds, len(labels)
    num_folds, cells = int(place.max()) + 1, num_classes * (num_classes + 1)

    def of_sums(sums: np.ndarray) -> Mapping[str, np.ndarray]:
        counts = sums.reshape(*sums.shape[:-1], num_folds, num_classes, num_classes + 1)
        recalls, has_clips = per_class(counts.sum(axis=-3))["recall"], counts.any(axis=(-2, -1))
        return {
            **{
                name: (values * has_clips).sum(axis=-1) / has_clips.sum(axis=-1)
                for name, values in scores(counts).items()
            },
            **{f"{RECALL}{label}": recalls[..., index] for index, label in enumerate(labels)},
        }

    kinds = [place * cells + truths * (num_classes + 1) + each for each in said]
    return Summed(np.eye(num_folds * cells), kinds, of_sums)


def of_means(values: Sequence[Mapping[str, np.ndarray]]) -> Summed:
    """Means over clips, each over those that have a value.

    Args:
        values: for each seed score -> float64 (clips,), NaN for none.
    """
    names = list(values[0])

    def of_sums(sums: np.ndarray) -> Mapping[str, np.ndarray]:
        return {
            name: _mean(sums[..., [2 * place]], sums[..., 2 * place + 1])[..., 0] for place, name in enumerate(names)
        }

    return _summed([[each[name][:, None] for name in names] for each in values], of_sums)


def of_words(measures: Sequence[Measures]) -> Summed:
    """The scores of `scoring=open_vocabulary`.

    Args:
        measures: of each seed.
    """
    counted = {name.partition("/")[0] for name, values in measures[0].items() if (~np.isnan(values)).any()}
    names = [name for name in measures[0] if name.partition("/")[0] in counted]
    widths = [measures[0][name].shape[1] for name in names]

    def of_sums(sums: np.ndarray) -> Mapping[str, np.ndarray]:
        means, start = {}, 0
        for name, width in zip(names, widths, strict=True):
            means[name] = _mean(sums[..., start : start + width], sums[..., start + width])
            start += width + 1
        return scores_of_words(means)

    return _summed([[each[name] for name in names] for each in measures], of_sums)


class Counts(Protocol):
    """What an evaluation has added up over its clips, in columns."""

    @property
    def columns(self) -> np.ndarray:
        """What each clip adds, (clips, columns)."""
        ...

    def of_sums(self, totals: np.ndarray) -> Mapping[str, np.ndarray]:
        """(..., columns) -> each score, (...)."""
        ...


def of_counts(counts: Sequence[Counts]) -> Summed:
    """The scores of sentiment, or of several labels a clip.

    Args:
        counts: of each seed; they differ in the answers alone.
    """
    rows, kinds = np.unique(np.concatenate([each.columns for each in counts]), axis=0, return_inverse=True)
    return Summed(rows, np.split(kinds.reshape(-1), len(counts)), counts[0].of_sums)


def _summed(of_seeds: Sequence[Sequence[np.ndarray]], of_sums: Scores) -> Summed:
    """Values (clips, width) with NaN for none, each beside whether the clip counts."""
    blocks = []
    for columns in of_seeds:
        parts = [part for values in columns for part in (np.nan_to_num(values), ~np.isnan(values[:, :1]))]
        blocks.append(np.concatenate(parts, axis=1))
    rows, kinds = np.unique(np.concatenate(blocks), axis=0, return_inverse=True)
    return Summed(rows, np.split(kinds.reshape(-1), len(blocks)), of_sums)


def _mean(sums: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Sums (..., width) over the clips that count (...); 0 where none does."""
    number = np.asarray(counted)[..., None]
    return np.divide(sums, number, out=np.zeros(np.shape(sums)), where=number > 0)
