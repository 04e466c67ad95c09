"""`parser=judge`: a model on a server reads the answers that rules leave, and no others."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from judge_server import Reply, Request, serving
from score_factory import refusal, score, write_csv

from emolightning.prompt.asking.replies import Unusable
from emolightning.scoring.judges.answers import read_reply

HEADER = ("id", "answer", "truth")
ANSWERS = [
    ("a", "She is sad.", "sad"),
    ("b", "Her heart is in pieces.", "sad"),
    ("c", "Either happy or sad.", "happy"),
    ("d", "Like a cloud at noon.", "happy"),
    ("e", "Her heart is in pieces.", "sad"),
    ("f", "", "sad"),
    ("g", "<think>She is sad, for", "sad"),
    ("h", "He walks on air.", "happy"),
]
REPLIES = {"Her heart is in pieces.": "sad", "Either happy or sad.": "none", "He walks on air.": "joyful"}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOLIGHTNING_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_csv(tmp_path / "p.csv", HEADER, ANSWERS)
    return tmp_path


def judge(request: Request, _: int) -> Reply:
    asked = json.loads(request.text)
    assert asked["labels"] == ["happy", "sad"]
    return Reply(json.dumps({"label": REPLIES.get(asked["answer"], "none")}))


def words(place: Path, url: str) -> tuple[str, ...]:
    server = ("judge=openai", f"judge.base_url={url}", "judge.model=m", "judge.max_attempts=2")
    return (f"answers={place / 'p.csv'}", "labels=[happy,sad]", "parser=judge", *server, "judge.backoff_seconds=0.01")


def lines(folder: Path) -> dict[str, dict[str, Any]]:
    read = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    return {line["id"]: line for line in read}


def test_only_what_rules_leave_is_asked_and_what_a_judge_read_is_marked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(judge) as server:
        report = score(place / "one", *words(place, server.url))
        texts = [json.loads(request.text)["answer"] for request in server.requests]
        again = score(place / "two", *words(place, server.url))
        assert len(server.requests) == len(texts) + 2  # Only the reply that could not be read is asked for again.
    assert set(texts) == {text for _, text, _ in ANSWERS[1:5]} | {"He walks on air."}
    assert again["metrics"] == report["metrics"]
    reading = report["reading"]
    assert (reading["parser"], reading["read_by_judge"], reading["read_from"]["a judge"]) == ("judge", 2, 2)
    assert (reading["judge"]["model"], reading["judge"]["asked"]) == ("m", 4)
    assert reading["judge"]["failures"] == {"a label that was not asked about": 1}
    assert reading["other_parsers"]["words"]["unreadable"] == 7
    found = lines(place / "one")
    assert [found[clip]["prediction"] for clip in "abcdefgh"] == ["sad", "sad", None, None, "sad", None, None, None]
    assert (found["a"]["read_from"], found["b"]["read_from"]) == ("the text", "a judge")
    assert found["c"]["unscored_because"] == "several labels in answer"
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 labels were read by the judge m, not by rules" in printed
    assert "the judge could not read 1 answers" in printed


def test_a_sheet_says_what_a_judge_has_read(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(judge) as server:
        score(place / "one", *words(place, server.url), "hand_check=8")
        sheet = place / "one" / "hand_check.csv"
        rows = list(csv.DictReader(sheet.open(encoding="utf-8-sig", newline="")))
        assert {row["id"] for row in rows if row["read_from"] == "a judge"} == {"b", "e"}
        human = {"b": "sad", "e": "happy"}
        filled = [[*list(row.values())[:-1], human.get(row["id"], "none")] for row in rows]
        write_csv(place / "filled.csv", rows[0], filled)
        report = score(place / "two", *words(place, server.url), f"hand_check={place / 'filled.csv'}")
    assert report["reading"]["hand_check"]["read_by_judge"] == {"num_checked": 2, "agreed": 1}
    assert "A judge read 2 of them, the person 1 of these alike." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("parser=judge",), "needs judge=openai judge.base_url=URL judge.model=NAME"),
        (("parser=judge", "judge=offline"), "needs judge=openai"),
        (("parser=words", "judge=offline"), "parser=words asks no judge; say parser=judge"),
        (("parser=judge", "judge=openai"), "judge.base_url"),
        (
            ("parser=judge", "judge=openai", "judge.base_url=https://api.example.org/v1", "judge.model=m"),
            "OPENAI_API_KEY",
        ),
        (("parser=judge", "judge=openai", "judge.base_url=ftp://x", "judge.model=m"), "base_url"),
        (("parser=judge", "pattern=x"), "no other parser has one"),
        (("parser=jugde",), "did you mean"),
    ],
)
def test_what_a_judge_needs_is_said_before_anything_is_read(
    place: Path, capsys: pytest.CaptureFixture[str], changed: tuple[str, ...], said: str
) -> None:
    text = refusal(capsys, place / "out", f"answers={place / 'p.csv'}", "labels=[happy,sad]", *changed)
    assert said in " ".join(text.split())
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    "reply",
    [
        '{"label": "Sad"}',
        "sad",
        '{"label": ["sad"]}',
        '{"label": "sad", "label": "none"}',
        '{"label": "sad", "x": 1}',
        "",
    ],
)
def test_replies_that_are_no_label_are_no_reading(reply: str) -> None:
    with pytest.raises(Unusable):
        read_reply(reply, ("happy", "sad"))
    assert read_reply('```json\n{"label": "none"}\n```', ("happy", "sad")).text == "none"
