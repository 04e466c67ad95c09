"""Several systems as one: the mean of their probabilities, a vote, and weights that are fitted on validation clips.

Arrays are `(systems, clips, labels)`; a system that says nothing about a clip has NaN there, or -1 as its choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST = 1e-12
"""A probability of zero counts as this one, so that a single clip does not decide about weights."""

EQUAL = 1e-12
"""Values that differ by less are equal."""


@dataclass(frozen=True)
class Decided:
    """What several systems say together."""

    places: list[int]
    """Label of each clip, as its place among the labels; -1 where no system names one."""
    ties: list[int]
    """Clips that were still undecided after each rule."""


def mean_probabilities(probabilities: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Weighted mean over the systems that say something about a clip: (clips, labels).

    Args:
        probabilities: float64 (systems, clips, labels).
        weights: one a system; where all that are above zero say nothing, the others count equally.

    >>> mean_probabilities(np.array([[[0.9, 0.1]], [[0.5, 0.5]]]), [0.75, 0.25]).round(3).tolist()
    [[0.8, 0.2]]
    """
    says = ~np.isnan(probabilities).any(axis=2)
    shares = says * np.asarray(weights, dtype=np.float64)[:, None]
    shares = np.where(shares.sum(axis=0) > 0, shares, says)
    shares = shares / shares.sum(axis=0)
    return np.einsum("sc,scl->cl", shares, np.where(says[:, :, None], probabilities, 0.0))


def votes(choices: np.ndarray, num_labels: int) -> np.ndarray:
    """Systems that name each label: (clips, labels).

    Args:
        choices: int64 (systems, clips), places of labels; -1 for none.
        num_labels: of the vocabulary.
    """
    return (choices[:, :, None] == np.arange(num_labels)).sum(axis=0).astype(np.float64)


def decide(rules: Sequence[np.ndarray]) -> Decided:
    """The label of each clip: the largest value by the first rule, among equals by the next, and so on.

    Args:
        rules: each (clips, labels). A clip of which the first has no value above zero has no label.

    >>> decide([np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[0.2, 0.8], [0.5, 0.5]])])
    Decided(places=[1, -1], ties=[1, 0])
    """
    is_open, ties = np.ones(rules[0].shape, dtype=bool), []
    is_known = rules[0].max(axis=1) > 0
    for values in rules:
        among = np.where(is_open, values, -np.inf)
        is_open = among >= among.max(axis=1, keepdims=True) - EQUAL
        ties.append(int(((is_open.sum(axis=1) > 1) & is_known).sum()))
    places = np.where(is_known, is_open.argmax(axis=1), -1)
    return Decided(places.tolist(), ties)


def fitted_weights(probabilities: np.ndarray, truths: Sequence[int]) -> tuple[list[float], dict[str, float]]:
    """Weights, none negative and with a sum of 1, under which the weighted mean makes the truths likeliest.

    The loss is convex, and the search starts from equal weights, so that the same clips give the same weights.

    Args:
        probabilities: float64 (systems, clips, labels), all known.
        truths: place of each clip's label.

    Returns:
        The weights; and the mean loss in nats with them, `fitted`, and with equal ones, `equal`.
    """
    from scipy.optimize import minimize

    likely = np.maximum(probabilities[:, np.arange(len(truths)), list(truths)], LEAST)
    number = len(likely)

    def loss(weights: np.ndarray) -> float:
        return float(-np.log(np.maximum(weights @ likely, LEAST)).mean())

    def slope(weights: np.ndarray) -> np.ndarray:
        return -(likely / np.maximum(weights @ likely, LEAST)).mean(axis=1)

    equal = np.full(number, 1 / number)
    sum_is_one = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like}
    settings = {"ftol": 1e-12, "maxiter": 1000}
    found = minimize(
        loss, equal, jac=slope, method="SLSQP", bounds=[(0, 1)] * number, constraints=sum_is_one, options=settings
    )
    best = np.clip(found.x, 0, 1)
    best = (best / best.sum()).round(6)
    if loss(best) > loss(equal):
        best = equal
    return best.tolist(), {"fitted": loss(best), "equal": loss(equal)}
