"""A confusion matrix whose clips were sampled somehow, and the intervals of its scores that follow from that."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emolightning.records.score_names import MCC, PER_CLASS
from emolightning.scoring.metrics.classification import confusion_matrix, joined, matthews, per_class, scores
from emolightning.scoring.metrics.resampling import NUM_SAMPLES, drawn, members
from emolightning.scoring.metrics.score_intervals import (
    Shares,
    design_effects,
    intervals_of,
    quantile_of,
    ratio_or_one,
    smoothed,
    together,
)


@dataclass(frozen=True)
class Counted:
    """A confusion matrix, and how its clips were sampled."""

    counts: np.ndarray
    """(classes, classes + 1)"""
    members: Any = None
    """(clusters, cells), clips of each cluster where these were sampled and not clips; may be sparse."""

    @property
    def num_units(self) -> int:
        """Clusters, or clips."""
        return int(self.counts.sum()) if self.members is None else self.members.shape[0]

    def samples(
        self, *, is_stratified: bool = False, num_samples: int = NUM_SAMPLES, seed: int = 0
    ) -> dict[str, np.ndarray]:
        """Scores of samples drawn with replacement: of clusters, of clips of each class, or of clips."""
        flat, cells = self.counts.reshape(-1), np.eye(self.counts.size)
        if self.members is not None:
            strata = [np.unique(self.members.toarray(), axis=0, return_counts=True)]
        elif is_stratified:
            places = np.arange(flat.size).reshape(self.counts.shape)
            strata = [(cells[row], flat[row]) for row in places if flat[row].any()]
        else:
            strata = [(cells[flat > 0], flat[flat > 0])]
        totals = drawn(strata, num_samples=num_samples, seed=seed)
        return joined(scores(piece.reshape(-1, *self.counts.shape)) for piece in totals)


def counted(truths: np.ndarray, answers: np.ndarray, num_classes: int, clusters: np.ndarray | None = None) -> Counted:
    """The confusion matrix with what intervals need.

    Args:
        truths: (clips,), class indices.
        answers: (clips,), class indices, or `num_classes` for an unreadable answer.
        num_classes: size of the vocabulary.
        clusters: (clips,), equal values for clips that were not sampled independently.
    """
    counts = confusion_matrix(truths, answers, num_classes)
    if clusters is None:
        return Counted(counts)
    return Counted(counts, members(truths * (num_classes + 1) + answers, clusters, counts.size))


def pooled(sets: Sequence[Counted]) -> Counted:
    """All clips together."""
    counts = np.sum([clips.counts for clips in sets], axis=0)
    if sets[0].members is None:
        return Counted(counts)
    from scipy.sparse import vstack

    return Counted(counts, vstack([clips.members for clips in sets]))


def score_intervals(
    sets: Sequence[Counted], *, is_stratified: bool = False, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Score intervals of `scores`; of several sets of clips those of their means.

    Args:
        sets: confusion matrices, of each fold one.
        is_stratified: it was decided beforehand how many clips each class has.
        level: share of such intervals that hold the true value.
    """
    return intervals_of_each([sets], is_stratified=is_stratified, level=level)[0]


def intervals_of_each(
    systems: Sequence[Sequence[Counted]], *, is_stratified: bool = False, level: float = 0.95
) -> list[dict[str, tuple[float, float]]]:
    """The same of several systems, much faster than one by one.

    Args:
        systems: confusion matrices of each, of each fold one.
        is_stratified: it was decided beforehand how many clips each class has.
        level: share of such intervals that hold the true value.
    """
    found = _intervals(scores, _shares, systems, is_stratified, level)
    return [
        {**{name: ends[0] for name, ends in of_system.items()}, MCC: _of_correlation(sets, is_stratified, level)}
        for sets, of_system in zip(systems, found, strict=True)
    ]


def _of_correlation(sets: Sequence[Counted], is_stratified: bool, level: float) -> tuple[float, float]:
    """Interval of Matthews' correlation, which is no mean of shares: by Fisher's transformation.

    Its variance is that with pseudo-counts. The transformation has no end at -1 and 1: the middle is no nearer to it
    than half way from the value with pseudo-counts, and the end on the side of 0 no farther than from that value.
    """
    effects = [
        design_effects(_correlation, clips.counts, clips.members, is_stratified=is_stratified)[MCC] for clips in sets
    ]
    smooth, sampled, clips_alone = (sum(effect[place] for effect in effects) for place in range(3))
    spread = float(np.sqrt(smooth * ratio_or_one(sampled, clips_alone))[0]) / len(sets)
    if not spread:  # All truths are of one class: nothing is known.
        return -1.0, 1.0
    seen = float(np.mean([matthews(clips.counts) for clips in sets]))
    evened = float(np.mean([matthews(smoothed(clips.counts)) for clips in sets]))
    nearest = (1 + abs(evened)) / 2
    lows, highs = [], []
    for middle in (min(max(seen, -nearest), nearest), evened):
        distance = quantile_for(sets, level) * spread / (1 - middle**2)
        lows.append(float(np.tanh(np.arctanh(middle) - distance)))
        highs.append(float(np.tanh(np.arctanh(middle) + distance)))
    low, high = (max(lows), highs[0]) if seen >= 0 else (lows[0], min(highs))
    return min(low, seen), max(high, seen)


def _correlation(counts: np.ndarray) -> dict[str, np.ndarray]:
    return {MCC: matthews(counts)}


def quantile_for(sets: Sequence[Counted], level: float) -> float:
    """Standard errors between what was seen and an end of an interval: of few clusters more."""
    is_clustered = sets[0].members is not None
    return quantile_of(sum(clips.members.shape[0] for clips in sets) if is_clustered else None, level)


def accuracy_intervals(parts: Sequence[Counted], *, level: float = 0.95) -> list[tuple[float, float]]:
    """Score intervals of the share of right answers alone: Wilson's, of clusters with their design effect."""
    found = _intervals(
        lambda counts: {"war": scores(counts)["war"]},
        lambda counts: {"war": [_accuracy(counts)]},
        [[clips] for clips in parts],
        False,
        level,
    )
    return [of_part["war"][0] for of_part in found]


def class_intervals(
    clips: Counted, *, is_stratified: bool = False, level: float = 0.95
) -> dict[str, list[tuple[float, float]]]:
    """Score intervals of precision, recall and F1 of each class.

    Args:
        clips: confusion matrix.
        is_stratified: it was decided beforehand how many clips each class has.
        level: share of such intervals that hold the true value.
    """
    return class_intervals_of_each([clips], is_stratified=is_stratified, level=level)[0]


def class_intervals_of_each(
    systems: Sequence[Counted], *, is_stratified: bool = False, level: float = 0.95
) -> list[dict[str, list[tuple[float, float]]]]:
    """The same of several systems."""
    return _intervals(_values_of_classes, _shares_of_classes, [[clips] for clips in systems], is_stratified, level)


Ends = dict[str, list[tuple[float, float]]]
"""Score -> its intervals: one, or one a class."""


def _intervals(
    function: Callable[[np.ndarray], dict[str, np.ndarray]],
    shares_of: Callable[[np.ndarray], dict[str, list[Shares]]],
    systems: Sequence[Sequence[Counted]],
    is_stratified: bool,
    level: float,
) -> list[Ends]:
    """Intervals of what a function makes of a matrix, given the same values as shares of classes."""
    all_parts: list[tuple[int, str, Shares, float, float]] = []
    for place, sets in enumerate(systems):
        quantile = quantile_for(sets, level)
        for name, part, effect in _parts(function, shares_of, sets, is_stratified):
            all_parts.append((place, name, part, effect, quantile))
    places, names, parts, effects, quantiles = zip(*all_parts, strict=True)
    found: list[Ends] = [{} for _ in systems]
    ends = intervals_of(parts, effects=effects, quantiles=quantiles)
    for place, name, pair in zip(places, names, ends, strict=True):
        found[place].setdefault(name, []).append(pair)
    return found


def _parts(
    function: Callable[[np.ndarray], dict[str, np.ndarray]],
    shares_of: Callable[[np.ndarray], dict[str, list[Shares]]],
    sets: Sequence[Counted],
    is_stratified: bool,
) -> Iterator[tuple[str, Shares, float]]:
    """Name, shares and design effect of each score of one system."""
    effects = [design_effects(function, clips.counts, clips.members, is_stratified=is_stratified) for clips in sets]
    shares = [shares_of(clips.counts) for clips in sets]
    smooth = [shares_of(smoothed(clips.counts)) for clips in sets]
    for name in shares[0]:
        own = [together(parts) for parts in zip(*(part[name] for part in shares), strict=True)]
        even = [together(parts) for parts in zip(*(part[name] for part in smooth), strict=True)]
        independent = np.array([part.variance(part.seen()) for part in even]) * len(sets) ** 2
        factors = ratio_or_one(sum(effect[name][0] for effect in effects), independent)
        factors = factors * ratio_or_one(*(sum(effect[name][place] for effect in effects) for place in (1, 2)))
        for part, factor in zip(own, factors.tolist(), strict=True):
            yield name, part, factor


def _values_of_classes(counts: np.ndarray) -> dict[str, np.ndarray]:
    values = per_class(counts)
    return {name: values[name] for name in PER_CLASS}


def _shares_of_classes(counts: np.ndarray) -> dict[str, list[Shares]]:
    """Precision, recall and F1 of each class as shares."""
    hits, answered, support = np.diagonal(counts), counts[:, :-1].sum(axis=0), counts.sum(axis=1)
    totals = {"precision": answered, "recall": support, "f1": support + answered - hits}
    return {
        name: [Shares(hits[[index]], total[[index]], np.ones(1), is_f1=name == "f1") for index in range(len(counts))]
        for name, total in totals.items()
    }


def _shares(counts: np.ndarray) -> dict[str, list[Shares]]:
    """The scores of DEFINITIONS as weighted means of shares."""
    hits, answered, support = np.diagonal(counts), counts[:, :-1].sum(axis=0), counts.sum(axis=1)
    union, total = support + answered - hits, counts.sum()
    by_support = support / total
    declared, observed = ((mask > 0) / (mask > 0).sum() for mask in (support, union))
    return {
        "weighted_f1": [Shares(hits, union, by_support, is_f1=True)],
        "macro_f1": [Shares(hits, union, declared, is_f1=True)],
        "uar": [Shares(hits, support, declared)],
        "war": [_accuracy(counts)],
        "macro_precision": [Shares(hits, answered, declared)],
        "weighted_precision": [Shares(hits, answered, by_support)],
        "macro_f1_observed": [Shares(hits, union, observed, is_f1=True)],
        "macro_precision_observed": [Shares(hits, answered, observed)],
    }


def _accuracy(counts: np.ndarray) -> Shares:
    return Shares(np.array([np.diagonal(counts).sum()]), np.array([counts.sum()]), np.ones(1))


def alphabetical(clips: Counted, labels: Sequence[str]) -> Counted:
    """The same with its classes in alphabetical order, so that draws do not depend on that of a vocabulary.

    Args:
        clips: of the labels.
        labels: names of the classes.
    """
    order = sorted(range(len(labels)), key=lambda index: labels[index])
    columns = [*order, len(labels)]
    counts = clips.counts[np.ix_(order, columns)]
    if clips.members is None:
        return Counted(counts)
    cells = np.arange(clips.counts.size).reshape(clips.counts.shape)[np.ix_(order, columns)].reshape(-1)
    return Counted(counts, clips.members[:, cells])


def bootstrap_samples(counts: np.ndarray, *, num_samples: int, seed: int) -> dict[str, np.ndarray]:
    """The scores of samples of as many clips, drawn with replacement.

    The matrix is all that scores depend on, so clips are drawn in the order of its cells, whatever their order in a
    file: the same matrix has the same interval.

    Args:
        counts: (classes, classes + 1)
        num_samples: bootstrap samples.
        seed: of the draws.

    Returns:
        score -> float64 (num_samples,)
    """
    return Counted(counts).samples(num_samples=num_samples, seed=seed)
