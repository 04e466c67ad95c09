"""Scores against scikit-learn and torchmetrics; the collecting object against one pass over unique clips."""

import json

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as reference
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score

from emolightning.scoring.metrics import resampling
from emolightning.scoring.metrics.classification import (
    confusion_matrix,
    per_class,
    scores,
)
from emolightning.scoring.metrics.counted import Counted, alphabetical, bootstrap_samples
from emolightning.scoring.metrics.intervals import percentile_interval


def draw(seed, num_classes=6, num_clips=200, unreadable=0.1):
    rng = np.random.default_rng(seed)
    truths = rng.choice(num_classes, num_clips, p=rng.dirichlet(np.ones(num_classes)))
    noisy = np.where(rng.random(num_clips) < 0.7, truths, rng.integers(0, num_classes, num_clips))
    predictions = np.where(rng.random(num_clips) < unreadable, num_classes, noisy)
    return truths, predictions


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_scikit_learn(seed):
    truths, predictions = draw(seed)
    values = scores(confusion_matrix(truths, predictions, 6))
    declared, observed = sorted(set(truths)), sorted(set(truths) | set(predictions[predictions < 6]))
    # An unreadable answer is a prediction outside the labels that are averaged over.
    for name, average, labels in (
        ("weighted_{}", "weighted", observed),
        ("macro_{}", "macro", declared),
        ("macro_{}_observed", "macro", observed),
    ):
        options = {"labels": labels, "average": average, "zero_division": 0}
        for kind, function in (("f1", f1_score), ("precision", precision_score)):
            theirs = function(truths, predictions, **options)
            assert values[name.format(kind)] == pytest.approx(theirs, abs=1e-12), name
    assert values["war"] == accuracy_score(truths, predictions)
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        assert values["uar"] == pytest.approx(balanced_accuracy_score(truths, predictions), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_torchmetrics(seed):
    truths, predictions = draw(seed, unreadable=0.0)
    values = scores(confusion_matrix(truths, predictions, 6))
    tensors = torch.tensor(predictions), torch.tensor(truths)
    for name, function, average in (
        ("weighted_f1", reference.multiclass_f1_score, "weighted"),
        ("macro_f1_observed", reference.multiclass_f1_score, "macro"),
        ("war", reference.multiclass_accuracy, "micro"),
    ):
        assert values[name] == pytest.approx(float(function(*tensors, num_classes=6, average=average)), abs=1e-6)


def test_published_confusion_matrix_of_mer2023(shared):
    published = json.loads((shared / "benchmarks/published_confusions/confusion_matrices.json").read_text())
    matrix = np.array(next(entry["matrix"] for entry in published if entry["id"] == "mer2023_semi_authors"))
    values = scores(np.pad(matrix, ((0, 0), (0, 1))))
    assert values["weighted_f1"] == pytest.approx(0.9035772132511264, abs=1e-15)
    assert values["macro_f1"] == pytest.approx(0.8134121336588245, abs=1e-15)
    assert values["uar"] == pytest.approx(0.8069448177050722, abs=1e-15)
    assert values["weighted_precision"] == pytest.approx(0.9036254851540454, abs=1e-15)
    low, high = percentile_interval(
        bootstrap_samples(np.pad(matrix, ((0, 0), (0, 1))), num_samples=10_000, seed=0)["weighted_f1"]
    )
    assert low == pytest.approx(0.8824, abs=1e-3)
    assert high == pytest.approx(0.9236, abs=1e-3)


@pytest.mark.parametrize("strays", [[6], [6, 7, 8], []])
def test_a_label_of_no_clip_is_worth_as_much_as_an_answer_that_cannot_be_read(strays):
    truths, predictions = draw(7, unreadable=0)
    places = [5, 50, 150][: len(strays)]
    wrong, unreadable = predictions.copy(), predictions.copy()
    wrong[places], unreadable[places] = strays, 9
    values, expected = (scores(confusion_matrix(truths, read, 9)) for read in (wrong, unreadable))
    for name in ("macro_f1", "macro_precision", "weighted_f1", "weighted_precision", "uar", "war"):
        assert values[name] == expected[name], name
    assert (values["macro_f1_observed"] < expected["macro_f1_observed"]) == bool(strays)


def test_both_ways_to_draw_clips_have_the_same_spread(monkeypatch):
    counts = confusion_matrix(*draw(3), 6)
    one = bootstrap_samples(counts, num_samples=20_000, seed=0)
    monkeypatch.setattr(resampling, "DRAWS_AT_ONCE", 7_000)
    assert np.array_equal(one["uar"], bootstrap_samples(counts, num_samples=20_000, seed=0)["uar"])
    monkeypatch.setattr(resampling, "MOST_DRAWS", 0)
    other = bootstrap_samples(counts, num_samples=20_000, seed=0)
    for name, samples in one.items():
        assert samples.mean() == pytest.approx(other[name].mean(), abs=1e-3), name
        assert samples.std() == pytest.approx(other[name].std(), rel=0.03), name


def test_the_spread_is_that_of_scikit_learn_on_drawn_clips():
    truths, predictions = draw(4, num_clips=150)
    rng = np.random.default_rng(9)
    drawn = [rng.integers(0, 150, 150) for _ in range(400)]
    options = {"labels": range(6), "average": "weighted", "zero_division": 0}
    theirs = [f1_score(truths[index], predictions[index], **options) for index in drawn]
    ours = bootstrap_samples(confusion_matrix(truths, predictions, 6), num_samples=10_000, seed=0)["weighted_f1"]
    assert ours.std() == pytest.approx(np.std(theirs), rel=0.1)
    assert ours.mean() == pytest.approx(np.mean(theirs), abs=5e-3)


def test_an_interval_does_not_depend_on_the_order_of_the_labels():
    truths, predictions = draw(5)
    labels, order = list("bdacfe"), [3, 0, 5, 1, 4, 2]
    position = np.argsort(order)
    counts = confusion_matrix(truths, predictions, 6)
    other = confusion_matrix(position[truths], np.append(position, 6)[predictions], 6)
    one, two = Counted(counts), Counted(other)
    assert np.array_equal(
        alphabetical(one, labels).counts, alphabetical(two, [labels[index] for index in order]).counts
    )


def test_a_class_that_never_occurs_does_not_count():
    counts = confusion_matrix([0, 0, 1], [0, 0, 1], 9)
    values = scores(counts)
    assert values["uar"] == values["macro_f1"] == values["war"] == 1.0
    assert per_class(counts)["recall"][5] == 0.0
