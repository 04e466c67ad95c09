"""Clips drawn with replacement: alone or in clusters, of all or within strata, the same draw for all that is scored.

Every score is computed from totals over clips: the cells of a confusion matrix, or sums of what is averaged. Clips of
one kind add the same to every total, so what is drawn is how often each kind occurs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

NUM_SAMPLES = 10_000

LEAST_SAMPLES = 1_000
MOST_NUMBERS = 1_000_000_000
"""Kinds of clips times samples, beyond which fewer samples are drawn."""

MOST_DRAWS = 100_000_000
"""Units drawn one by one, over all samples; beyond it their numbers of each kind are drawn, where kinds are few."""

FEW_KINDS = 0.1
"""Share of the units up to which it is quicker to draw the numbers of each kind than the units."""

DRAWS_AT_ONCE = 4_000_000
"""Units drawn before they are counted: 32 MB for their indices."""


@dataclass(frozen=True)
class Resampling:
    """How samples of the same clips are drawn.

    Without clusters clips are drawn; with them whole clusters, as many as there are, each with all of its clips.
    """

    clusters: np.ndarray | None = None
    """(clips,), any values: equal ones are one cluster, e.g. the subject of each clip."""
    strata: np.ndarray | None = None
    """(clips,), any values: as many clips (or clusters) as there are of each value are in every sample."""
    num_samples: int = NUM_SAMPLES
    seed: int = 0

    def num_units(self, num_clips: int) -> int:
        """Clusters, or clips."""
        return num_clips if self.clusters is None else len(np.unique(self.clusters))

    def totals(self, kinds: np.ndarray, values: np.ndarray) -> Iterator[np.ndarray]:
        """Totals of each sample, a piece of the samples at a time: each (samples, columns) float64.

        Args:
            kinds: (clips,), row of `values` of each clip.
            values: (kinds, columns), what a clip of the kind adds.

        Raises:
            ValueError: a cluster has clips of two strata.
        """
        strata = [units_of(kinds[own], values, clusters) for own, clusters in self._strata(kinds)]
        return drawn(strata, num_samples=self.num_samples, seed=self.seed)

    def _strata(self, kinds: np.ndarray) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Which clips each stratum has, and their clusters."""
        if self.strata is None:
            return [(np.full(len(kinds), True), self.clusters)]
        found = [self.strata == value for value in np.unique(self.strata)]
        if self.clusters is None:
            return [(own, None) for own in found]
        clusters = [self.clusters[own] for own in found]
        if sum(len(np.unique(own)) for own in clusters) > len(np.unique(self.clusters)):
            raise ValueError("Expected every cluster to lie in one stratum, but one has clips of two.")
        return list(zip(found, clusters, strict=True))


def kinds_of(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Clips that are equal in every column are of one kind.

    Args:
        columns: each (clips,).

    Returns:
        (clips,) int64, the kind of each; (kinds,) int64, the place of one clip of each.
    """
    kinds = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        kinds = np.unique(kinds * len(values) + codes, return_inverse=True)[1]
    return kinds, np.unique(kinds, return_index=True)[1]


def affordable(resampling: Resampling, num_kinds: int) -> Resampling:
    """The same with fewer samples where there are very many kinds of clips: a minute's worth.

    Args:
        resampling: how clips are drawn.
        num_kinds: of clips.
    """
    num_samples = max(LEAST_SAMPLES, min(resampling.num_samples, MOST_NUMBERS // num_kinds))
    return replace(resampling, num_samples=min(num_samples, resampling.num_samples))


Units = tuple[np.ndarray, np.ndarray]
"""What can be drawn: totals of each kind of unit, (kinds, columns), and how many units there are of it, (kinds,)."""


def drawn(strata: Sequence[Units], *, num_samples: int, seed: int) -> Iterator[np.ndarray]:
    """Totals of as many units as there are in each stratum, a piece of the samples at a time.

    Args:
        strata: their units.
        num_samples: samples.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    most = max(max(len(numbers), int(numbers.sum())) for _, numbers in strata)
    size = max(1, min(num_samples, DRAWS_AT_ONCE // most))
    for start in range(0, num_samples, size):
        rows = min(size, num_samples - start)
        parts = [times_drawn(numbers, rows, num_samples, rng).astype(np.float64) @ totals for totals, numbers in strata]
        yield sum(parts[1:], start=parts[0])


def times_drawn(numbers: np.ndarray, rows: int, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each kind occurs in samples of as many units as there are: int64 (rows, kinds).

    Args:
        numbers: (kinds,), units of each kind.
        rows: samples to draw now.
        num_samples: samples in all, by which it is decided how they are drawn.
        rng: where chance comes from.
    """
    total = int(numbers.sum())
    if total * num_samples > MOST_DRAWS and len(numbers) < FEW_KINDS * total:
        return rng.multinomial(total, numbers / total, size=rows)
    kind_of_unit = np.repeat(np.arange(numbers.size), numbers)
    drawn = kind_of_unit[rng.integers(0, total, (rows, total))]
    drawn += np.arange(rows)[:, None] * numbers.size
    return np.bincount(drawn.reshape(-1), minlength=rows * numbers.size).reshape(rows, numbers.size)


def units_of(kinds: np.ndarray, values: np.ndarray, clusters: np.ndarray | None) -> Units:
    """Clips, or clusters of them, as what can be drawn."""
    if clusters is None:
        numbers = np.bincount(kinds, minlength=len(values))
        return values[numbers > 0], numbers[numbers > 0]
    return np.unique(members(kinds, clusters, len(values)) @ values, axis=0, return_counts=True)


def members(kinds: np.ndarray, clusters: np.ndarray, num_kinds: int) -> Any:
    """Sparse (clusters, kinds): how many clips of each kind each cluster has.

    Args:
        kinds: (clips,), e.g. the cell of a confusion matrix.
        clusters: (clips,), equal values for one cluster.
        num_kinds: that there are.
    """
    from scipy.sparse import csr_array

    names, cluster = np.unique(clusters, return_inverse=True)
    places = (cluster.reshape(-1), kinds)
    return csr_array((np.ones(len(kinds)), places), shape=(len(names), num_kinds))
