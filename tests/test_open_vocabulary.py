"""Open-vocabulary scores: by hand on small wheels and groups, and the recorded values of the public files."""

import csv
import json
import zipfile

import numpy as np
import pytest
from wheel_factory import write_wheels

from emolightning.__main__ import main
from emolightning.errors import InputErrors, UserError
from emolightning.evaluation.judge_asking import Outcome
from emolightning.evaluation.judge_replies import Reading, Unusable
from emolightning.evaluation.open_vocabulary import OpenVocabulary
from emolightning.evaluation.synonym_judge import SynonymGrouper, read_reply
from emolightning.metrics.label_lists import list_fault, quoted, separated
from emolightning.metrics.open_vocabulary import (
    averages,
    f_score,
    num_counted,
    overlap,
    overlaps,
    percentile_interval,
    resampled_averages,
)
from emolightning.metrics.synonym_groups import merged, parse_groups, read_groups
from emolightning.metrics.wheel_files import EMBEDDED, read_wheels
from emolightning.records import Answer, Clip


def answers_of(truths, texts):
    return [Answer(f"clip{k}", text, "", truth, 0.0) for k, (truth, text) in enumerate(zip(truths, texts, strict=True))]


def report_of(truths, texts, **settings):
    return OpenVocabulary(**settings).report(answers_of(truths, texts), benchmark="b", split="test")


def value(report, name):
    return report["metrics"][name]["value"]


# --- written lists


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


# --- sets


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
    found = resampled_averages(table, num_samples=40, seed=3)
    drawn = np.random.default_rng(3).integers(12, size=(40, 12))
    for sample, clips in enumerate(drawn):
        assert found["a"][sample] == pytest.approx(np.nanmean(values[clips], axis=0), abs=1e-12)
        assert found["b"][sample] == pytest.approx(table["b"][clips].mean(axis=0), abs=1e-12)
    nothing = resampled_averages({"a": np.full((3, 2), np.nan)}, num_samples=4)["a"]
    assert nothing.tolist() == [[0.0, 0.0]] * 4


def test_interval_leaves_draws_without_a_value_out():
    samples = np.array([np.nan, *np.linspace(0, 1, 101)])
    assert percentile_interval(samples) == pytest.approx((0.025, 0.975), abs=1e-12)


# --- synonym groups


def test_words_of_one_group_become_its_first():
    groups = parse_groups("[['joyful', 'satisfied', 'happy', 'excited']]")
    truth, answer = merged(["excited", "joyful", "happy"], groups), merged(["happy", "satisfied"], groups)
    assert (truth, answer) == ({"joyful"}, {"joyful"})


def test_a_word_of_two_groups_counts_to_the_last():
    assert merged(["sad", "low"], [["blue", "sad"], ["down", "sad"]]) == {"down", "low"}


GROUPS = {"clip0": "[['glad', 'happy'], ['calm']]", "clip1": "[['sad', 'blue']]", "other": "[]"}


def write_groups(folder):
    """The same groups in all formats that are read."""
    (folder / "npy").mkdir()
    with zipfile.ZipFile(folder / "groups.zip", "w") as archive:
        archive.writestr("groups/", "")
        for name, text in GROUPS.items():
            np.save(folder / "npy" / f"{name}.npy", text)
            archive.write(folder / "npy" / f"{name}.npy", f"groups/{name}.npy")
    (folder / "flat.json").write_text(json.dumps(GROUPS))
    lists = {name: parse_groups(text) for name, text in GROUPS.items()}
    (folder / "lists.json").write_text(json.dumps(lists))
    lines = [json.dumps({"clip_id": name, "groups": groups}) for name, groups in lists.items()]
    (folder / "lines.jsonl").write_text("\n".join(lines) + "\n")
    return lists


def test_groups_are_the_same_in_every_format(tmp_path):
    lists = write_groups(tmp_path)
    read = [read_groups(tmp_path / name) for name in ("groups.zip", "npy", "flat.json", "lists.json", "lines.jsonl")]
    assert all(groups == lists for groups, _ in read)
    assert len({sha256 for _, sha256 in read}) == 1


def test_pickled_groups_are_refused_unread(tmp_path):
    np.save(tmp_path / "clip0.npy", np.array([["happy"], {"sad": 1}], dtype=object))
    np.save(tmp_path / "clip1.npy", np.array(["[['happy']]", "[]"]))
    (tmp_path / "clip2.npy").write_bytes(b"no array")
    np.save(tmp_path / "clip3.npy", "[['happy']]")
    cut = (tmp_path / "clip3.npy").read_bytes()[:-4]
    (tmp_path / "clip3.npy").write_bytes(cut)
    with pytest.raises(InputErrors) as raised:
        read_groups(tmp_path)
    starts = ["clip0.npy: holds object of shape (2,)", "clip1.npy: holds <U11 of shape (2,)"]
    starts += ["clip2.npy: not readable as .npy", "clip3.npy: 40 bytes of text, its header says 44"]
    assert all(problem.startswith(start) for problem, start in zip(raised.value.problems, starts, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[1]", "must be one JSON object"),
        ("a.json", "{", "not readable"),
        ("a.json", '{"c": [["a", 1]]}', "c: .* holds something else than words"),
        ("a.json", '{"c": ["a"]}', "c: .* must be a list of lists of words"),
        ("a.json", "{}", "no clips in it"),
        ("a.jsonl", '{"clip_id": "c"}\n{"clip_id": "d", "groups": []}\nx', "line 1: .*'groups'(.|\n)*line 3: must be"),
        ("a.jsonl", '{"clip_id": "c", "groups": []}\n{"clip_id": "c", "groups": []}', "line 2: a second entry"),
        ("a.zip", "no zip", "not readable: File is not a zip file"),
        ("a.csv", "", "is none of .zip, .json, .jsonl"),
    ],
)
def test_groups_that_cannot_be_used(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        read_groups(tmp_path / name)
    with pytest.raises(UserError, match="does not exist"):
        read_groups(tmp_path / "absent.json")


def test_only_clips_with_groups_count_and_the_others_are_named(tmp_path):
    write_groups(tmp_path)
    truths, texts = ["['Happy', 'calm']", "['sad']", "['sad']"], ["['glad']", "['blue', 'mad']", "['sad']"]
    report = report_of(truths, texts, synonym_groups=str(tmp_path / "flat.json"))
    assert value(report, "accuracy") == pytest.approx((1 + 1 / 2) / 2)
    assert value(report, "recall") == pytest.approx((1 / 2 + 1) / 2)
    assert value(report, "average") == pytest.approx(3 / 4)
    assert value(report, "ungrouped_accuracy") == pytest.approx(1 / 3)
    section = report["open_vocabulary"]
    assert section["clips_counted"]["grouped"] == 2
    assert section["synonym_groups"]["clips_without_groups"] == {"count": 1, "first": ["clip2"]}
    assert section["synonym_groups"]["groups_of_other_clips"] == {"count": 1, "first": ["other"]}


def test_groups_of_other_clips_only_are_refused(tmp_path):
    write_groups(tmp_path)
    answers = [Answer("another", "['sad']", "", "['sad']", 0.0)]
    with pytest.raises(UserError, match="flat.json has groups for none of the clips; they are of 'clip0'"):
        OpenVocabulary(synonym_groups=str(tmp_path / "flat.json")).report(answers, benchmark="b", split="test")


# --- the whole report, by hand on small wheels


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
    report = OpenVocabulary(wheels=small).report(answers, benchmark="b", split="test")
    assert report["unscored"] == {"no answer for the clip": 1}
    assert value(report, "ungrouped_recall") == 0.5


def test_intervals_hold_their_values_and_shrink_to_nothing_for_equal_clips(small):
    metrics = report_of(TRUTHS, TEXTS, wheels=small)["metrics"]
    assert all(low <= score["value"] <= high for score in metrics.values() for low, high in [score["ci95"]])
    same = report_of(["['happy']"] * 6, ["['happy', 'sad']"] * 6, wheels=small)["metrics"]
    assert same["ew_precision_level1"]["ci95"] == pytest.approx([same["ew_precision_level1"]["value"]] * 2)


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
    report = scoring.report(answers, benchmark="b", split="test")
    assert report["open_vocabulary"]["per_wheel"]["level1"]["wheel1"]["recall"] == pytest.approx(1 / 3)
    assert "let a language model read the text" in report["open_vocabulary"]["answers"]


def test_true_lists_that_are_broken_are_named(small):
    with pytest.raises(InputErrors, match=r"clip clip1: \"\['sad'\" opens or ends a list"):
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


# --- groups by a language model


class RecordedAsker:
    """Replies by words; stands in for the one that talks to a server."""

    def __init__(self, replies):
        self.replies = replies

    def ask(self, questions, *, title):
        return [self._outcome(question) for question in questions]

    def _outcome(self, question):
        try:
            return Outcome(question.read(self.replies[question.messages[1]["content"]]))
        except Unusable as error:
            return Outcome(None, str(error))


@pytest.fixture
def grouper(tmp_path):
    settings = {"base_url": "http://localhost:1/v1", "model": "m", "parameters": {}, "cache": str(tmp_path / "c.jsonl")}
    return SynonymGrouper(**settings)


def test_groups_of_a_model_are_used_and_its_failures_counted(grouper):
    replies = {
        '["glad", "happy"]': '```json\n{"groups": [["glad", "happy"]]}\n```',
        '["low", "sad"]': "I would say sad and low are the same.",
    }
    grouper.asker.ask = RecordedAsker(replies).ask
    report = report_of(["['happy']", "['sad']", "['mad']"], ["['glad']", "['low']", "['mad']"], synonym_groups=grouper)
    section = report["open_vocabulary"]["synonym_groups"]
    assert value(report, "average") == 1
    assert report["open_vocabulary"]["clips_counted"]["grouped"] == 2
    assert section["clips_without_groups"] == {"count": 1, "first": ["clip1"]}
    assert section["source"]["failures"] == {"malformed reply": 1}
    assert section["source"]["model"] == "m"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("[]", "malformed reply"),
        ('{"groups": ["happy"]}', "malformed reply"),
        ('{"groups": [[1]]}', "malformed reply"),
        ('{"groups": [["happy", "merry"]]}', "words that were not asked about"),
        ('{"groups": [["happy"], ["happy", "glad"]]}', "a word in two groups"),
    ],
)
def test_replies_without_usable_groups(reply, reason):
    with pytest.raises(Unusable, match=reason):
        read_reply(reply, ["happy", "glad"])
    assert read_reply('{"groups": [["glad"], []]}', ["happy", "glad"]) == Reading(None, '[["glad"]]')


# --- recorded values


def column(path, key, *names):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row[key]: tuple(row[name] for name in names) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def recorded(shared):
    return json.loads((shared / "benchmarks/expected_values.json").read_text())


def public_answers(shared, truth_file="check-openset.csv"):
    store = shared / "benchmarks/mer2024_ov_store"
    truths = column(store / truth_file, "name", "openset")
    texts = column(store / "predict-openset.csv", "name", "openset")
    return [Answer(name, *text, "", *truths[name], 0.0) for name, text in texts.items()]


@pytest.fixture(scope="module")
def public_report(shared):
    folder = shared / "benchmarks"
    groups = str(folder / "mer2024_ov_store/openset-synonym.zip")
    scoring = OpenVocabulary(wheels=str(folder / "emotion_wheel_2025"), synonym_groups=groups)
    return scoring.report(public_answers(shared), benchmark="mer2024_ov", split="test")


def test_published_values_of_the_group_protocol(public_report, recorded):
    expected = recorded["mer2024_ov_gpt_synonym"]
    assert public_report["num_clips"] == expected["n"]
    for name, key in (("accuracy", "accuracy_s"), ("recall", "recall_s"), ("average", "avg")):
        assert value(public_report, name) == pytest.approx(expected[key], abs=1e-12)
    without = expected["without_grouping"]
    assert value(public_report, "ungrouped_accuracy") == pytest.approx(without["accuracy"], abs=1e-12)
    assert value(public_report, "ungrouped_recall") == pytest.approx(without["recall"], abs=5e-9)  # eight digits given


@pytest.mark.parametrize("level", ["level1", "level2"])
def test_recorded_values_of_every_wheel(public_report, recorded, level):
    expected = recorded["mer2024_ov_emotion_wheel"]["2025"][level]
    for number, wheel in enumerate(expected["per_wheel"], start=1):
        found = public_report["open_vocabulary"]["per_wheel"][level][f"wheel{number}"]
        assert found["num_clips"] == wheel["n"]
        pairs = [(found["f1"], "f"), (found["precision"], "precision"), (found["recall"], "recall")]
        assert all(number == pytest.approx(wheel[name], abs=1e-12) for number, name in pairs)
    names = (f"ew_f1_{level}", f"ew_precision_{level}", f"ew_recall_{level}")
    assert [value(public_report, name) for name in names] == pytest.approx(expected["mean_f_p_r"], abs=1e-12)


def test_recorded_values_without_wheels(public_report):
    found = [value(public_report, f"{kind}_{name}") for kind in ("m1", "m2") for name in ("precision", "recall", "f1")]
    assert found == pytest.approx([0.3338872, 0.2581967, 0.2912039, 0.3565962, 0.3037333, 0.3280487], abs=5e-8)
    assert public_report["open_vocabulary"]["clips_counted"]["m1"] == 331


def test_recorded_number_of_unknown_words(public_report):
    labels = public_report["open_vocabulary"]["labels"]
    assert sum(side["num_labels"] for side in labels.values()) == 1895
    assert sum(side["num_unknown"] for side in labels.values()) == 209


def test_ovmerd_plus_truths_give_the_same_on_the_shared_clips(shared, public_report):
    answers = public_answers(shared, "ovmerdplus_532_check-result-openset-chi-translate.csv")
    scoring = OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2025"), wheel_levels=[1])
    report = scoring.report(answers, benchmark="ov_merd_plus", split="test")
    assert value(report, "ew_f1_level1") == value(public_report, "ew_f1_level1")


@pytest.mark.parametrize("num_labels", [1, 2, 5])
def test_recorded_hit_of_gpt4v(shared, recorded, num_labels):
    expected = recorded["hit_rate_gpt4v_mer2023_multi"]
    rows = column(shared / "benchmarks/gpt4v_emotion/mer2023/label-gpt4v-multi.csv", "name", "gpt4v", "gt")
    answers = [Answer(name, text, "", truth, 0.0) for name, (text, truth) in rows.items()]
    scoring = OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2025"), max_labels=num_labels)
    report = scoring.report(answers, benchmark="mer2023_multi", split="test")
    assert value(report, "hit") == pytest.approx(expected[f"k{num_labels}"], abs=1e-12)
    assert value(report, "num_labels") == num_labels
    hits = report["open_vocabulary"]["per_wheel"]["hit"]
    assert [hits[f"wheel{k}"]["num_clips"] for k in range(1, 6)] == expected["n_per_wheel"]


def test_score_command_gives_the_recorded_values(shared, recorded, tmp_path, capsys):
    folder, store = shared / "benchmarks", shared / "benchmarks/mer2024_ov_store"
    words = [
        "benchmark=mer2024_ov",
        f"answers={store}/predict-openset.csv",
        f"truth={store}/check-openset.csv",
        "columns.id=name",
        "columns.answer=openset",
        "columns.truth=openset",
        f"scoring.wheels={folder}/emotion_wheel_2026",
        f"scoring.synonym_groups={store}/openset-synonym.flat.json",
        f"output_dir={tmp_path}",
    ]
    assert main(["score", *words]) == 0
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert report["benchmark"] == "mer2024_ov"
    assert value(report, "average") == pytest.approx(recorded["mer2024_ov_gpt_synonym"]["avg"], abs=1e-12)
    assert report["open_vocabulary"]["wheels"]["year"] == "2026"
    assert "official emotion wheels of 2026" in capsys.readouterr().out


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


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_ovmerd_plus_against_a_plain_loop_over_clips(shared, year):
    """Another way: each clip's sets and the two means written out, words shuffled between clips as answers."""
    wheels = read_wheels(shared / f"benchmarks/emotion_wheel_{year}")
    store = shared / "benchmarks/mer2024_ov_store/ovmerdplus_532_check-result-openset-chi-translate.csv"
    truths = [text for (text,) in column(store, "name", "openset").values()]
    texts = truths[7:] + truths[:7]
    scoring = OpenVocabulary(wheels=str(shared / f"benchmarks/emotion_wheel_{year}"))
    report = scoring.report(answers_of(truths, texts), benchmark="b", split="test")
    assert report["open_vocabulary"]["wheels"]["year"] == year
    for level in (1, 2):
        fs = []
        for wheel in range(5):
            precisions, recalls = [], []
            for truth, text in zip(truths, texts, strict=True):
                true, answered = (
                    {wheels.sector(word, wheel, level) for word in separated(written)} - {None}
                    for written in (truth, text)
                )
                if true:
                    precisions.append(sum(word in true for word in answered) / max(1, len(answered)))
                    recalls.append(sum(word in answered for word in true) / len(true))
            precision, recall = np.mean(precisions), np.mean(recalls)
            fs.append(2 * precision * recall / (precision + recall))
        assert value(report, f"ew_f1_level{level}") == pytest.approx(np.mean(fs), abs=1e-12)
