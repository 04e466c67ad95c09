"""Scores of probabilities: as scikit-learn has them, intervals as DeLong's, and the columns of a file."""

from pathlib import Path

import numpy as np
import pytest
from score_factory import refusal, score, write_csv
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score, top_k_accuracy_score

from emolightning.scoring.metrics.classification import confusion_matrix, matthews
from emolightning.scoring.metrics.ranking import area_interval, area_under_roc, average_precision, ranking

LABELS = ("happy", "sad", "angry", "worried")


def drawn(seed: int, number: int, *, digits: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truths = np.append(np.arange(4), rng.integers(0, 4, number - 4))
    logits = rng.normal(size=(number, 4)) + np.eye(4)[truths]
    powers = np.exp(logits).round(digits)
    return powers / powers.sum(axis=1, keepdims=True), truths


@pytest.mark.parametrize(("seed", "number", "digits"), [(0, 200, 9), (1, 30, 9), (2, 120, 0)])
def test_scores_are_those_of_scikit_learn(seed: int, number: int, digits: int) -> None:
    probabilities, truths = drawn(seed, number, digits=digits)
    found = ranking(probabilities, truths, LABELS)
    for place, label in enumerate(LABELS):
        is_true, values = truths == place, probabilities[:, place]
        row = found["per_class"][label]
        assert row["auc"] == pytest.approx(roc_auc_score(is_true, values), abs=1e-12)
        assert row["average_precision"] == pytest.approx(average_precision_score(is_true, values), abs=1e-12)
        low, high = row["auc_ci95"]
        assert low < row["auc"] < high
    if digits:
        for k in (2, 3):
            expected = top_k_accuracy_score(truths, probabilities, k=k, labels=range(4))
            assert found["metrics"][f"top_{k}_accuracy"]["value"] == pytest.approx(expected, abs=1e-12)
    areas = roc_auc_score(truths, probabilities, multi_class="ovr")
    assert found["metrics"]["macro_auc"]["value"] == pytest.approx(areas, abs=1e-12)


def test_equal_probabilities_are_no_hit() -> None:
    found = ranking(np.full((6, 4), 0.25), np.array([0, 1, 2, 3, 0, 1]), LABELS)["metrics"]
    assert found["top_3_accuracy"]["value"] == 0
    assert found["macro_auc"]["value"] == 0.5
    assert list(ranking(np.full((2, 2), 0.5), np.array([0, 0]), ("a", "b"))["metrics"]) == []


def test_the_variance_of_an_area_is_delongs() -> None:
    """Written out by pairs of clips; with clusters of single clips Student's quantile is the only difference."""
    probabilities, truths = drawn(3, 40)
    values, is_true = probabilities[:, 0], truths == 0
    pairs = (values[is_true][:, None] > values[~is_true]).astype(float)
    variance = pairs.mean(axis=1).var(ddof=1) / is_true.sum() + pairs.mean(axis=0).var(ddof=1) / (~is_true).sum()
    area, influences = area_under_roc(values, is_true)
    assert influences.sum() == pytest.approx(0, abs=1e-12)
    assert (influences**2).sum() == pytest.approx(variance, rel=0.1)
    alone, clustered = (area_interval(area, influences, of, fewest=9) for of in (None, np.arange(40)))
    assert clustered[0] < alone[0] < area < alone[1] < clustered[1]
    perfect = area_interval(1.0, np.zeros(40), None, fewest=9)
    assert perfect[0] < perfect[1] == 1


def test_average_precision_of_one_clip() -> None:
    assert average_precision(np.array([0.1, 0.9]), np.array([True, False])) == 0.5


@pytest.mark.parametrize(("seed", "num_labels"), [(0, 4), (1, 4), (2, 2)])
def test_matthews_correlation(seed: int, num_labels: int) -> None:
    rng = np.random.default_rng(seed)
    truths = rng.integers(0, num_labels, 300)
    answers = np.where(rng.random(300) < 0.5, truths, rng.integers(0, num_labels + 1, 300))
    found = float(matthews(confusion_matrix(truths, answers, num_labels)))
    assert found == pytest.approx(matthews_corrcoef(truths, answers), abs=1e-12)


def file_of(folder: Path, rows: list[tuple[object, ...]]) -> str:
    header = ("id", "answer", "truth", *(f"p_{label}" for label in ("happy", "sad", "angry")))
    return f"answers={write_csv(folder / 'p.csv', header, rows)}"


ROWS: list[tuple[object, ...]] = [
    ("a", "happy", "happy", 0.7, 0.2, 0.1),
    ("b", "sad", "happy", 0.3, 0.6, 0.1),
    ("c", "sad", "sad", 0.2, 0.5, 0.3),
    ("d", "sad", "angry", 0.4, 0.5, 0.1),
]


def test_probabilities_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (file_of(tmp_path, ROWS), "labels=[happy,sad,angry]", "probabilities=true")
    report = score(tmp_path / "out", *words)
    found = report["likelihood"]["ranking"]
    assert found["metrics"]["top_2_accuracy"]["value"] == 0.75
    assert found["per_class"]["happy"]["auc"] == 0.75
    assert report["likelihood"]["calibration"]["brier"] > 0
    assert "Ranked by them: top_2_accuracy 0.7500" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("row", "more", "message"),
    [
        ((0.7, 0.7, 0.1), (), "probabilities have the sum 1.5; those of a clip must have the sum 1"),
        (("", "", ""), (), "1 of 5 clips have none: 'e'; write them in columns p_happy, p_sad, ..."),
        ((0.5, 0.5, 0.0), ("labels=[happy,sad]",), "truth 'angry' of 'd' is not one of"),
        ((0.5, 0.5, 0.0), ("labels=[happy,sad,angry,fear]",), "probabilities and labels differ in fear"),
        ((0.5, 0.5, 0.0), ("pair_by=row",), "are found by ids as they are written"),
    ],
)
def test_probabilities_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: tuple[object, ...], more: tuple[str, ...], message: str
) -> None:
    words = (file_of(tmp_path, [*ROWS, ("e", "sad", "sad", *row)]), "labels=[happy,sad,angry]", "probabilities=true")
    given = words if not (more and more[0].startswith("labels")) else (words[0], words[2])
    assert message in refusal(capsys, tmp_path / "out", *given, *more)
