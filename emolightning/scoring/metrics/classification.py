"""Classification scores from the integer confusion matrix, in float64.

The matrix is (classes, classes + 1): rows are the truth, the last column counts answers without a readable label.
Unreadable answers count as wrong in every headline value.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from emolightning.scoring.metrics.intervals import exact_proportion

MOST_DRAWS = 100_000_000
"""Clips drawn one by one, over all samples; beyond it their numbers in each cell are drawn."""

DRAWS_AT_ONCE = 4_000_000
"""Clips drawn before they are counted: 32 MB for their indices."""


def confusion_matrix(truths: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> np.ndarray:
    """Count (truth, prediction) pairs.

    Args:
        truths: class indices.
        predictions: class indices, or `num_classes` for an unreadable answer.
        num_classes: size of the vocabulary.

    Returns:
        int64 (num_classes, num_classes + 1)
    """
    flat = np.asarray(truths, dtype=np.int64) * (num_classes + 1) + np.asarray(predictions, dtype=np.int64)
    return np.bincount(flat, minlength=num_classes * (num_classes + 1)).reshape(num_classes, num_classes + 1)


def per_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 (0 where undefined) and support of each class.

    Args:
        counts: (..., classes, classes + 1)

    Returns:
        name -> float64 (..., classes); support is int64.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    support = counts.sum(axis=-1)
    answered = counts[..., :-1].sum(axis=-2)
    return {
        "precision": _ratio(hits, answered),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + answered),
        "support": support,
    }


def scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of DEFINITIONS.

    Args:
        counts: (..., classes, classes + 1); leading dimensions are kept, e.g. for bootstrap samples.

    Returns:
        name -> float64 (...)
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1)
    return _averages(per_class(counts), counts, war=_ratio(hits, counts.sum(axis=(-2, -1))))


def _averages(values: Mapping[str, np.ndarray], counts: np.ndarray, *, war: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of DEFINITIONS from values of classes: (..., classes) -> (...)."""
    support = counts.sum(axis=-1)
    declared, total = support > 0, support.sum(axis=-1)
    observed = (support + counts[..., :-1].sum(axis=-2)) > 0
    return {
        "weighted_f1": _ratio((values["f1"] * support).sum(axis=-1), total),
        "macro_f1": _mean_where(values["f1"], declared),
        "uar": _mean_where(values["recall"], declared),
        "war": war,
        "macro_precision": _mean_where(values["precision"], declared),
        "weighted_precision": _ratio((values["precision"] * support).sum(axis=-1), total),
        "macro_f1_observed": _mean_where(values["f1"], observed),
        "macro_precision_observed": _mean_where(values["precision"], observed),
    }


def exact_per_class(counts: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Lower and upper ends of the values of each class, which are proportions of its clips.

    Recall is one of the true clips, precision one of the answers. F1 is 2 J / (1 + J), where J is the share of hits
    among the clips that are of the class, or answered so, or both.

    Args:
        counts: (classes, classes + 1)

    Returns:
        name -> float64 (classes,), twice; 0 and 1 where nothing was counted.
    """
    hits, answered, support = np.diagonal(counts), counts[:, :-1].sum(axis=0), counts.sum(axis=1)
    ends = {
        "precision": exact_proportion(hits, answered),
        "recall": exact_proportion(hits, support),
        "f1": [2 * end / (1 + end) for end in exact_proportion(hits, support + answered - hits)],
    }
    low, high = ({name: pair[side] for name, pair in ends.items()} for side in (0, 1))
    return low, high


def exact_intervals(counts: np.ndarray) -> dict[str, tuple[float, float]]:
    """Intervals of the scores where resampling shows no spread: WAR is a proportion, the others average over classes.

    The mean of the classes' lower ends is no more than the lower end of the mean, and the upper likewise. For results
    without spread in each class this holds without any approximation: had a class's true value been beyond its end,
    then what was seen of that class alone would have had a chance under 2.5 %.

    Args:
        counts: (classes, classes + 1)
    """
    war = exact_proportion(np.trace(counts), counts.sum())
    sides = zip(exact_per_class(counts), war, strict=True)
    low, high = (_averages(values, counts, war=end) for values, end in sides)
    return {name: (float(low[name]), float(high[name])) for name in low}


def alphabetical(counts: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """The matrix with its classes in alphabetical order, so that intervals do not depend on that of a vocabulary.

    Args:
        counts: (classes, classes + 1)
        labels: names of the classes.
    """
    order = sorted(range(len(labels)), key=lambda index: labels[index])
    return counts[np.ix_(order, [*order, len(labels)])]


def bootstrap_intervals(
    counts: np.ndarray, *, num_samples: int = 10_000, level: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals over clips drawn with replacement.

    Args:
        counts: (classes, classes + 1)
        num_samples: bootstrap samples.
        level: share of the samples inside the interval.
        seed: of the draws.

    Returns:
        score -> its ends.
    """
    samples = bootstrap_samples(counts, num_samples=num_samples, seed=seed)
    return {name: interval(values, level) for name, values in samples.items()}


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
    flat, rng = counts.reshape(-1), np.random.default_rng(seed)
    total = int(flat.sum())
    if total * num_samples > MOST_DRAWS:
        draws = rng.multinomial(total, flat / total, size=num_samples)
    else:
        draws = _draw_clips(flat, num_samples, rng)
    return scores(draws.reshape(num_samples, *counts.shape))


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the samples: percentiles at its ends."""
    tail = (1 - level) / 2
    return float(np.quantile(samples, tail)), float(np.quantile(samples, 1 - tail))


def _draw_clips(flat: np.ndarray, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Int64 (num_samples, cells): for each sample the clips drawn from each cell."""
    cell_of_clip = np.repeat(np.arange(flat.size), flat)
    size = max(1, DRAWS_AT_ONCE // max(1, cell_of_clip.size))
    parts = []
    for start in range(0, num_samples, size):
        rows = min(size, num_samples - start)
        cells = cell_of_clip[rng.integers(0, cell_of_clip.size, (rows, cell_of_clip.size))]
        cells += np.arange(rows)[:, None] * flat.size
        parts.append(np.bincount(cells.reshape(-1), minlength=rows * flat.size).reshape(rows, flat.size))
    return np.concatenate(parts)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator), dtype=np.float64), where=np.asarray(denominator) > 0
    )


def _mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _ratio((values * mask).sum(axis=-1), mask.sum(axis=-1))
