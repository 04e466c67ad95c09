"""Answers on disk: appended, continued, kept apart by evaluation, joined in order."""

import json

import pytest
from score_factory import metrics_of

from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.runs.answers import append, evaluation_key, join, latest_key, read_answers, set_aside_other
from emolightning.scoring.classification import UNREADABLE, Classification

LABELS = ("neutral", "angry", "happy")
SCORING = Classification(labels=LABELS)


def answer(clip_id, text, truth="happy"):
    return Answer(clip_id, text, "prompt", truth, 0.25)


def scores(answers):
    return [SCORING.score(each) for each in answers]


def test_round_trip_and_first_answer_counts(tmp_path):
    first = [answer("a", "happy"), answer("b", "no idea")]
    append(tmp_path / "answers.jsonl", "k", first)
    later = [answer("a", "angry"), answer("c", "angry")]
    append(tmp_path / "answers.rank1.jsonl", "k", later)
    found = read_answers(tmp_path, "k")
    assert found == {"a": first[0], "b": first[1], "c": later[1]}
    assert read_answers(tmp_path, "other") == {}


def test_half_a_line_is_what_a_kill_leaves(tmp_path):
    path = tmp_path / "answers.jsonl"
    append(path, "k", [answer("a", "happy")])
    path.write_text(path.read_text() + '{"id": "b", "ans')
    assert list(read_answers(tmp_path, "k")) == ["a"]


def test_appending_behind_half_a_line_starts_a_new_one(tmp_path):
    path = tmp_path / "answers.jsonl"
    append(path, "k", [answer("a", "happy")])
    path.write_text(path.read_text() + '{"id": "b", "ans')
    read_answers(tmp_path, "k")
    append(path, "k", [answer("b", "angry")])
    assert list(read_answers(tmp_path, "k")) == ["a", "b"]


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text("not json\n")
    append(path, "k", [answer("a", "happy")])
    with pytest.raises(UserError, match=r"answers.jsonl, line 1: cannot be read: it is not JSON"):
        read_answers(tmp_path, "k")


def test_join_makes_one_file_in_order(tmp_path):
    for name in ("answers.rank0.jsonl", "answers.rank1.jsonl"):
        append(tmp_path / name, "k", [answer(name, "happy")])
    found = read_answers(tmp_path, "k")
    ordered = [found["answers.rank1.jsonl"], found["answers.rank0.jsonl"]]
    join(tmp_path, "k", ordered, scores(ordered))
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["answers.rank1.jsonl", "answers.rank0.jsonl"]
    assert latest_key(tmp_path) == "k"


def test_another_evaluation_is_set_aside(tmp_path):
    append(tmp_path / "answers.jsonl", "old", [answer("a", "happy")])
    (tmp_path / "metrics.json").write_text("{}")
    assert set_aside_other(tmp_path, "old") == []
    (aside,) = set_aside_other(tmp_path, "new")
    assert sorted(path.name for path in aside.iterdir()) == ["answers.jsonl", "metrics.json"]
    assert not (tmp_path / "metrics.json").exists()


def test_key_depends_on_settings_not_on_their_order():
    assert evaluation_key({"a": 1, "b": [2]}) == evaluation_key({"b": [2], "a": 1})
    assert evaluation_key({"a": 1}) != evaluation_key({"a": 2})


def test_report_counts_what_has_no_label():
    answers = [
        answer("a", "happy"), answer("b", "happiness"), answer("c", ""), answer("d", "happy or angry"),
        answer("e", "angry", truth="angry"), answer("f", "angry", truth="neutral"),
    ]  # fmt: skip
    report = metrics_of(SCORING, answers, benchmark="x", split="test")
    assert (report["num_clips"], report["num_scored"]) == (6, 4)
    assert report["unscored"] == {"empty answer": 1, "several labels in answer": 1}
    assert report["aliases"] == {"happiness": 1}
    assert report["metrics"]["war"]["value"] == pytest.approx(3 / 6)
    assert report["metrics"]["war"]["value_without_unreadable"] == pytest.approx(3 / 4)
    assert report["confusion_matrix"] == {
        "labels": [*LABELS, UNREADABLE],
        "counts": [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 2, 2]],
    }
    happy = {name: value for name, value in report["per_class"]["happy"].items() if name != "ci95"}
    assert happy == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 4}
    with pytest.raises(ValueError, match="one answer for each clip"):
        metrics_of(SCORING, [*answers, answers[0]], benchmark="x", split="test")


def test_clips_without_a_label_are_left_out_and_counted():
    answers = [answer("a", "happy"), answer("b", "angry", truth=None)]
    report = metrics_of(SCORING, answers, benchmark="x", split="all")
    assert (report["num_clips"], report["num_scored"]) == (2, 1)
    assert report["unscored"] == {"no label to compare with": 1}
    assert report["metrics"]["war"]["value"] == 1.0


def test_labels_that_the_vocabulary_lacks_are_refused():
    answers = [answer("a", "happy"), answer("b", "sad", truth="sad"), answer("c", "sad", truth="sad")]
    with pytest.raises(UserError, match="2 clips have the label 'sad'"):
        metrics_of(SCORING, answers, benchmark="x", split="all")
