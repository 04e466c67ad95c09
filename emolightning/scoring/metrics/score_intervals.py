"""Score intervals of the scores of a classification: Wilson's interval, carried over to averages over classes.

Each score is a weighted mean of shares, one a class: recall of its clips, precision of its answers, and F1, which is
2 J / (1 + J) of the share J of hits among the clips that are of the class or answered so. An end of the interval is the
value that is `quantile` standard errors away from what was seen, with the standard error that holds *at that end*: the
shares there are the likeliest ones with this mean. So nothing has a width of zero, and no end lies outside 0 to 1. With
one class this is Wilson's interval.

Shares of several classes are not independent (a wrong answer lowers two classes' F1), and clips of one subject are not
either. The variance is therefore multiplied by that of the score's influence values, summed by cluster, over the one of
independent shares: the design effect of survey statistics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2, norm, t

PRIOR = 1.0
"""Clips of pseudo-counts that a class gets where variances are compared, half of them right: none is 0 then."""

STEP = 1e-6
"""Share of the clips that is added to a cell to see how a score changes."""

ROUNDS = 4
"""Corrections of the slope of F1, which depends on the share."""

SMALLEST, LARGEST = -6.0, 12.0
"""Tilts that are tried, as powers of ten."""

HALVINGS = 50
"""Halvings of this range: as near as floating point comes."""

ALMOST_ZERO = 1e-12
"""Distance that is none."""


@dataclass(frozen=True)
class Shares:
    """A score as a weighted mean of shares, one a class; or several scores, along a first axis of each array."""

    hits: np.ndarray
    """(..., classes)"""
    totals: np.ndarray
    """(..., classes)"""
    weights: np.ndarray
    """(..., classes), 0 for a class that does not count."""
    is_f1: bool | np.ndarray = False
    """The mean is of 2 J / (1 + J), not of the shares themselves; of several scores (..., 1)."""

    def variance(self, shares: np.ndarray) -> np.ndarray:
        """The variance that independent shares give it: (..., classes) -> (...)."""
        known = (self.totals > 0) & (self.weights > 0)
        spread = self.weights**2 * self._slopes(shares) ** 2 * shares * (1 - shares)
        return np.divide(spread, self.totals, out=np.zeros(np.shape(spread)), where=known).sum(axis=-1)

    def value(self, shares: np.ndarray) -> np.ndarray:
        """The score that shares give: (..., classes) -> (...)."""
        return (self.weights * np.where(self.is_f1, 2 * shares / (1 + shares), shares)).sum(axis=-1)

    def seen(self) -> np.ndarray:
        """The shares that were counted, 0 where nothing was."""
        return np.divide(self.hits, self.totals, out=np.zeros(np.shape(self.hits)), where=self.totals > 0)

    def tilted(self, tilt: np.ndarray) -> np.ndarray:
        """The likeliest shares of which the score is higher (or lower) by what the tilt asks for.

        Args:
            tilt: (..., 1)
        """
        shares = (self.hits + 0.5) / (self.totals + 1)
        for _ in range(ROUNDS if np.any(self.is_f1) else 1):
            push = tilt * self.weights * self._slopes(shares)
            rest = self.totals - push
            root = np.sqrt(rest**2 + 4 * push * self.hits)
            with np.errstate(divide="ignore", invalid="ignore"):  # Each form is exact where the other one is 0 / 0.
                shares = np.where(rest > 0, 2 * self.hits / (rest + root), (root - rest) / (2 * push))
            shares = np.where(self.totals > 0, np.clip(shares, 0, 1), 0)
        return shares

    def _slopes(self, shares: np.ndarray) -> np.ndarray:
        return np.where(self.is_f1, 2 / (1 + shares) ** 2, 1.0)


def together(parts: Sequence[Shares]) -> Shares:
    """The mean of a score over several sets of clips, e.g. folds."""
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("hits", "totals", "weights"))
    hits, totals, weights = columns
    return Shares(hits, totals, weights / len(parts), parts[0].is_f1)


def score_interval(shares: Shares, *, effect: float, quantile: float) -> tuple[float, float]:
    """Lower and upper end.

    Args:
        shares: of the score.
        effect: design effect, by which the variance of independent shares is multiplied.
        quantile: standard errors between what was seen and an end.

    >>> tuple(round(end, 4) for end in score_interval(
    ...     Shares(np.array([9]), np.array([10]), np.array([1.0])), effect=1.0, quantile=1.96))
    (0.5958, 0.9821)
    """
    return intervals_of([shares], effects=[effect], quantiles=[quantile])[0]


def intervals_of(
    parts: Sequence[Shares], *, effects: Sequence[float], quantiles: Sequence[float]
) -> list[tuple[float, float]]:
    """Lower and upper end of several scores, looked for together.

    Args:
        parts: of each score.
        effects: design effects.
        quantiles: standard errors between what was seen and an end.
    """
    shares, factor = _side_by_side(parts), np.asarray(quantiles) * np.sqrt(effects)
    seen = shares.value(shares.seen())
    ends = [_ends(shares, sign, factor) for sign in (-1, 1)]
    is_known = ((shares.totals > 0) & (shares.weights > 0)).any(axis=-1)
    low, high = (np.where(is_known, end, empty) for end, empty in zip(ends, (0.0, 1.0), strict=True))
    low, high = np.where(is_known, np.minimum(low, seen), low), np.where(is_known, np.maximum(high, seen), high)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _side_by_side(parts: Sequence[Shares]) -> Shares:
    """(scores, classes), with classes of no weight where a score has fewer."""
    width = max(len(part.hits) for part in parts)
    columns = (
        np.stack([np.pad(getattr(part, name).astype(np.float64), (0, width - len(part.hits))) for part in parts])
        for name in ("hits", "totals", "weights")
    )
    hits, totals, weights = columns
    return Shares(hits, totals, weights, np.array([[part.is_f1] for part in parts]))


def _ends(shares: Shares, sign: int, factor: np.ndarray) -> np.ndarray:
    """The tilt at which the distance from what was seen is `factor` independent standard errors; its score."""
    seen = shares.value(shares.seen())
    low, high = np.full(len(seen), SMALLEST), np.full(len(seen), LARGEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        likeliest = shares.tilted(sign * 10 ** middle[:, None])
        distance = np.abs(shares.value(likeliest) - seen) - ALMOST_ZERO
        is_beyond = distance > factor * np.sqrt(shares.variance(likeliest))
        low, high = np.where(is_beyond, low, middle), np.where(is_beyond, middle, high)
    return shares.value(shares.tilted(sign * 10 ** high[:, None]))


def influences(function: Callable[[np.ndarray], Mapping[str, np.ndarray]], counts: np.ndarray) -> dict[str, np.ndarray]:
    """How much each score changes with one clip more of each cell, times the clips: mean 0 over the clips.

    Args:
        function: (..., classes, classes + 1) -> name -> (...) or (..., classes).
        counts: (classes, classes + 1), float64.

    Returns:
        name -> (cells,) or (cells, classes).
    """
    total, cells = counts.sum(), counts.size
    more = counts + STEP * total * np.eye(cells).reshape(cells, *counts.shape)
    now, then = function(counts), function(more)
    shares = counts.reshape(-1) / total
    changes = {name: (then[name] - now[name]) / STEP for name in now}
    return {name: change - np.tensordot(shares, change, axes=1) for name, change in changes.items()}


def smoothed(counts: np.ndarray) -> np.ndarray:
    """Counts with PRIOR clips more in each class that has clips, half of them wrong, as any answer that was given."""
    classes = len(counts)
    present = counts.sum(axis=1) > 0
    given = (counts.sum(axis=0) > 0) | np.append(present, False)
    others = np.tile(given, (classes, 1)) & ~np.eye(classes, classes + 1, dtype=bool)
    others[:, -1] |= ~others.any(axis=1)
    wrong = others / others.sum(axis=1, keepdims=True)
    return counts + PRIOR / 2 * present[:, None] * (wrong + np.eye(classes, classes + 1))


def variance_of_clips(influence: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Variance of a score over independent clips.

    Args:
        influence: (cells, ...)
        counts: (classes, classes + 1)
    """
    return np.tensordot(counts.reshape(-1), influence**2, axes=1) / counts.sum() ** 2


def variance_within_classes(influence: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The same where it was decided beforehand how many clips each class has.

    Args:
        influence: (cells, ...)
        counts: (classes, classes + 1)
    """
    by_class = influence.reshape(*counts.shape, *influence.shape[1:])
    weights = counts.reshape(*counts.shape, *([1] * (influence.ndim - 1)))
    means = (by_class * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    return variance_of_clips((by_class - means[:, None]).reshape(influence.shape), counts)


def variance_of_clusters(influence: np.ndarray, members: Any) -> np.ndarray:
    """Variance of a score over independent clusters, as the jackknife has it, which leaves out one at a time.

    Args:
        influence: (cells, ...)
        members: (clusters, cells), clips of each; may be sparse.
    """
    sizes = np.asarray(members.sum(axis=1), dtype=np.float64)
    number = len(sizes)
    without = (members @ influence) / (sizes.sum() - sizes).reshape(-1, *([1] * (influence.ndim - 1)))
    return (number - 1) / number * (without**2).sum(axis=0)


def design_effects(
    function: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    counts: np.ndarray,
    clusters: Any,
    *,
    is_stratified: bool,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Three variances of each score: of clips with pseudo-counts; as clips were sampled; of clips, without them.

    Args:
        function: (..., classes, classes + 1) -> name -> (...) or (..., classes).
        counts: (classes, classes + 1)
        clusters: (clusters, cells), or None.
        is_stratified: it was decided beforehand how many clips each class has.
    """
    filled = smoothed(counts)
    smooth, change = influences(function, filled), influences(function, counts.astype(np.float64))
    found = {}
    for name, own in change.items():
        clips = np.atleast_1d(variance_of_clips(own, counts))
        sampled = clips
        if clusters is not None:
            sampled = np.atleast_1d(variance_of_clusters(own, clusters))
            sampled = np.maximum(sampled, least_by_chance(clusters.shape[0]) * clips)
        elif is_stratified:  # Of classes wholly right or wrong nothing would vary without pseudo-counts.
            sampled = np.atleast_1d(variance_within_classes(smooth[name], filled))
            clips = np.atleast_1d(variance_of_clips(smooth[name], filled))
        found[name] = (np.atleast_1d(variance_of_clips(smooth[name], filled)), sampled, clips)
    return found


def least_by_chance(num_clusters: int) -> float:
    """Variance of clusters over that of clips which clusters of independent clips have in 39 of 40 cases.

    Less than this was luck: clips of one subject do not differ from each other more than those of several.
    """
    return float(chi2.ppf(0.025, num_clusters - 1)) / (num_clusters - 1)


def ratio_or_one(numerator: Any, denominator: Any) -> np.ndarray:
    """How many times as large; 1 where nothing varies."""
    return np.divide(numerator, denominator, out=np.ones(np.shape(numerator)), where=np.asarray(denominator) > 0)


def quantile_of(num_units: int | None, level: float = 0.95) -> float:
    """Standard errors on each side: of the normal distribution, of few clusters of Student's.

    Args:
        num_units: clusters; None where clips are independent.
        level: of the interval.
    """
    tail = (1 + level) / 2
    return float(norm.ppf(tail) if num_units is None else t.ppf(tail, num_units - 1))
