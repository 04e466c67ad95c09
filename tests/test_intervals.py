"""Intervals where resampling shows no spread: against SciPy's exact test, and against chances by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest
from score_factory import metrics_of

from emolightning.records.clips import Answer
from emolightning.records.labels import MER6
from emolightning.records.score_names import BOOTSTRAP, EXACT
from emolightning.scoring.classification import Classification
from emolightning.scoring.folds import fold_report
from emolightning.scoring.judges.offline import OfflineJudge
from emolightning.scoring.metrics.classification import bootstrap_intervals, exact_intervals
from emolightning.scoring.metrics.intervals import exact_proportion, same_value_interval
from emolightning.scoring.reasoning import Reasoning


def exact(hits: int, total: int) -> list[float]:
    found = binomtest(hits, total).proportion_ci(method="exact")
    return [found.low, found.high]


def report_of(pairs: list[tuple[str, str]], labels: tuple[str, ...] = MER6, prefix: str = "c"):
    answers = [Answer(f"{prefix}{number}", said, "", truth, 0.0) for number, (truth, said) in enumerate(pairs)]
    scoring = Classification(labels=labels)
    return scoring.report(answers, list(map(scoring.score, answers)), benchmark="by hand", split="test")


@pytest.mark.parametrize(("hits", "total"), [(0, 1), (1, 1), (0, 14), (14, 14), (3, 7), (833, 834), (1, 2341)])
def test_a_proportion_is_that_of_scipy(hits, total):
    assert [float(end) for end in exact_proportion(hits, total)] == pytest.approx(exact(hits, total), abs=1e-12)


def test_nothing_counted_is_nothing_known():
    assert [float(end) for end in exact_proportion(0, 0)] == [0, 1]


@pytest.mark.parametrize("clips", [{"happy": 3}, {"happy": 12, "sad": 40}, dict.fromkeys(MER6, 30)])
def test_a_perfect_score_is_no_certainty(clips):
    report = report_of([(label, label) for label, count in clips.items() for _ in range(count)]).content()
    total = sum(clips.values())
    assert report["metrics"]["war"]["ci95"] == pytest.approx(exact(total, total))
    lows = [exact(count, count)[0] for count in clips.values()]
    assert report["metrics"]["uar"]["ci95"] == pytest.approx([np.mean(lows), 1])
    for metric in report["metrics"].values():
        low, high = metric["ci95"]
        assert low < high == metric["value"] == 1
        assert metric["interval"] == EXACT


@pytest.mark.parametrize("answer", ["sad", "mumble", "fear"])
def test_nor_is_a_score_of_zero(answer):
    metrics = report_of([("happy", answer)] * 9 + [("angry", answer)] * 5).metrics
    assert metrics["war"]["ci95"] == pytest.approx(exact(0, 14))
    assert metrics["uar"]["ci95"] == pytest.approx([0, (exact(0, 9)[1] + exact(0, 5)[1]) / 2])
    for metric in metrics.values():
        assert metric["ci95"][0] == metric["value"] == 0 < metric["ci95"][1]


def test_classes_wholly_right_and_wholly_wrong_have_a_width_together():
    metrics = report_of([("happy", "happy")] * 50 + [("sad", "happy")] * 50).metrics
    assert metrics["uar"]["value"] == 0.5
    assert metrics["uar"]["ci95"] == pytest.approx([exact(50, 50)[0] / 2, (1 + exact(0, 50)[1]) / 2])
    assert metrics["war"]["interval"] == BOOTSTRAP


def test_the_interval_of_a_perfect_average_holds_all_that_could_have_been_seen():
    """Recalls with a chance above 2.5 % of what was seen, drawn at random: their mean is inside."""
    supports, rng = np.array([14, 60, 219]), np.random.default_rng(0)
    counts = np.pad(np.diag(supports), ((0, 0), (0, 1)))
    low, _ = exact_intervals(counts)["uar"]
    recalls = 1 - rng.beta(0.3, 8, (100_000, 3))
    means = recalls.mean(axis=1)[(recalls**supports).prod(axis=1) > 0.025]
    assert len(means) > 100
    assert low <= means.min()


def test_values_of_classes_have_exact_intervals():
    pairs = [("happy", "happy")] * 2 + [("sad", "sad")] * 7 + [("sad", "happy")] * 3 + [("angry", "sad")]
    rows = report_of(pairs).per_class
    assert rows["happy"]["ci95"]["recall"] == pytest.approx(exact(2, 2))
    assert rows["happy"]["ci95"]["precision"] == pytest.approx(exact(2, 5))
    assert rows["sad"]["ci95"]["recall"] == pytest.approx(exact(7, 10))
    assert rows["sad"]["ci95"]["f1"] == pytest.approx([2 * end / (1 + end) for end in exact(7, 11)])
    assert rows["angry"]["ci95"]["recall"] == pytest.approx(exact(0, 1))
    assert rows["surprise"]["ci95"] == dict.fromkeys(("precision", "recall", "f1"), [0, 1])
    for row in rows.values():
        for name, (low, high) in row["ci95"].items():
            assert low <= row[name] <= high


def test_other_intervals_are_those_of_the_bootstrap():
    pairs = [("happy", "happy")] * 30 + [("sad", "sad")] * 20 + [("sad", "happy")] * 4
    metrics = report_of(pairs, labels=("happy", "sad")).metrics
    expected = bootstrap_intervals(np.array([[30, 0, 0], [4, 20, 0]]))
    for name, metric in metrics.items():
        assert metric["ci95"] == list(expected[name])
        assert metric["interval"] == BOOTSTRAP


def test_folds_without_a_wrong_answer():
    parts = [report_of([("happy", "happy")] * size, prefix=f"fold{size}/") for size in (10, 30)]
    metrics = fold_report({str(number): part for number, part in enumerate(parts)}).metrics
    assert metrics["war"]["ci95"] == pytest.approx([(exact(10, 10)[0] + exact(30, 30)[0]) / 2, 1])


def test_equal_grades_of_a_judge():
    answers = [Answer(f"c{number}", "", "", "She smiles.", 0.0) for number in range(8)]
    metrics = metrics_of(Reasoning(judge=OfflineJudge()), answers, benchmark="by hand", split="test")["metrics"]
    assert metrics["clue_overlap_offline"]["ci95"] == pytest.approx([0, 10 * exact(0, 8)[1]])


def test_a_value_beyond_the_scale_is_its_own_end():
    low, high = same_value_interval(144.0, 3, lowest=0, highest=100)
    assert (low, high) == pytest.approx((144 * (1 - exact(0, 3)[1]), 144))
