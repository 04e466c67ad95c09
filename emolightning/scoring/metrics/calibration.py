"""Whether probabilities are what they say: calibration error, Brier score, risk against coverage, and how to mend them.

Probabilities are (clips, classes), float64, and truths (clips,) class indices.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from emolightning.scoring.metrics.classification import confusion_matrix, scores

NUM_BINS = 15
SMALLEST = 1e-12
"""Probability below which a logarithm would be endless."""

TEMPERATURES = (0.05, 20.0)
THRESHOLDS = np.linspace(-2.0, 2.0, 81)
"""Logarithms of the factors of a class that are tried."""

ROUNDS = 3


def softmax(logprobs: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of the classes alone, which sum to 1.

    Args:
        logprobs: (clips, classes)
        temperature: above 1 makes them less certain.
    """
    scaled = logprobs / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def reliability(probabilities: np.ndarray, truths: np.ndarray, *, num_bins: int = NUM_BINS) -> list[dict[str, Any]]:
    """Points of a reliability diagram: bins of equal width by the probability of the likeliest class; none is empty.

    Args:
        probabilities: (clips, classes)
        truths: (clips,)
        num_bins: from 0 to 1; a bin holds its upper end.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truths
    places = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    return [
        {
            "low": place / num_bins,
            "high": (place + 1) / num_bins,
            "num_clips": int((places == place).sum()),
            "confidence": float(confidence[places == place].mean()),
            "accuracy": float(right[places == place].mean()),
        }
        for place in np.unique(places).tolist()
    ]


def expected_calibration_error(bins: list[dict[str, Any]]) -> float:
    """ECE: mean distance of confidence and accuracy over the bins, weighted by their clips.

    >>> expected_calibration_error([{"num_clips": 3, "confidence": 0.9, "accuracy": 0.6},
    ...                             {"num_clips": 1, "confidence": 0.5, "accuracy": 0.5}])
    0.225
    """
    gaps = sum(part["num_clips"] * abs(part["confidence"] - part["accuracy"]) for part in bins)
    return round(gaps / sum(part["num_clips"] for part in bins), 15)


def calibration(probabilities: np.ndarray, truths: np.ndarray) -> dict[str, float]:
    """ECE with equal bins, Brier score and negative log-likelihood.

    Args:
        probabilities: (clips, classes)
        truths: (clips,)
    """
    hot = np.eye(probabilities.shape[1])[truths]
    return {
        "ece": expected_calibration_error(reliability(probabilities, truths)),
        "brier": float(((probabilities - hot) ** 2).sum(axis=1).mean()),
        "nll": _loss(probabilities, truths),
    }


def risk_coverage(probabilities: np.ndarray, truths: np.ndarray, *, num_points: int = 20) -> dict[str, Any]:
    """Share of wrong answers among the most confident clips, for growing shares of them, and the area below.

    Equally confident clips are taken together: the risk within such a group is the group's own.

    Args:
        probabilities: (clips, classes)
        truths: (clips,)
        num_points: of the curve.
    """
    confidence, wrong = probabilities.max(axis=1), (probabilities.argmax(axis=1) != truths).astype(np.float64)
    values, group = np.unique(-confidence, return_inverse=True)
    expected = (np.bincount(group, weights=wrong, minlength=len(values)) / np.bincount(group))[group]
    ordered = expected[np.argsort(-confidence, kind="stable")]
    risks = ordered.cumsum() / np.arange(1, len(ordered) + 1)
    counts = np.unique(np.ceil(np.linspace(1 / num_points, 1, num_points) * len(risks)).astype(int))
    points = [{"coverage": float(count / len(risks)), "risk": float(risks[count - 1])} for count in counts]
    return {"points": points, "area": float(risks.mean())}


def fitted_temperature(logprobs: np.ndarray, truths: np.ndarray) -> float:
    """The temperature under which the true classes are likeliest; to be fitted on validation clips.

    Args:
        logprobs: (clips, classes)
        truths: (clips,)
    """

    def loss(logarithm: float) -> float:
        return _loss(softmax(logprobs, float(np.exp(logarithm))), truths)

    return float(np.exp(minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded").x))


def _loss(probabilities: np.ndarray, truths: np.ndarray) -> float:
    """Negative log-likelihood."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truths)), truths], SMALLEST)).mean())


def fitted_thresholds(probabilities: np.ndarray, truths: np.ndarray, *, score: str = "macro_f1") -> np.ndarray:
    """A threshold for each class: the answer is the class whose probability exceeds its own by the largest factor.

    One class after the other takes the threshold that is best for the score, of equals the one nearest to 1; to be
    fitted on validation clips.

    Args:
        probabilities: (clips, classes)
        truths: (clips,)
        score: one of `scores`.

    Returns:
        (classes,), 1 for classes of which no clip is true.
    """
    num_classes = probabilities.shape[1]
    logarithms, known = np.zeros(num_classes), np.bincount(truths, minlength=num_classes) > 0
    logs = np.log(np.maximum(probabilities, SMALLEST))
    for _ in range(ROUNDS):
        for index in np.flatnonzero(known):
            tried = np.tile(logarithms, (len(THRESHOLDS), 1))
            tried[:, index] = THRESHOLDS
            said = [(logs - one).argmax(axis=1) for one in tried]
            counts = np.stack([confusion_matrix(truths, one, num_classes) for one in said])
            values = scores(counts)[score]
            best = np.flatnonzero(values >= values.max() - 1e-12)
            logarithms[index] = THRESHOLDS[best[np.abs(THRESHOLDS[best]).argmin()]]
    return np.exp(logarithms)


def by_thresholds(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(clips,), the class that exceeds its threshold by the largest factor."""
    return (probabilities / thresholds).argmax(axis=1)
