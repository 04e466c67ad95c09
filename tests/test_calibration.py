"""Calibration by hand, and by simulation with probabilities that are too certain."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from emolightning.scoring.metrics.calibration import (
    by_thresholds,
    calibration,
    fitted_temperature,
    fitted_thresholds,
    reliability,
    risk_coverage,
    softmax,
)
from emolightning.scoring.metrics.classification import confusion_matrix, scores


def test_a_toy_that_is_too_certain():
    """By hand: of ten clips said with 0.9 six are right, of ten with 0.6 five; ECE = (10 x 0.3 + 10 x 0.1) / 20."""
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    truths = np.array([0] * 6 + [1] * 4 + [1] * 5 + [0] * 5)
    found = calibration(probabilities, truths)
    assert found["ece"] == pytest.approx(0.2, abs=1e-12)
    assert found["brier"] == pytest.approx(2 * brier_score_loss(truths, probabilities[:, 1]))
    assert found["nll"] == pytest.approx(log_loss(truths, probabilities))
    bins = [(part["num_clips"], part["confidence"], part["accuracy"]) for part in reliability(probabilities, truths)]
    assert bins == [(10, pytest.approx(0.6), 0.5), (10, pytest.approx(0.9), 0.6)]


@pytest.mark.parametrize("certain", [1.0, 3.0])
def test_certainty_by_a_factor_is_found_and_undone(certain):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (4_000, 5))
    honest = softmax(logits)
    truths = np.array([rng.choice(5, p=row) for row in honest])
    temperature = fitted_temperature(logits * certain, truths)
    assert temperature == pytest.approx(certain, rel=0.08)
    mended = calibration(softmax(logits * certain, temperature), truths)
    assert mended["ece"] < 0.025
    assert mended["nll"] <= calibration(softmax(logits * certain), truths)["nll"]


def test_risk_against_coverage_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.7, 0.3]])
    curve = risk_coverage(probabilities, np.array([0, 1, 0, 1]), num_points=4)
    assert [point["coverage"] for point in curve["points"]] == [0.25, 0.5, 0.75, 1.0]
    # The last two are equally confident, and one of them is wrong: half a mistake each.
    assert [point["risk"] for point in curve["points"]] == [0, 0.5, 0.5, 0.5]
    assert curve["area"] == pytest.approx(0.375)


def test_thresholds_find_a_class_that_is_said_too_rarely():
    rng = np.random.default_rng(1)
    truths = rng.choice(3, size=600, p=[0.45, 0.45, 0.1])
    logits = rng.normal(0, 1, (600, 3)) + 2.0 * np.eye(3)[truths] - np.array([0, 0, 2.0])
    probabilities = softmax(logits)
    fitted = fitted_thresholds(probabilities[:300], truths[:300])
    assert fitted[2] < min(fitted[:2])
    before, after = (
        scores(confusion_matrix(truths[300:], said[300:], 3))["macro_f1"]
        for said in (probabilities.argmax(axis=1), by_thresholds(probabilities, fitted))
    )
    assert after > before + 0.05


def test_nothing_to_gain_changes_nothing():
    truths = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0], [0.6, 0.4, 0.0]])
    assert fitted_thresholds(probabilities, truths) == pytest.approx([1, 1, 1])
