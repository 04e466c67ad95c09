"""Classification scores from the integer confusion matrix, in float64.

The matrix is (classes, classes + 1): rows are the truth, the last column counts answers without a readable label.
Unreadable answers count as wrong in every headline value.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from emolightning.scoring.metrics.intervals import exact_proportion
from emolightning.scoring.metrics.resampling import Resampling


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
    flat = counts.reshape(-1)
    drawn = Resampling(num_samples=num_samples, seed=seed).totals(
        np.repeat(np.arange(flat.size), flat), np.eye(flat.size)
    )
    return _joined(scores(totals.reshape(-1, *counts.shape)) for totals in drawn)


def paired_samples(
    truths: npt.ArrayLike,
    answers: Sequence[npt.ArrayLike],
    num_classes: int,
    resampling: Resampling | None = None,
) -> list[dict[str, np.ndarray]]:
    """The scores of several systems in the same samples of the same clips.

    Args:
        truths: (clips,), class indices.
        answers: of each system, (clips,): class indices, or `num_classes` for an unreadable answer.
        num_classes: size of the vocabulary.
        resampling: how clips are drawn.

    Returns:
        Of each system: score -> float64 (num_samples,).

    >>> right, wrong = paired_samples([0, 1, 1], [[0, 1, 1], [1, 1, 1]], 2, Resampling(num_samples=100))
    >>> bool(right["war"].min() == 1), bool((right["war"] >= wrong["war"]).all())
    (True, True)
    """
    num_cells = num_classes * (num_classes + 1)
    true = np.asarray(truths, dtype=np.int64) * (num_classes + 1)
    cells = np.stack([true + np.asarray(said, dtype=np.int64) for said in answers], axis=1)
    found, kinds = np.unique(cells, axis=0, return_inverse=True)
    values = np.zeros((len(found), len(answers), num_cells))
    np.put_along_axis(values, found[:, :, None], 1.0, axis=2)
    drawn = (resampling or Resampling()).totals(kinds.reshape(-1), values.reshape(len(found), -1))
    shape = (-1, len(answers), num_classes, num_classes + 1)
    samples = _joined(scores(totals.reshape(shape)) for totals in drawn)
    return [{name: values[:, number] for name, values in samples.items()} for number in range(len(answers))]


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the samples: percentiles at its ends."""
    tail = (1 - level) / 2
    return float(np.quantile(samples, tail)), float(np.quantile(samples, 1 - tail))


def _joined(pieces: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Scores of pieces of the samples -> those of all."""
    found = list(pieces)
    return {name: np.concatenate([piece[name] for piece in found]) for name in found[0]}


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator), dtype=np.float64), where=np.asarray(denominator) > 0
    )


def _mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _ratio((values * mask).sum(axis=-1), mask.sum(axis=-1))
