"""Intervals where resampling shows no spread: a perfect score of ten clips is less certain than one of a thousand.

Where every draw has the same value, a bootstrap interval has no width, which would say that the score is known exactly.
It is not: other clips could have had another value. Exact binomial (Clopper-Pearson) bounds say how many.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv
from scipy.stats import norm, t

from emolightning.records.score_names import BOOTSTRAP, EXACT

NO_WIDTH = 1e-9
"""Ends that are as near as this differ by rounding alone."""


def exact_proportion(hits: npt.ArrayLike, total: npt.ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Clopper-Pearson ends of a proportion; 0 and 1 where nothing was counted.

    Args:
        hits: (...), of `total`.
        total: (...)
        level: least share of such intervals that hold the true proportion.

    Returns:
        float64 (...) twice.

    >>> [round(float(end), 4) for end in exact_proportion(10, 10)]
    [0.6915, 1.0]
    """
    hits, total = np.asarray(hits, dtype=np.float64), np.asarray(total, dtype=np.float64)
    misses, tail = total - hits, (1 - level) / 2
    low = betaincinv(np.maximum(hits, 1), misses + 1, tail)
    high = betaincinv(hits + 1, np.maximum(misses, 1), 1 - tail)
    return np.where(hits > 0, low, 0.0), np.where(misses > 0, high, 1.0)


def same_value_interval(value: float, num_clips: int, *, lowest: float, highest: float) -> tuple[float, float]:
    """Ends of a mean over clips that all have this value: some clips, as many as the exact bound allows, could differ.

    Args:
        value: of each clip.
        num_clips: that have it.
        lowest: value that a clip can have.
        highest: value that a clip can have; a larger value that was seen counts as the highest.
    """
    share = float(exact_proportion(0, num_clips)[1])
    lowest, highest = min(lowest, value), max(highest, value)
    return value - share * (value - lowest), value + share * (highest - value)


def percentile_interval(
    samples: np.ndarray, level: float = 0.95, *, num_units: int | None = None
) -> tuple[float, float]:
    """The middle `level` of the samples that have a value; NaN twice if none has.

    Samples of few units vary too little, and their percentiles are those of a normal distribution where Student's is
    right: the tails are made as much smaller as makes up for both (Hesterberg 2015, expanded percentile interval).

    Args:
        samples: (num_samples,)
        level: share of samples inside.
        num_units: clips or clusters that were drawn; None does without that.
    """
    known = samples[~np.isnan(samples)]
    if not len(known):
        return np.nan, np.nan
    tail = (1 - level) / 2
    if num_units is not None and num_units > 1:
        tail = float(norm.cdf(np.sqrt(num_units / (num_units - 1)) * t.ppf(tail, num_units - 1)))
    low, high = np.quantile(known, (tail, 1 - tail))
    return float(low), float(high)


def has_no_width(ends: tuple[float, float]) -> bool:
    """Whether an interval says that a score is known exactly."""
    return abs(ends[1] - ends[0]) < NO_WIDTH


def interval_entry(
    ends: tuple[float, float], exact: tuple[float, float], *, method: str = BOOTSTRAP
) -> dict[str, object]:
    """`ci95` and `interval` of a score in `metrics.json`.

    Args:
        ends: by resampling.
        exact: taken where those have no width.
        method: what the resampling is called.
    """
    no_width = has_no_width(ends)
    return {"ci95": list(exact if no_width else ends), "interval": EXACT if no_width else method}


def resampled_entry(
    value: float, ends: tuple[float, float], number: int, method: str, limits: tuple[float, float] = (0.0, 1.0)
) -> dict[str, object]:
    """`value`, `ci95` and `interval` of a score in `metrics.json`.

    Args:
        value: of the score.
        ends: by resampling.
        number: of what was drawn, clips or clusters.
        method: what the resampling is called.
        limits: lowest and highest value that a clip can have.
    """
    exact = same_value_interval(value, number, lowest=limits[0], highest=limits[1])
    return {"value": value, **interval_entry(ends, exact, method=method)}


DETECTED = float(norm.ppf(0.975) + norm.ppf(0.8))
"""Standard errors of a difference that 4 of 5 tests at 5 % find."""

DETECTABLE = DETECTED * np.sqrt(2) / (2 * norm.ppf(0.975))
"""Width of a 95 % interval -> the difference of two independent scores like it that 4 of 5 tests at 5 % find."""


def detectable_difference(ends: tuple[float, float]) -> float:
    """Difference that two systems as good as this one must have on these clips to be told apart.

    Args:
        ends: of a 95 % interval.
    """
    return float(DETECTABLE * (ends[1] - ends[0]))
