"""Synonym groups: words that become one, files in every format and hostile ones, groups by a language model."""

import json
import zipfile

import numpy as np
import pytest
from open_vocabulary_reports import report_of, value
from score_factory import metrics_of

from emolightning.errors import InputErrors, UserError
from emolightning.prompt.asking.asker import Outcome
from emolightning.prompt.asking.replies import Reading, Unusable
from emolightning.records.clips import Answer
from emolightning.scoring.judges.server import SynonymGrouper, read_reply
from emolightning.scoring.metrics.synonym_groups import merged, parse_groups, read_groups
from emolightning.scoring.open_vocabulary import OpenVocabulary


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
        metrics_of(OpenVocabulary(synonym_groups=str(tmp_path / "flat.json")), answers, benchmark="b", split="test")


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


@pytest.mark.parametrize("nothing", ["", "[]"])
def test_a_clip_without_answer_counts_whether_it_has_groups_or_not(tmp_path, nothing):
    write_groups(tmp_path)
    settings = {"synonym_groups": str(tmp_path / "flat.json")}
    truths, texts = ["['happy']", "['calm']", "['sad']", "['angry']"], ["['happy']", "['calm']", nothing, nothing]
    assert report_of(truths[:2], texts[:2], **settings)["metrics"]["accuracy"]["value"] == 1
    more = report_of(truths, texts, **settings)
    assert more["open_vocabulary"]["synonym_groups"]["clips_without_groups"]["count"] == 2
    assert more["metrics"]["accuracy"]["value"] == more["metrics"]["recall"]["value"] == 0.5
