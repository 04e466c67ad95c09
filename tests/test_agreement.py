"""Agreement of people: worked examples of the papers, and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from emolightning.records.votes import leaders
from emolightning.scoring.metrics.agreement import (
    Level,
    cohens_kappa,
    coincidences,
    fleiss_kappa,
    fleiss_sums,
    krippendorff_alpha,
    majorities_of_others,
    vote_counts,
)

KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
"""Example C of "Computing Krippendorff's alpha-reliability" (2011): four observers, twelve units, 0 for none."""


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_krippendorffs_example(level: Level, alpha: float) -> None:
    counts = vote_counts(np.array(KRIPPENDORFF).T - 1, 5)
    found = krippendorff_alpha(coincidences(counts).sum(axis=0), level, [1, 2, 3, 4, 5])
    assert float(found) == pytest.approx(alpha, abs=5e-4)


FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""The example with ten subjects and fourteen raters that Wikipedia's article on Fleiss' kappa computes: 0.210."""


def test_kappa_of_fleiss_example() -> None:
    counts = np.array(FLEISS)
    assert float(fleiss_kappa(fleiss_sums(counts).sum(axis=0))) == pytest.approx(0.210, abs=5e-4)
    # With many votes a clip alpha of labels is nearly the same: (1 - kappa) / (1 - alpha) = 1 - 1 / votes.
    alpha = float(krippendorff_alpha(coincidences(counts).sum(axis=0)))
    assert alpha == pytest.approx(1 - (1 - 0.2099) * (1 - 1 / counts.sum()), abs=5e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_cohens_kappa_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, 60)
    second = np.where(rng.random(60) < 0.6, first, rng.integers(0, 4, 60))
    assert cohens_kappa(first, second, 4) == pytest.approx(cohen_kappa_score(first, second))
    absent = np.append(np.zeros(3, dtype=int) - 1, second[3:])
    assert cohens_kappa(first, absent, 4) == pytest.approx(cohen_kappa_score(first[3:], second[3:]))


def test_what_is_not_defined_is_no_number() -> None:
    same = np.zeros((5, 2), dtype=int)
    counts = vote_counts(same, 3)
    assert np.isnan(krippendorff_alpha(coincidences(counts).sum(axis=0)))
    assert np.isnan(fleiss_kappa(fleiss_sums(counts).sum(axis=0)))
    assert np.isnan(cohens_kappa(same[:, 0], same[:, 1], 3))
    assert np.isnan(cohens_kappa(np.array([0, -1]), np.array([-1, 1]), 3))
    alone = vote_counts(np.array([[1, -1, -1], [0, 0, 1]]), 2)
    assert coincidences(alone)[0].sum() == 0
    assert coincidences(alone)[1].sum() == 3


def test_the_label_of_the_others() -> None:
    votes = np.array([[0, 0, 1, 1], [0, 0, 0, -1], [2, -1, -1, -1], [1, 0, 2, 2]])
    assert majorities_of_others(votes, 3).tolist() == [
        [1, 1, 0, 0],
        [0, 0, 0, -1],
        [-1, -1, -1, -1],
        [2, 2, -1, -1],
    ]
    assert leaders(["b", "a", "a", "b", None]) == ["b", "a"]
