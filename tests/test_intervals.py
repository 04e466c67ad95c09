"""Intervals of scores: against SciPy's tests, by hand, and by simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, t
from score_factory import metrics_of

from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.records.labels import MER6
from emolightning.records.score_names import BOOTSTRAP, FISHER, SCORE_INTERVAL
from emolightning.scoring.classification import Classification
from emolightning.scoring.folds import fold_report
from emolightning.scoring.judges.offline import OfflineJudge
from emolightning.scoring.metrics.counted import Counted, bootstrap_samples, class_intervals, score_intervals
from emolightning.scoring.metrics.intervals import exact_proportion, percentile_interval, same_value_interval
from emolightning.scoring.reasoning import Reasoning
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampled


def exact(hits: int, total: int) -> list[float]:
    found = binomtest(hits, total).proportion_ci(method="exact")
    return [found.low, found.high]


def report_of(
    pairs: list[tuple[str, str]], labels: tuple[str, ...] = MER6, prefix: str = "c", sampling: Sampling = BY_CLIP
):
    answers = [Answer(f"{prefix}{number}", said, "", truth, 0.0) for number, (truth, said) in enumerate(pairs)]
    scoring = Classification(labels=labels)
    return scoring.report(
        answers, list(map(scoring.score, answers)), benchmark="by hand", split="test", sampling=sampling
    )


@pytest.mark.parametrize(("hits", "total"), [(0, 1), (1, 1), (0, 14), (14, 14), (3, 7), (833, 834), (1, 2341)])
def test_a_proportion_is_that_of_scipy(hits, total):
    assert [float(end) for end in exact_proportion(hits, total)] == pytest.approx(exact(hits, total), abs=1e-12)


def test_nothing_counted_is_nothing_known():
    assert [float(end) for end in exact_proportion(0, 0)] == [0, 1]


@pytest.mark.parametrize(("hits", "total"), [(9, 10), (1, 7), (833, 834), (0, 14), (14, 14)])
def test_the_interval_of_accuracy_is_wilsons(hits, total):
    counts = np.array([[hits, 0, total - hits], [0, 0, 0]])
    wilson = binomtest(hits, total).proportion_ci(method="wilson")
    ends = score_intervals([Counted(counts)])["war"]
    assert ends == pytest.approx((wilson.low, wilson.high), abs=1e-6)
    assert class_intervals(Counted(counts))["recall"][0] == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize("clips", [{"happy": 3}, {"happy": 12, "sad": 40}, dict.fromkeys(MER6, 30)])
def test_a_perfect_score_is_no_certainty(clips):
    report = report_of([(label, label) for label, count in clips.items() for _ in range(count)]).content()
    total, z = sum(clips.values()), 1.959964
    assert report["metrics"]["war"]["ci95"] == pytest.approx([total / (total + z**2), 1], abs=1e-6)
    for metric in report["metrics"].values():
        low, high = metric["ci95"]
        assert low < high == pytest.approx(1)
        assert metric["interval"] in (SCORE_INTERVAL, FISHER)
    fewest = min(clips.values())
    assert total / (total + z**2) >= report["metrics"]["uar"]["ci95"][0] - 1e-6 > fewest / (fewest + z**2) - 2e-6


@pytest.mark.parametrize("answer", ["sad", "mumble", "fear"])
def test_nor_is_a_score_of_zero(answer):
    metrics = report_of([("happy", answer)] * 9 + [("angry", answer)] * 5).metrics
    for name, metric in metrics.items():
        assert metric["value"] == 0 < metric["ci95"][1]
        assert metric["ci95"][0] == 0 or name == "mcc"


def test_classes_wholly_right_and_wholly_wrong_have_a_width_together():
    """By hand: the likeliest recalls with a lower mean are 50 / tilt and 0, that of the first class goes down."""
    metrics = report_of([("happy", "happy")] * 50 + [("sad", "happy")] * 50).metrics
    (low, high), z2 = metrics["uar"]["ci95"], 1.959964**2
    assert metrics["uar"]["value"] == 0.5
    share = 50 / (50 + z2)  # (1 - p)^2 = z^2 p (1 - p) / 50
    assert (low, high) == pytest.approx((share / 2, 1 - share / 2), abs=1e-6)


def test_values_of_classes_have_intervals():
    pairs = [("happy", "happy")] * 2 + [("sad", "sad")] * 7 + [("sad", "happy")] * 3 + [("angry", "sad")]
    rows = report_of(pairs).per_class
    for label, name, hits, total in (
        ("happy", "recall", 2, 2),
        ("happy", "precision", 2, 5),
        ("sad", "recall", 7, 10),
        ("angry", "recall", 0, 1),
    ):
        wilson = binomtest(hits, total).proportion_ci(method="wilson")
        assert rows[label]["ci95"][name] == pytest.approx([wilson.low, wilson.high], abs=1e-4), (label, name)
    assert rows["surprise"]["ci95"] == dict.fromkeys(("precision", "recall", "f1"), [0, 1])
    for row in rows.values():
        for name, (low, high) in row["ci95"].items():
            assert low <= row[name] <= high


def test_percentiles_of_the_bootstrap_on_request():
    """The same draws as in earlier versions, with tails for the number of clips."""
    pairs = [("happy", "happy")] * 30 + [("sad", "sad")] * 20 + [("sad", "happy")] * 4
    metrics = report_of(pairs, ("happy", "sad"), sampling=Sampling(intervals="percentile")).metrics
    samples = bootstrap_samples(np.array([[30, 0, 0], [4, 20, 0]]), num_samples=10_000, seed=0)
    for name, metric in metrics.items():
        assert metric["ci95"] == list(percentile_interval(samples[name], num_units=54))
        assert metric["ci95"] == pytest.approx(list(percentile_interval(samples[name])), abs=0.011)
        assert metric["interval"] == BOOTSTRAP
    perfect = report_of(pairs[:50], sampling=Sampling(intervals="percentile")).metrics
    assert perfect["war"]["ci95"][0] < 1


def test_subjects_whose_clips_are_all_alike_are_what_counts():
    """Ten clips of each subject with the same answer: as certain as one clip of each, by Student's t."""
    pairs = [("happy", "happy" if subject % 4 else "sad") for subject in range(40) for _ in range(10)]
    of_clips = {f"c{number}": f"s{number // 10}" for number in range(400)}
    sampling = sampled("subject", of_clips, is_stratified=False, intervals="score")
    report = report_of(pairs, ("happy", "sad"), sampling=sampling).content()
    war, q2 = report["metrics"]["war"], t.ppf(0.975, 39) ** 2 * 40 / 39
    centre, spread = 0.75 + q2 / 80, np.sqrt(q2 * (0.75 * 0.25 / 40 + q2 / 6400))
    ends = [(centre - spread) / (1 + q2 / 40), (centre + spread) / (1 + q2 / 40)]
    assert war["ci95"] == pytest.approx(ends, abs=1e-6)
    assert report["sampling"]["unit"] == "subject"
    assert report["sampling"]["num_units"] == 40
    drawn = report_of(pairs, ("happy", "sad"), sampling=replace(sampling, intervals="percentile")).metrics["war"]
    assert drawn["ci95"] == pytest.approx(ends, abs=0.04)
    assert "each subject" in drawn["interval"]


@pytest.mark.parametrize("names", ["abab", "aabb", "abcd"])
@pytest.mark.parametrize("said", ["happy", "sad"])
def test_clusters_that_are_all_alike_are_no_certainty(names, said):
    of_clips = {f"c{number}": name for number, name in enumerate(names)}
    sampling = sampled("subject", of_clips, is_stratified=False, intervals="score")
    pairs = [("happy", "happy"), ("sad", said)] * 2
    for metric in report_of(pairs, ("happy", "sad"), sampling=sampling).metrics.values():
        low, high = metric["ci95"]
        assert low <= metric["value"] <= high
        assert high - low > 0.05
    for metric in report_of(pairs, ("happy", "sad"), sampling=Sampling(is_stratified=True)).metrics.values():
        assert metric["ci95"][1] - metric["ci95"][0] > 0.05


def test_labels_that_were_chosen_beforehand_vary_less():
    pairs = [("happy", "happy")] * 40 + [("sad", "happy")] * 38 + [("sad", "sad")] * 2
    widths = {}
    for intervals in ("score", "percentile"):
        for stratified in (False, True):
            sampling = Sampling(is_stratified=stratified, intervals=intervals)
            low, high = report_of(pairs, ("happy", "sad"), sampling=sampling).metrics["war"]["ci95"]
            widths[intervals, stratified] = high - low
    assert widths["score", True] < 0.6 * widths["score", False]
    assert widths["percentile", True] < 0.6 * widths["percentile", False]


def test_two_systems_must_differ_by_about_the_width():
    """Two independent systems at the planted difference, compared by a z test: found in four of five."""
    found = report_of([("happy", "happy")] * 300 + [("happy", "sad")] * 200, ("happy", "sad")).sampling
    difference, rng = found["detectable_difference"]["war"], np.random.default_rng(0)
    one, other = (rng.binomial(500, share, 4_000) / 500 for share in (0.6 - difference / 2, 0.6 + difference / 2))
    errors = np.sqrt((one * (1 - one) + other * (1 - other)) / 500)
    assert np.mean(np.abs(one - other) > 1.96 * errors) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("of_clips", "said"),
    [
        ({"a": "s1", "b": None, "c": " "}, "2 of 3 clips have none: 'b', 'c'"),
        ({"a": "s1", "b": "s1"}, "all 2 clips have 's1'"),
    ],
)
def test_what_is_no_clustering_is_refused(of_clips, said):
    with pytest.raises(UserError, match=said):
        sampled("subject", of_clips, is_stratified=False, intervals="score")
    with pytest.raises(UserError, match="leave out stratified"):
        sampled("subject", {"a": "1", "b": "2"}, is_stratified=True, intervals="score")


def test_folds_without_a_wrong_answer():
    sizes, scoring = (10, 30), Classification(labels=MER6)
    sets = [Counted(np.pad(np.diag([size, 0, 0, 0, 0, 0]), ((0, 0), (0, 1)))) for size in sizes]
    parts = [report_of([("happy", "happy")] * size, prefix=f"fold{size}/") for size in sizes]
    metrics = fold_report({str(number): part for number, part in enumerate(parts)}, sets).metrics
    low, high = metrics["war"]["ci95"]
    assert 10 / (10 + 1.96**2) < low < 40 / (40 + 1.96**2) < high == 1
    assert scoring.labels[0] in parts[0].per_class


def test_equal_grades_of_a_judge():
    answers = [Answer(f"c{number}", "", "", "She smiles.", 0.0) for number in range(8)]
    metrics = metrics_of(Reasoning(judge=OfflineJudge()), answers, benchmark="by hand", split="test")["metrics"]
    assert metrics["clue_overlap_offline"]["ci95"] == pytest.approx([0, 10 * exact(0, 8)[1]])


def test_a_value_beyond_the_scale_is_its_own_end():
    low, high = same_value_interval(144.0, 3, lowest=0, highest=100)
    assert (low, high) == pytest.approx((144 * (1 - exact(0, 3)[1]), 144))
