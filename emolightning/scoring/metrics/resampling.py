"""Clips drawn with replacement: alone or in clusters, of all or within strata, the same draw for all that is scored.

Every score is computed from totals over clips: the cells of a confusion matrix, or sums of what is averaged. Clips of
one kind add the same to every total, so what is drawn is how often each kind occurs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

NUM_SAMPLES = 10_000

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

    def totals(self, kinds: np.ndarray, values: np.ndarray) -> Iterator[np.ndarray]:
        """Totals of each sample, a piece of the samples at a time: each (samples, columns) float64.

        Args:
            kinds: (clips,), row of `values` of each clip.
            values: (kinds, columns), what a clip of the kind adds.

        Raises:
            ValueError: a cluster has clips of two strata.
        """
        strata = [_units(kinds[own], values, clusters) for own, clusters in self._strata(kinds)]
        rng = np.random.default_rng(self.seed)
        most = max(max(len(numbers), int(numbers.sum())) for _, numbers in strata)
        size = max(1, min(self.num_samples, DRAWS_AT_ONCE // most))
        for start in range(0, self.num_samples, size):
            rows = min(size, self.num_samples - start)
            parts = [
                times_drawn(numbers, rows, self.num_samples, rng).astype(np.float64) @ totals
                for totals, numbers in strata
            ]
            yield sum(parts[1:], start=parts[0])

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


def _units(kinds: np.ndarray, values: np.ndarray, clusters: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What can be drawn: totals of each kind of unit, and how many units there are of it."""
    if clusters is None:
        numbers = np.bincount(kinds, minlength=len(values))
        return values[numbers > 0], numbers[numbers > 0]
    from scipy.sparse import csr_array

    _, cluster = np.unique(clusters, return_inverse=True)
    ones = np.ones(len(kinds))
    members = csr_array((ones, (cluster.reshape(-1), kinds)), shape=(int(cluster.max()) + 1, len(values)))
    return np.unique(members @ values, axis=0, return_counts=True)
