"""A file of which no answer can be read: `score` says what the answers are, and which settings read them otherwise."""

from pathlib import Path

import pytest
from score_factory import HEADER, refusal, score, write_csv, write_jsonl

CLASSES = (
    "columns.answer=answer, if",
    "labels=...",
    "parser=..., which is",
    "answer_list=..., which is",
    "aliases=FILE",
)


@pytest.mark.parametrize(
    ("answers", "words", "said"),
    [
        (["<think>", "Antwort: froh", "1", "2"], (), "'<think>', 'Antwort: froh', '1', ..."),
        (["happy or sad", "\x1b[31mred\n"], (), r"(1 several labels in answer, 1 no label in answer); they are"),
        (["\x1b[31mred\n", "x" * 500], (), rf"'\x1b[31mred\n', '{'x' * 60}'.... What may help"),
        (["I am happy.", "sadness"], ("parser=strict",), "2 answer is not exactly a label"),
        (["fear", "disgust"], (), "if the labels are others than neutral, angry, happy, sad, worried, surprise"),
    ],
)
def test_what_the_answers_are_and_what_may_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: list[str], words: tuple[str, ...], said: str
) -> None:
    file = write_csv(tmp_path / "p.csv", HEADER, [(f"c{n}", text, "sad") for n, text in enumerate(answers)])
    message = " ".join(refusal(capsys, tmp_path / "out", f"answers={file}", "labels=mer6", *words).split())
    assert f"none of the {len(answers)} answers can be read" in message
    for part in (said, *CLASSES):
        assert part in message
    assert "\x1b" not in message


def test_nothing_there_is_a_question_of_the_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "a", "answer": None, "truth": "sad"}, {"id": "b", "answer": " ", "truth": "sad"}]
    file = write_jsonl(tmp_path / "p.jsonl", rows)
    message = refusal(capsys, tmp_path / "out", f"answers={file}", "labels=mer6", "missing=count")
    assert "(1 no answer for the clip, 1 empty answer). What may help: columns.answer=answer, if" in message


def test_one_fold_of_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_csv(tmp_path / "good.csv", HEADER, [("a", "sad", "sad")])
    bad = write_csv(tmp_path / "bad.csv", HEADER, [("b", "blue", "sad")])
    assert f"{bad}: none of the 1" in refusal(capsys, tmp_path / "out", f"answers=[{good},{bad}]", "labels=mer6")


@pytest.mark.parametrize(
    ("benchmark", "answer", "truth", "cure"),
    [
        ("mer2024_ov", "[]", "['happy']", "scoring.answers=text"),
        ("emer_v1", "", "She smiles.", "columns.answer=answer"),
    ],
)
def test_other_kinds_of_scoring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], benchmark: str, answer: str, truth: str, cure: str
) -> None:
    file = write_csv(tmp_path / "p.csv", HEADER, [("a", answer, truth)])
    assert cure in refusal(capsys, tmp_path / "out", f"answers={file}", f"benchmark={benchmark}")


def test_one_answer_that_can_be_read_is_a_result(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "p.csv", HEADER, [("a", "blue", "sad"), ("b", "happy", "sad")])
    assert score(tmp_path / "out", f"answers={file}", "labels=mer6")["metrics"]["war"]["value"] == 0
