"""Open-vocabulary scores by hand: written lists, sets, and whole reports on small wheels."""

import json

import numpy as np
import pytest
from open_vocabulary_reports import answers_of, report_of, value
from scipy.stats import binomtest
from score_factory import metrics_of
from wheel_factory import write_wheels

from emolightning.__main__ import main
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip
from emolightning.records.score_names import EXACT
from emolightning.scoring.metrics.intervals import percentile_interval
from emolightning.scoring.metrics.label_lists import list_fault, quoted, separated
from emolightning.scoring.metrics.open_vocabulary import (
    averages,
    f_score,
    num_counted,
    overlap,
    overlaps,
    resampled_averages,
)
from emolightning.scoring.metrics.resampling import Resampling, kinds_of
from emolightning.scoring.metrics.wheel_files import EMBEDDED
from emolightning.scoring.open_vocabulary import OpenVocabulary


@pytest.mark.parametrize(
    ("text", "first", "later"),
    [
        ("['Happy', 'a bit sad']", ["happy", "a bit sad"], ["happy", "a bit sad"]),
        ('["happy","sad"]', ["happy", "sad"], ["happy", "sad"]),
        ("[happy, sad]", ["happy", "sad"], ["happy", "sad"]),
        ("happy, sad", ["happy", "sad"], ["happy", "sad"]),
        ("['don't know', 'sad']", ["don", "t know", "sad"], ["don", "t know", "sad"]),
        ("[' happy', 'sad ']", [" happy", "sad "], ["happy", "sad"]),
        ("isn't it [happy, sad]?", ["happy", "sad"], ["isn", "t it [happy", "sad]?"]),
        ("['happy, sad']", ["happy, sad"], ["happy", "sad"]),
        ("so: ['happy'] and ['sad']", ["happy"], ["so: [", "happy", "] and [", "sad"]),
        ("['happy', 'happy']", ["happy", "happy"], ["happy", "happy"]),
        ("['happy', 'sa", ["happy", "sa"], ["happy", "sa"]),
        ("[]", [], []),
        ("", [], []),
    ],
)
def test_lists_in_the_readings_of_both_protocols(text, first, later):
    assert quoted(text) == first
    assert separated(text) == later


@pytest.mark.parametrize("text", ["['happy'", "'happy']", "[", "happy]"])
def test_a_list_with_a_lonely_bracket(text):
    assert list_fault(text) == "a bracket has no partner"


@pytest.mark.parametrize(
    ("truth", "answer", "precision", "recall"),
    [
        ({"surprised", "happy"}, {"happy"}, 1.0, 0.5),
        ({"joyful"}, {"joyful", "peaceful"}, 0.5, 1.0),
        ({"a", "b", "c"}, {"b", "c", "d", "e"}, 0.5, 2 / 3),
        ({"a"}, {"b"}, 0.0, 0.0),
        ({"a"}, [], 0.0, 0.0),
        ({"a"}, ["a", "a"], 1.0, 1.0),
    ],
)
def test_overlap_of_one_clip(truth, answer, precision, recall):
    assert overlap(truth, answer) == (precision, recall)


def test_clips_without_truth_do_not_count_and_f_is_that_of_the_averages():
    values = overlaps([{"a"}, {"a", "b"}, [], {"c"}], [{"a"}, {"a"}, {"a"}, []])
    assert num_counted(values) == 3
    precision, recall = averages(values)
    assert (precision, recall) == pytest.approx((2 / 3, 1 / 2), abs=1e-15)
    assert f_score(precision, recall) == pytest.approx(4 / 7, abs=1e-15)  # the mean of the clips' F is 5/9


def test_f_of_nothing_right_is_zero():
    assert f_score(0.0, 0.0) == 0.0
    assert f_score(np.array([0.0, 0.5]), np.array([0.0, 1.0])).tolist() == [0.0, 2 / 3]


def test_no_clip_counts():
    assert averages(overlaps([[], []], [["a"], []])).tolist() == [0.0, 0.0]


def test_resampled_averages_equal_a_loop_over_drawn_clips():
    random = np.random.default_rng(5)
    values = random.random((12, 2))
    values[[3, 7]] = np.nan
    table = {"a": values, "b": random.random((12, 1))}
    found = resampled_averages(table, Resampling(num_samples=40, seed=3))
    in_order = np.argsort(kinds_of([values[:, 0], values[:, 1], table["b"][:, 0]])[0])
    drawn = in_order[np.random.default_rng(3).integers(12, size=(40, 12))]
    for sample, clips in enumerate(drawn):
        assert found["a"][sample] == pytest.approx(np.nanmean(values[clips], axis=0), abs=1e-12)
        assert found["b"][sample] == pytest.approx(table["b"][clips].mean(axis=0), abs=1e-12)
    nothing = resampled_averages({"a": np.full((3, 2), np.nan)}, Resampling(num_samples=4))["a"]
    assert nothing.tolist() == [[0.0, 0.0]] * 4


def test_clips_with_equal_values_are_drawn_together():
    values = np.repeat(np.random.default_rng(1).random((5, 2)), 40, axis=0)
    kinds, first = kinds_of([values[:, 0], np.where(values[:, 1] > 0.5, np.nan, values[:, 1])])
    assert len(first) == 5
    assert sorted(np.bincount(kinds)) == [40] * 5
    spread = resampled_averages({"a": values}, Resampling(num_samples=4_000))["a"].std(axis=0)
    assert spread == pytest.approx(values.std(axis=0) / np.sqrt(200), rel=0.05)


def test_interval_leaves_draws_without_a_value_out():
    samples = np.array([np.nan, *np.linspace(0, 1, 101)])
    assert percentile_interval(samples) == pytest.approx((0.025, 0.975), abs=1e-12)


TRUTHS = ["['Happily', 'sadness']", "['blue']", "['unheard']", "['let down', 'happy']", "['happiness']"]
TEXTS = ["['happy', 'happy', 'hurting']", "[]", "['happy']", "[merry, 'never']", "['neutral', 'pain']"]


@pytest.fixture
def small(tmp_path):
    return str(write_wheels(tmp_path / "wheels"))


def test_scores_on_small_wheels(small):
    report = report_of(TRUTHS, TEXTS, wheels=small)
    per_wheel = report["open_vocabulary"]["per_wheel"]
    # Wheel 1: {happy, sad} {sad} {} {sad, happy} {happy}; answers {happy, sad} {} {happy} {happy} {}.
    expected = {"precision": 2 / 4, "recall": 1.5 / 4, "f1": 3 / 7, "num_clips": 4}
    assert per_wheel["level1"]["wheel1"] == pytest.approx(expected)
    # Its level 2: {content, hurt} {hurt} {} {hurt, content} {content}; the same of the answers.
    assert per_wheel["level2"]["wheel1"] == pytest.approx(expected)
    # Wheel 2 knows neither happy nor sad; happiness is love by way of joyful, and so are merry and pain.
    assert per_wheel["level1"]["wheel2"] == pytest.approx({"precision": 1, "recall": 1, "f1": 1, "num_clips": 1})
    assert per_wheel["level2"]["wheel2"] == pytest.approx({"precision": 0, "recall": 0, "f1": 0, "num_clips": 1})
    # Wheel 4: sad is down, nothing was answered; wheels 3 and 5 know no true word.
    assert per_wheel["level1"]["wheel4"] == pytest.approx({"precision": 0, "recall": 0, "f1": 0, "num_clips": 2})
    assert [per_wheel["level1"][f"wheel{k}"]["num_clips"] for k in (3, 5)] == [0, 0]
    assert value(report, "ew_f1_level1") == pytest.approx((3 / 7 + 1) / 5)
    assert value(report, "ew_f1_level2") == pytest.approx((3 / 7) / 5)
    assert value(report, "ew_f1") == pytest.approx((6 / 7 + 1) / 10)
    # M1: {happy, sad} {blue} {} {let down, happy} {elated}; answers {happy, hurt} {} {happy} {merry} {pain}.
    assert [value(report, f"m1_{name}") for name in ("precision", "recall", "f1")] == pytest.approx([1 / 8] * 3)
    # M2: {happy, sad} {sad} {} {let down, happy} {joyful}; answers {happy, hurt} {} {happy} {happy} {pain}.
    assert value(report, "m2_precision") == pytest.approx(1.5 / 4)
    assert value(report, "m2_recall") == pytest.approx(1 / 4)
    assert value(report, "m2_f1") == pytest.approx(0.3)
    assert value(report, "m_avg") == pytest.approx((1 / 8 + 0.3 + 3 / 7 + 1 + 3 / 7) / 12)
    assert value(report, "num_labels") == pytest.approx((3 + 0 + 1 + 2 + 2) / 5)
    assert "hit" not in report["metrics"]


def test_unknown_words_empty_answers_and_faulty_lists_are_counted(small):
    report = report_of(TRUTHS, TEXTS, wheels=small)
    assert report["num_clips"] == 5
    assert report["num_scored"] == 4
    assert report["unscored"] == {"empty answer": 1}
    labels = report["open_vocabulary"]["labels"]
    assert labels["truth"]["most_frequent_unknown"] == {"unheard": 1}
    assert labels["answers"] == {
        "num_labels": 8,
        "mean_per_clip": 8 / 5,
        "num_different": 6,
        "num_unknown": 2,
        "num_different_unknown": 2,
        "most_frequent_unknown": {"neutral": 1, "never": 1},
    }
    faults = report_of(TRUTHS[:3], ["happy", "['happy'", "[sad]"], wheels=small)["open_vocabulary"]["list_faults"]
    assert {fault: entry["first"] for fault, entry in faults.items()} == {
        "no brackets": ["clip0"],
        "a bracket has no partner": ["clip1"],
    }


def test_a_clip_without_answer_counts_as_wrong_and_is_told_from_an_empty_one(small):
    answers = [Answer("a", "", "", "['happy']", 0.0, is_missing=True), *answers_of(["['happy']"], ["happy"])]
    report = metrics_of(OpenVocabulary(wheels=small), answers, benchmark="b", split="test")
    assert report["unscored"] == {"no answer for the clip": 1}
    assert value(report, "ungrouped_recall") == 0.5


def test_intervals_hold_their_values_and_have_a_width_for_equal_clips(small):
    metrics = report_of(TRUTHS, TEXTS, wheels=small)["metrics"]
    assert all(low <= score["value"] <= high for score in metrics.values() for low, high in [score["ci95"]])
    same = report_of(["['happy']"] * 6, ["['happy', 'sad']"] * 6, wheels=small)["metrics"]
    low, high = same["ew_precision_level1"]["ci95"]
    assert low < same["ew_precision_level1"]["value"] < high
    share = binomtest(0, 6).proportion_ci().high  # as many of the clips could have another value: 0 or 1, not 0.5
    assert [low, high] == pytest.approx([(0.5 - share / 2) / 5, (0.5 + share / 2) / 5])
    assert same["ew_precision_level1"]["interval"] == EXACT
    assert same["num_labels"]["ci95"] == [2, 2]


def test_hit_of_one_label_truths_beside_the_number_of_labels(small):
    truths, texts = ["happy", "sad", "neutral", "happy"], ["sad, happily, pain", "happy, sad", "neutral", "pain"]
    all_labels, first = (report_of(truths, texts, wheels=small, max_labels=k, wheel_levels=[2]) for k in (None, 1))
    hits = all_labels["open_vocabulary"]["per_wheel"]["hit"]
    assert hits["wheel1"] == pytest.approx({"hit": 2 / 3, "num_clips": 3})
    assert hits["wheel4"] == pytest.approx({"hit": 1, "num_clips": 1})  # knows sad alone
    assert hits["wheel5"]["num_clips"] == 0
    assert value(all_labels, "hit") == pytest.approx((2 / 3 + 1) / 5)
    assert value(first, "hit") == 0
    assert (value(all_labels, "num_labels"), value(first, "num_labels")) == (7 / 4, 1)
    assert "ew_precision_level1" in all_labels["metrics"]
    assert "read it beside num_labels" in all_labels["metrics"]["hit"]["definition"]


def test_free_text_is_searched_for_known_words_and_the_report_says_so(small):
    texts = ["She is HAPPY, even though let down.", "Nothing to see.", "  "]
    scoring = OpenVocabulary(wheels=small, answers="text")
    answers = answers_of(["['happy', 'let down']", "['sad']", "['sad']"], texts)
    scores = [scoring.score(answer) for answer in answers]
    assert [(score.value, score.unscored_because) for score in scores] == [
        ("['happy', 'let down']", None),
        (None, "no known emotion word in answer"),
        (None, "empty answer"),
    ]
    report = metrics_of(scoring, answers, benchmark="b", split="test")
    assert report["open_vocabulary"]["per_wheel"]["level1"]["wheel1"]["recall"] == pytest.approx(1 / 3)
    assert "let a language model read the text" in report["open_vocabulary"]["answers"]


def test_true_lists_that_are_broken_are_named(small):
    with pytest.raises(InputErrors, match=r"clip clip1: \"\['sad'\" has a square bracket without a partner"):
        report_of(["['happy']", "['sad'"], ["happy", "sad"], wheels=small)
    with pytest.raises(InputErrors, match="no clip has any"):
        report_of(["[]", None], ["happy", "sad"], wheels=small)
    report = report_of(["[]", "['happy']", None], ["happy"] * 3, wheels=small)
    assert report["open_vocabulary"]["clips_without_truth"] == {"count": 2, "first": ["clip0", "clip2"]}
    assert report["open_vocabulary"]["clips_counted"]["ungrouped"] == 1


def test_a_score_for_which_no_clip_counts_is_left_out_and_shown_to_be(small):
    report = report_of(["neutral", "neutral"], ["happy", "neutral"], wheels=small)
    assert set(report["metrics"]) == {
        *(f"ungrouped_{name}" for name in ("accuracy", "recall", "average")),
        "num_labels",
    }
    assert report["open_vocabulary"]["clips_counted"]["m1"] == 0
    assert report["open_vocabulary"]["per_wheel"]["hit"]["wheel1"]["num_clips"] == 0


def test_the_embedded_wheel_is_named_beside_every_value_that_rests_on_it():
    report = report_of(["['joy']", "['fear']"], ["['happy']", "['neutral']"])
    definitions = {name: score["definition"] for name, score in report["metrics"].items()}
    assert all("not official" in text for name, text in definitions.items() if not name.startswith("ungrouped"))
    assert report["open_vocabulary"]["wheels"]["comparable_with"] == "nothing published"
    assert value(report, "ew_f1_level1") == 0.5


@pytest.mark.parametrize("settings", [{"wheel_levels": [3]}, {"wheel_levels": []}, {"max_labels": 0}])
def test_settings_that_mean_nothing(settings):
    with pytest.raises(UserError, match="scoring."):
        OpenVocabulary(**settings)


def test_truth_of_a_clip(tmp_path):
    scoring = OpenVocabulary()
    assert scoring.truth(Clip("a", tmp_path, label="happy")) == "happy"
    labels = ("happy", "let down")
    assert separated(scoring.truth(Clip("a", tmp_path, label="sad", open_labels=labels))) == list(labels)


def test_score_command_on_the_embedded_wheel_says_so_everywhere(tmp_path, capsys):
    (tmp_path / "answers.csv").write_text("id,answer,truth\na,\"['joy', 'sadness']\",happy\nb,fear,\"['scared']\"\n")
    words = ["scoring=open_vocabulary", f"answers={tmp_path}/answers.csv", f"output_dir={tmp_path}/out"]
    assert main(["score", *words]) == 0
    assert EMBEDDED in " ".join(capsys.readouterr().out.split())
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert report["open_vocabulary"]["wheels"]["name"] == EMBEDDED
    assert EMBEDDED in (tmp_path / "out" / "report.html").read_text()
    assert value(report, "hit") == 1
    assert value(report, "ew_precision_level1") == pytest.approx(3 / 4)
    assert value(report, "num_labels") == pytest.approx(3 / 2)


def test_score_command_names_a_folder_without_wheels(tmp_path, capsys):
    (tmp_path / "answers.csv").write_text("id,answer,truth\na,happy,happy\n")
    words = ["scoring=open_vocabulary", f"scoring.wheels={tmp_path}", f"answers={tmp_path}/answers.csv"]
    with pytest.raises(SystemExit, match="1"):
        main(["score", *words, f"output_dir={tmp_path}/out"])
    assert "has no wheel1.xlsx" in capsys.readouterr().err
