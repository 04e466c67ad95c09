"""Two systems on the same clips: are the differences of their scores more than chance?

Scores are computed from sums over clips, as a confusion matrix is one: each clip adds a row. Clips are drawn anew with
the same draws for every system (intervals of differences), or their answers change sides (tests of no difference).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from emolightning.scoring.metrics.resampling import Resampling, kinds_of, units_of

Scores = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Sums (..., columns) -> score -> (...)."""

VALUES_AT_ONCE = 8_000_000
"""Numbers of one array while answers change sides: 64 MB."""

ROUNDING = 1e-12
"""Differences that are as near as this are equal."""


@dataclass(frozen=True)
class Summed:
    """What a system's clips add to the sums that its scores are computed from."""

    rows: np.ndarray
    """float64 (kinds, columns): what a clip of each kind adds, e.g. 1 in one cell of a confusion matrix."""
    kinds: Sequence[np.ndarray]
    """The kind of each clip, int64 (clips,); one such array for each seed of the system."""
    scores: Scores

    def values(self) -> dict[str, float]:
        """Its scores; of several seeds their means."""
        found = [
            self.scores(np.bincount(kinds, minlength=len(self.rows)).astype(float) @ self.rows) for kinds in self.kinds
        ]
        return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


@dataclass(frozen=True)
class Mcnemar:
    """Clips that one of two systems answers rightly and the other does not."""

    only_first_right: int
    only_second_right: int
    p_exact: float
    """Two-sided binomial test of equal numbers."""
    chi2_cc: float
    """Chi-squared statistic with continuity correction."""
    odds_ratio: float | None
    """Clips that the second alone has right for one that the first alone has; None where there are none of these."""
    odds_ratio_ci95: tuple[float, float | None]
    """Exact ends; None has no upper one."""
    cohens_g: float
    """How far the second's share of these clips is from one half: 0.05 is small, 0.15 medium, 0.25 large."""


def mcnemar(first: np.ndarray, second: np.ndarray) -> Mcnemar:
    """Compare on each clip whether, or by what share of its seeds, two systems are right.

    Args:
        first: (clips,), 0 to 1.
        second: (clips,)

    >>> found = mcnemar(np.array([1, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 0]))
    >>> found.only_first_right, found.only_second_right, found.p_exact
    (2, 1, 1.0)
    """
    return of_discordant(int((first > second + ROUNDING).sum()), int((second > first + ROUNDING).sum()))


def of_discordant(only_first: int, only_second: int) -> Mcnemar:
    """The test of two numbers of clips."""
    total = only_first + only_second
    if not total:
        return Mcnemar(0, 0, 1.0, 0.0, None, (0.0, None), 0.0)
    test = binomtest(only_second, total)
    ends = test.proportion_ci(0.95, method="exact")
    return Mcnemar(
        only_first,
        only_second,
        float(test.pvalue),
        max(0, abs(only_first - only_second) - 1) ** 2 / total,
        only_second / only_first if only_first else None,
        (float(ends.low / (1 - ends.low)), float(ends.high / (1 - ends.high)) if ends.high < 1 else None),
        only_second / total - 0.5,
    )


def resampled(systems: Sequence[Summed], how: Resampling) -> list[dict[str, np.ndarray]]:
    """The scores of all systems on clips that are drawn with replacement, the same clips for all of them.

    Of m seeds of a system, m - 1 are drawn with replacement, too: the mean of these has the variance that the mean of
    m has over trainings.

    Args:
        systems: of the same clips in the same order.
        how: clips are drawn.

    Returns:
        For each system score -> (samples,).
    """
    rng = np.random.default_rng(how.seed)
    kinds, rows = _joint(systems)
    ends = np.cumsum([len(system.rows[0]) for system in systems for _ in system.kinds])[:-1]
    found: list[list[dict[str, np.ndarray]]] = []
    for totals in how.totals(kinds, rows):
        parts = iter(np.split(totals, ends, axis=1))
        found.append([_over_seeds(system, [next(parts) for _ in system.kinds], rng) for system in systems])
    return [
        {name: np.concatenate([chunk[place][name] for chunk in found]) for name in found[0][place]}
        for place in range(len(systems))
    ]


def _joint(systems: Sequence[Summed]) -> tuple[np.ndarray, np.ndarray]:
    """The kind of each clip by what all systems and seeds say about it, and the rows of all of them side by side."""
    pairs = [(system.rows, kinds) for system in systems for kinds in system.kinds]
    joint, places = kinds_of([kinds for _, kinds in pairs])
    return joint, np.concatenate([rows[kinds[places]] for rows, kinds in pairs], axis=1)


def _over_seeds(system: Summed, sums: Sequence[np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    scores = [system.scores(each) for each in sums]
    if len(scores) == 1:
        return dict(scores[0])
    times = rng.multinomial(len(scores) - 1, np.full(len(scores), 1 / len(scores)), size=len(sums[0])).T
    shares = times / (len(scores) - 1)
    return {name: (shares * [each[name] for each in scores]).sum(axis=0) for name in scores[0]}


def exchanged(first: Summed, second: Summed, how: Resampling) -> dict[str, np.ndarray]:
    """Differences that chance gives to two equal systems: the answers to each clip change sides, or do not.

    The p-value of the share of right answers that comes of it is that of McNemar's test.

    Args:
        first: one run, not several seeds.
        second: the same.
        how: often, and which clips change sides together.

    Returns:
        score -> (samples,), second minus first.
    """
    rng = np.random.default_rng(how.seed)
    joint, rows = _joint([first, second])
    here, there = np.split(rows, 2, axis=1)
    changes, numbers = units_of(joint, there - here, how.clusters)
    differ = changes.any(axis=1)
    changes, numbers = changes[differ], numbers[differ]
    counts = np.bincount(joint, minlength=len(rows)).astype(np.float64)
    sums, at_once = (counts @ here, counts @ there), max(1, VALUES_AT_ONCE // max(1, numbers.size))
    parts: list[dict[str, np.ndarray]] = []
    for start in range(0, how.num_samples, at_once):
        size = min(at_once, how.num_samples - start)
        moved = rng.binomial(numbers, 0.5, size=(size, numbers.size)).astype(np.float64) @ changes
        one, other = first.scores(sums[0] + moved), second.scores(sums[1] - moved)
        parts.append({name: other[name] - one[name] for name in one})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def p_value(difference: float, by_chance: np.ndarray) -> float:
    """Share of what chance gives that is as far from zero; the difference itself counts as one of the draws."""
    return float((1 + (np.abs(by_chance) >= abs(difference) - ROUNDING).sum()) / (1 + by_chance.size))


def p_text(p: float) -> str:
    """A p-value as papers print it.

    >>> p_text(0.04321), p_text(3e-11)
    ('0.0432', '<0.0001')
    """
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment: with it one false alarm in any of the tests is as rare as in a single one.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order, largest = np.argsort(p_values, kind="stable"), 0.0
    adjusted = [0.0] * len(p_values)
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
