"""Classification scores from the integer confusion matrix, in float64.

The matrix is (classes, classes + 1): rows are the truth, the last column counts answers without a readable label.
Unreadable answers count as wrong in every headline value.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from emolightning.records.score_names import MCC
from emolightning.scoring.metrics.resampling import Resampling

ROUNDING = 1e-12
"""Shares of the clips as small as this are none."""


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
        MCC: matthews(counts),
        "macro_f1_observed": _mean_where(values["f1"], observed),
        "macro_precision_observed": _mean_where(values["precision"], observed),
    }


def matthews(counts: np.ndarray) -> np.ndarray:
    """Correlation of truths and answers (Gorodkin 2004, equation 8); 0 where either has one class alone.

    Args:
        counts: (..., classes, classes + 1)

    >>> round(float(matthews(np.array([[2, 0, 0], [1, 1, 0]]))), 4)
    0.5774
    """
    support, answered, total = counts.sum(axis=-1), counts.sum(axis=-2), counts.sum(axis=(-2, -1))
    hits = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1)
    together = hits * total - (support * answered[..., :-1]).sum(axis=-1)
    squared = np.asarray(total, dtype=np.float64) ** 2
    spreads = [squared - (each.astype(np.float64) ** 2).sum(axis=-1) for each in (support, answered)]
    varies = np.minimum(*spreads) > ROUNDING * squared
    return _ratio(np.where(varies, together, 0), np.sqrt(np.where(varies, spreads[0] * spreads[1], 0)))


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
    totals = (resampling or Resampling()).totals(kinds.reshape(-1), values.reshape(len(found), -1))
    shape = (-1, len(answers), num_classes, num_classes + 1)
    samples = joined(scores(piece.reshape(shape)) for piece in totals)
    return [{name: values[:, number] for name, values in samples.items()} for number in range(len(answers))]


def joined(pieces: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Scores of pieces of the samples -> those of all."""
    found = list(pieces)
    return {name: np.concatenate([piece[name] for piece in found]) for name in found[0]}


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator), dtype=np.float64), where=np.asarray(denominator) > 0
    )


def _mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _ratio((values * mask).sum(axis=-1), mask.sum(axis=-1))
