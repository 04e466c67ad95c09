"""Scores of numbers: the errors and correlations of valence, arousal and sentiment, and MER2023's combined score.

MER2023 paper (arXiv 2304.08981), equations 10 to 12. A clip without valence carries the code -10 in the official files.
"""

import numpy as np

from emolightning.scoring.metrics.classification import joined, scores
from emolightning.scoring.metrics.resampling import Resampling, kinds_of

MISSING = -10.0
"""The official files' code for a clip without valence."""

LOW, HIGH = -5.0, 5.0
"""Ends of MER2023's scale of valence, very negative and very positive."""

NO_SPREAD = 1e-12
"""Variances as small as this are rounding."""

MSE_WEIGHT = 0.25
"""Weight of the squared error in the combined score."""

NUM_SUMS = 7
"""Columns of `sums_of`."""


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


def worst_guesses(true: np.ndarray, low: float, high: float) -> np.ndarray:
    """The end of the scale that is farther from each true value: what a missing prediction may count as."""
    return np.where(true > (low + high) / 2, low, high)


def combined(weighted_f1: float, mse: float) -> float:
    """The score that ranked MER-MULTI and MER-NOISE.

    >>> round(combined(0.7757, 0.88), 4)
    0.5557
    """
    return weighted_f1 - MSE_WEIGHT * mse


def sums_of(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """What the scores of numbers are made of, summed over any clips: float64 (clips, 7), 0 without both values.

    Args:
        predicted: (clips,), NaN where there is none.
        true: (clips,), NaN where there is none; both are taken from its mean, for the sake of precision.
    """
    known = ~np.isnan(predicted - true)
    middle = true[known].mean() if known.any() else 0.0
    ours, theirs = (np.where(known, values - middle, 0.0) for values in (predicted, true))
    return np.stack(
        [known, ours, theirs, ours**2, theirs**2, ours * theirs, np.abs(ours - theirs)], axis=1, dtype=np.float64
    )


def number_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of `OF_DIMENSION`.

    Args:
        sums: (..., 7), of clips.

    Returns:
        name -> float64 (...), NaN where no clip has both values.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ours, theirs, ours_squared, theirs_squared, products, errors = np.moveaxis(sums[..., 1:] / sums[..., :1], -1, 0)
        variances = np.maximum(ours_squared - ours**2, 0.0), np.maximum(theirs_squared - theirs**2, 0.0)
        covariance = products - ours * theirs
        spread, both = np.sqrt(variances[0] * variances[1]), variances[0] + variances[1] + (ours - theirs) ** 2
        return {
            "mse": np.maximum(ours_squared - 2 * products + theirs_squared, 0.0),
            "mae": errors,
            "ccc": np.where(both > NO_SPREAD, 2 * covariance / both, both * 0.0),
            "pearson": np.where(spread > NO_SPREAD, np.clip(covariance / spread, -1.0, 1.0), spread * 0.0),
        }


def number_ranges(scale: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Score of numbers on a scale -> its lowest and highest value."""
    width = scale[1] - scale[0]
    return {"mse": (0.0, width**2), "mae": (0.0, width), "ccc": (-1.0, 1.0), "pearson": (-1.0, 1.0)}


def bootstrap_samples(
    truths: np.ndarray,
    predictions: np.ndarray,
    numbers: tuple[np.ndarray, np.ndarray],
    num_classes: int,
    resampling: Resampling,
) -> dict[str, np.ndarray]:
    """The scores of numbers and the combined one of samples of as many clips, drawn with replacement.

    Label and number of a clip are drawn together, so the clips are needed and not only their matrix.

    Args:
        truths: (clips,), class indices.
        predictions: (clips,), class indices, or `num_classes` for an unreadable answer.
        numbers: predicted and true, (clips,) each, NaN where there is none.
        num_classes: size of the vocabulary.
        resampling: how clips are drawn.

    Returns:
        name -> float64 (num_samples,); NaN in samples where no clip has both numbers.
    """
    cells, num_cells = truths * (num_classes + 1) + predictions, num_classes * (num_classes + 1)
    kinds, first = kinds_of([cells, *numbers])
    values = np.concatenate([np.eye(num_cells)[cells[first]], sums_of(*numbers)[first]], axis=1)
    pieces = []
    for totals in resampling.totals(kinds, values):
        found = number_scores(totals[:, num_cells:])
        f1 = scores(totals[:, :num_cells].reshape(-1, num_classes, num_classes + 1))["weighted_f1"]
        pieces.append({**found, "combined": f1 - MSE_WEIGHT * found["mse"]})
    return joined(pieces)
