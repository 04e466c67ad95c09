"""What `score` refuses, with file, line and value; nothing is written then."""

import sys
from pathlib import Path

import pytest
from score_factory import HEADER, refusal, score, write_csv

from emolightning.commands.score import main

ROWS = [("a", "sad", "sad"), ("b", "happy", "sad"), ("c", "sad", "sad")]
VALENCE = ("columns.valence_answer=predicted", "columns.valence_truth=valence", "labels=mer6")


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "predictions.csv", HEADER, ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: there are no rows in the file; it needs the columns id, answer, truth"),
        ("id,answer,truth\n", "there are no rows"),
        ("ID,answer,truth\na,sad,sad\n", "line 1: no column 'id'; did you mean 'ID'?"),
        (
            "id,answer\na,sad\n",
            "no column 'truth'; the file has ['id', 'answer']; if it has another name, say columns.truth=NAME",
        ),
        ("id,answer,truth,id\na,sad,sad,b\n", "column 'id' is there twice"),
        ("id,answer,truth\na,sad,sad\na,happy,sad\n", "line 3: 'a' is in line 2 as well, with another value"),
        ("id,answer,truth\na,sad,hapy\n", "line 2: truth 'hapy' of 'a' is not one of"),
        ("id,answer,truth\na,sad,\n", "line 2: truth '' of 'a'"),
        ("id,answer,truth\n,sad,sad\n", "line 2: id is empty"),
        ("id,answer,truth\na,sad, really,sad\n", "line 2: 4 fields where the header has 3"),
        ('id,answer,truth\na,"sad,sad\n', "line 2: not readable as CSV"),
        (
            b"id,answer,truth\na,sad,sad\nb,sa\xe9,sad\n",
            "line 3: byte 30 of the file (0xe9) is not UTF-8; in Windows-1252 0xe9 is é; save the file as",
        ),
        (b"\xff\xfei\0d", "the file begins as UTF-16, but"),
    ],
)
def test_bad_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, message: str) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = refusal(capsys, tmp_path / "out", f"answers={file}", "labels=mer6")
    assert str(file) in said
    assert message in said


def test_columns_of_both_files_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers, truth = tmp_path / "answers.csv", tmp_path / "truth.csv"
    answers.write_text("id,pred\na,sad\n")
    truth.write_text("name,label\na,sad\n")
    said = refusal(capsys, tmp_path / "out", f"answers={answers}", f"truth={truth}", "labels=mer6")
    for remedy in ("columns.answer=NAME", "columns.truth_id=NAME", "columns.truth=NAME"):
        assert remedy in said


@pytest.mark.parametrize(("parser", "is_mapped"), [("words", True), ("strict", False)])
def test_truths_of_another_vocabulary_come_with_a_way_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parser: str, is_mapped: bool
) -> None:
    file, aliases = tmp_path / "p.csv", tmp_path / "codes.csv"
    file.write_text("id,answer,truth\na,sad,3\nb,sad,sad\n")
    words = [f"answers={file}", "labels=mer6", f"parser={parser}"]
    said = refusal(capsys, tmp_path / "out", *words)
    assert "name its labels with labels=[...]" in said
    assert ("aliases=FILE" in said) is is_mapped
    if is_mapped:
        aliases.write_text("alias,label\n3,sad\n")
        score(tmp_path / "out", *words, f"aliases={aliases}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1, 2]", "line 1: a JSON list where an object belongs"),
        ('{"id": "a", "answer": "sad"}', "line 1: no column 'truth'"),
        ('{"id": "a", "answer": {"x": 1}, "truth": "sad"}', "answer \"{'x': 1}\" is a JSON dict, not a text"),
        ('{"id": "a", "answer": "sad \\ud83d", "truth": "sad"}', "answer holds half of a character, '\\ud83d'"),
        ('{"id": true, "answer": "sad", "truth": "sad"}', "id 'True' is a JSON bool, not a text"),
        ('{"id": "a", "ans', "line 1: not readable as JSON"),
        ("[" * 100_000, "line 1: not readable as JSON"),
    ],
)
def test_bad_jsonl(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(line + "\n")
    assert message in refusal(capsys, tmp_path / "out", f"answers={file}", "labels=mer6")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["1", "2"], "1 of 3 clips of {truth} have no answer: '03'; missing=count counts them as wrong"),
        (["01", "02", "03", "4"], "1 of 4 answers are about clips that {truth} does not have: '4'; extra=ignore"),
        (["01", "02", "3"], "(there is '3' for '03', and 0 more such pairs: leading zeros differ"),
        (["01.mp4", "02.mp4", "03.mp4"], "(there is '01.mp4' for '01', and 2 more such pairs: ids=stem compares"),
    ],
)
def test_clips_that_do_not_pair_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ids: list[str], message: str
) -> None:
    truth = write_csv(tmp_path / "t.csv", ("id", "truth"), [(clip, "sad") for clip in ("01", "02", "03")])
    ids = [f"0{clip}" if message.startswith("1 of 3") else clip for clip in ids]
    answers = write_csv(tmp_path / "p.csv", HEADER[:2], [(clip, "sad") for clip in ids])
    said = refusal(capsys, tmp_path / "out", f"answers={answers}", f"truth={truth}", "labels=mer6")
    assert message.format(truth=truth) in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["labels=mer7"], "labels: no vocabulary 'mer7'"),
        ([], "scoring.labels is required"),
        (
            ["labels=mer6", "parser=word"],
            "'word' is not one of words, strict, regex, upstream, upstream_2026, judge; did you mean words?",
        ),
        (["labels=[happy,sad]", "parser=upstream"], "parser=upstream makes 'neutral' of what it cannot read"),
        (["labels=mer6", "aliases=nowhere.csv"], "aliases=nowhere.csv: is neither default nor none"),
        (["labels=mer6", "columns.valence_truth=v"], "columns.valence_answer is required with columns.valence_truth"),
        (["benchmark=mer2023"], "'mer2023' is not one of "),
        (["labels=mer6", "truth=[a.csv,b.csv]"], "truth: has 2 files for 1 of answers"),
        (["labels=mer6", "ids=stems"], "'stems' is not one of exact, stem; did you mean stem?"),
        (["labels=mer6", "truth=nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_settings_that_cannot_be_meant(
    tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert message in refusal(capsys, tmp_path / "out", f"answers={predictions}", *words)


def test_a_misspelt_file_is_named(tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, tmp_path / "out", f"answers={tmp_path / 'prediction.csv'}", "labels=mer6")
    assert f"did you mean {predictions}?" in said


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("glad,hapy", "line 2: 'hapy' is not one of"),
        ("sad,happy", "line 2: 'sad' is a label itself"),
        ("glad,happy\nglad,sad", "line 3: 'glad' means 'happy' already"),
        (",happy", "line 2: the alias is empty"),
    ],
)
def test_bad_alias_files(
    tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    table = tmp_path / "aliases.csv"
    table.write_text(f"alias,label\n{line}\n")
    said = refusal(capsys, tmp_path / "out", f"answers={predictions}", "labels=mer6", f"aliases={table}")
    assert message in said


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("x", "1"), "line 2: valence 'x' of 'a' is not a number"),
        (("nan", "1"), "line 2: valence 'nan' of 'a' is not a number"),
        (("1", "6"), "line 2: valence '6' of 'a' is not between -5 and 5, nor -10 for none"),
        (("-10", "1"), "no clip has a predicted and a true valence"),
    ],
)
def test_bad_valence(tmp_path: Path, capsys: pytest.CaptureFixture[str], pair: tuple[str, str], message: str) -> None:
    file = write_csv(tmp_path / "p.csv", (*HEADER, "predicted", "valence"), [("a", "sad", "sad", *pair)])
    assert message in refusal(capsys, tmp_path / "out", f"answers={file}", *VALENCE)


def test_folds_share_no_clips(tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_csv(tmp_path / "other.csv", HEADER, [*ROWS[:2], ("z", "sad", "sad")])
    said = refusal(capsys, tmp_path / "out", f"answers=[{predictions},{other}]", "labels=mer6")
    assert "fold1 and fold2 share 2 clips, e.g. 'a'" in said
    said = refusal(capsys, tmp_path / "out", f"answers=[{predictions},{predictions}]", "labels=mer6")
    assert "is given twice" in said


def test_answers_are_not_written_over(tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    score(out, f"answers={predictions}", "labels=mer6")
    before = (out / "answers.jsonl").read_bytes()
    sys.argv = ["emolightning", "score"]
    with pytest.raises(SystemExit, match="1"):
        main([f"answers={out}", "labels=mer6", f"output_dir={out}"])
    assert "holds the answers that are read" in capsys.readouterr().err
    (out / "config.yaml").write_text("")
    with pytest.raises(SystemExit, match="1"):
        main([f"answers={predictions}", "labels=mer6", f"output_dir={out}"])
    assert "is the folder of a run" in capsys.readouterr().err
    assert (out / "answers.jsonl").read_bytes() == before
