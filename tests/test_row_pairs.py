"""`score pair_by=row`: predictions without ids are paired with their truth by their order."""

from pathlib import Path

import pytest
from score_factory import refusal, score, values, write_csv, write_jsonl

ANSWERS, TRUTHS = ["sad", "happy", "sad", "angry"], ["sad", "happy", "happy", "angry"]


def test_files_without_ids_are_paired_by_their_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = write_jsonl(tmp_path / "p.jsonl", [{"answer": answer} for answer in ANSWERS])
    truth = write_csv(tmp_path / "t.csv", ["truth"], [[truth] for truth in TRUTHS])
    words = (f"answers={said}", f"truth={truth}", "labels=mer6")
    assert "no column 'id'" in refusal(capsys, tmp_path / "out", *words)
    report = score(tmp_path / "out", *words, "pair_by=row")
    assert values(report)["war"] == 0.75
    assert report["evaluation"]["pair_by"] == "row"
    assert "4 rows are paired by their order (pair_by=row)" in capsys.readouterr().out
    assert '"t row 3"' in (tmp_path / "out" / "answers.jsonl").read_text()


def test_truths_in_the_same_file_and_ids_on_one_side(tmp_path: Path) -> None:
    both = write_csv(tmp_path / "p.csv", ["truth", "answer"], zip(TRUTHS, ANSWERS, strict=True))
    assert values(score(tmp_path / "one", f"answers={both}", "labels=mer6", "pair_by=row"))["war"] == 0.75
    truth = write_csv(tmp_path / "t.csv", ["id", "truth"], zip("wxyz", TRUTHS, strict=True))
    score(tmp_path / "two", f"answers={both}", f"truth={truth}", "labels=mer6", "pair_by=row")
    assert '"id": "y"' in (tmp_path / "two" / "answers.jsonl").read_text()


@pytest.mark.parametrize(
    ("ids", "num_rows", "message"),
    [
        ("wxyz", 3, "p.csv has 4 rows and {truth} has 3; rows are paired only where the numbers are equal"),
        ("wyxz", 4, "line 3: is about 'y', and its pair in {truth}, line 3, about 'x'; pair_by=id pairs by these ids"),
    ],
)
def test_rows_that_are_no_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ids: str, num_rows: int, message: str
) -> None:
    said = write_csv(tmp_path / "p.csv", ["id", "answer"], zip(ids, ANSWERS, strict=True))
    rows = list(zip("wxyz", TRUTHS, strict=True))[:num_rows]
    truth = write_csv(tmp_path / "t.csv", ["id", "truth"], rows)
    found = refusal(capsys, tmp_path / "out", f"answers={said}", f"truth={truth}", "labels=mer6", "pair_by=row")
    assert message.format(truth=truth) in found


def test_ids_whose_letters_are_composed_in_different_ways_are_the_same(tmp_path: Path) -> None:
    said = write_csv(tmp_path / "p.csv", ["id", "answer"], [("Rene\u0301", "sad"), ("n\u0303u.mp4", "happy")])
    truth = write_csv(tmp_path / "t.csv", ["id", "truth"], [("Ren\u00e9", "sad"), ("\u00f1u", "happy")])
    report = score(tmp_path / "out", f"answers={said}", f"truth={truth}", "labels=mer6", "ids=stem")
    assert values(report)["war"] == 1.0
