"""MER2023's second measure for MULTI and NOISE: the error of valence, and the score that combines it with F1.

MER2023 paper (arXiv 2304.08981), equations 10 to 12. A clip without valence carries the code -10 in the official files.
"""

import numpy as np

from emolightning.scoring.metrics.classification import scores
from emolightning.scoring.metrics.resampling import Resampling, kinds_of

MISSING = -10.0
"""The official files' code for a clip without valence."""

LOW, HIGH = -5.0, 5.0
"""Ends of the scale, very negative and very positive."""

LARGEST = (HIGH - LOW) ** 2
"""Squared error from one end of the scale to the other."""

MSE_WEIGHT = 0.25
"""Weight of the squared error in the combined score."""


def mean_squared_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean squared difference over clips that have both values.

    Args:
        predicted: (clips,), NaN where there is none.
        true: (clips,), NaN where there is none.

    Returns:
        NaN where no clip has both.
    """
    squares = (predicted - true) ** 2
    known = ~np.isnan(squares)
    return float(squares[known].mean()) if known.any() else float("nan")


def worst_guesses(true: np.ndarray) -> np.ndarray:
    """The end of the scale that is farther from each true value: what a missing prediction may count as."""
    return np.where(true > (LOW + HIGH) / 2, LOW, HIGH)


def combined(weighted_f1: float, mse: float) -> float:
    """The score that ranked MER-MULTI and MER-NOISE.

    >>> round(combined(0.7757, 0.88), 4)
    0.5557
    """
    return weighted_f1 - MSE_WEIGHT * mse


def bootstrap_samples(
    truths: np.ndarray, predictions: np.ndarray, squares: np.ndarray, num_classes: int, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    """Squared error and combined score of samples of as many clips, drawn with replacement.

    Label and valence of a clip are drawn together, so the clips are needed and not only their matrix.

    Args:
        truths: (clips,), class indices.
        predictions: (clips,), class indices, or `num_classes` for an unreadable answer.
        squares: (clips,), squared differences of valence, NaN where there is none.
        num_classes: size of the vocabulary.
        resampling: how clips are drawn.

    Returns:
        float64 (num_samples,) twice; NaN in samples where no clip has valence.
    """
    cells, num_cells = truths * (num_classes + 1) + predictions, num_classes * (num_classes + 1)
    kinds, first = kinds_of([cells, squares])
    known = ~np.isnan(squares[first])
    values = np.concatenate(
        [np.eye(num_cells)[cells[first]], np.where(known, squares[first], 0.0)[:, None], known[:, None]], axis=1
    )
    errors, f1 = [], []
    for totals in resampling.totals(kinds, values):
        with np.errstate(invalid="ignore"):  # no clip with valence: NaN
            errors.append(totals[:, -2] / totals[:, -1])
        f1.append(scores(totals[:, :num_cells].reshape(-1, num_classes, num_classes + 1))["weighted_f1"])
    mse = np.concatenate(errors)
    return mse, np.concatenate(f1) - MSE_WEIGHT * mse
