"""Tables from anywhere: what can be read safely is read with the lines of the file, everything else is named."""

import gzip
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from score_factory import refusal, score, write_csv

from emolightning.data.readers.annotations import read_custom
from emolightning.data.tables.columns import column_faults
from emolightning.data.tables.reading import Problem, described, read_table
from emolightning.errors import UserError
from emolightning.records.labels import MER6

ROWS = [("clip", "said"), ("v1", "Grüß dich, du"), ("v2", "two\nlines"), ("v3", "")]
WANTED = ("clip", "said")


def written(separator: str, *, end: str = "\n", before: str = "") -> str:
    lines = [separator.join(f'"{field}"' for field in row) for row in ROWS]
    return (before + "\n".join(lines) + "\n").replace("\n", end)


def rows_of(path: Path, content: bytes | str) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems: list[Problem] = []
    rows = list(read_table(path, partial(column_faults, WANTED), problems))
    return [(row.line, row.values) for row in rows], described(problems)


def workbook(path: Path, *sheets: list[tuple[Any, ...]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("name", "content", "first_line"),
    [
        ("t.csv", written(","), 2),
        ("t.tsv", written("\t"), 2),
        ("t.csv", written("\t"), 2),
        ("t.csv", written(";"), 2),
        ("t.txt", written("|"), 2),
        ("t.csv", written(";", before="sep=;\n"), 3),
        ("t.csv", written("\t", before="SEP=\t\n"), 3),
        ("t.csv", written("#", before='"sep=#"\n'), 3),
        ("t.csv", written(",", end="\r\n"), 2),
        ("t.csv", written(";", end="\r"), 2),
        ("t.csv", written(",", before="\n\n"), 4),
        ("t.csv", written(",").encode("utf-16"), 2),
        ("t.csv", b"\xfe\xff" + written("\t").encode("utf-16-be"), 2),
        ("t.csv", written(",").encode("utf-32"), 2),
        ("t.csv", b"\xef\xbb\xbf" + written(",").encode(), 2),
    ],
)
def test_csv_and_its_relatives(tmp_path: Path, name: str, content: bytes | str, first_line: int) -> None:
    rows, problems = rows_of(tmp_path / name, content)
    assert problems == []
    assert [tuple(values.values()) for _, values in rows] == ROWS[1:]
    assert [line for line, _ in rows] == [first_line, first_line + 1, first_line + 3]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.csv"])
def test_json_lists_and_objects_a_line(tmp_path: Path, name: str, indent: int | None) -> None:
    entries: list[dict[str, Any]] = [{"clip": "v1", "said": 'a "b" ]'}, {"clip": 2, "said": None, "more": [{}]}]
    rows, problems = rows_of(tmp_path / name, json.dumps(entries, indent=indent))
    assert ([values for _, values in rows], problems) == (entries, [])
    assert [line for line, _ in rows] == ([1, 1] if indent is None else [2, 6])
    rows, problems = rows_of(tmp_path / name, "\n\n".join(map(json.dumps, entries)))
    assert (rows, problems) == ([(1, entries[0]), (3, entries[1])], [])


def test_empty_columns_and_rows_of_a_spreadsheet_are_no_problem(tmp_path: Path) -> None:
    rows, problems = rows_of(tmp_path / "t.csv", "clip,said,,\nv1,well,,\n,,,\nv2,so,,x\n")
    assert rows == [(2, {"clip": "v1", "said": "well"})]
    assert problems == [
        "line 4: 4 fields where the header has 2: ['v2', 'so', '', 'x']; put a text with a comma in double quotes"
    ]


def test_a_workbook_is_read_as_one_sees_it(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "t.xlsx", [], [(None, None), ("clip", "said", None), ("007", 3.0), ("v2", None), (1, True)]
    )
    rows, problems = rows_of(path, path.read_bytes())
    assert problems == []
    assert rows == [
        (3, {"clip": "007", "said": "3"}),
        (4, {"clip": "v2", "said": ""}),
        (5, {"clip": "1", "said": "True"}),
    ]


def test_a_date_that_excel_made_of_a_name_is_a_problem(tmp_path: Path) -> None:
    import datetime

    path = workbook(tmp_path / "t.xlsx", [WANTED, (datetime.date(2024, 2, 1), "well")])
    assert rows_of(path, path.read_bytes())[1] == [
        "line 2: '2024-02-01 00:00:00' is a date or time in the workbook; format the cells as text"
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old or a protected Excel workbook; save it as .xlsx"),
        ("t.csv", b"<!DOCTYPE html><html>", "is an HTML or XML page, not a table; download the file itself"),
        ("t.xlsx", b"\n <table><tr>", "is an HTML or XML page"),
        ("t.csv", b"PAR1\0\0", "is a Parquet file; write it as CSV"),
        ("t.csv", gzip.compress(b"clip,said\n", mtime=0), "is packed with gzip; unpack it first"),
        ("t.csv", b"\x80\x04\x95", "is a pickle, which is never loaded"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\n", "fetch it with `git lfs pull`"),
        ("t.xlsx", b"PK\x03\x04 and so on", "is a damaged zip archive or workbook"),
        (
            "t.jsonl",
            b"clip,said\nv1,well\n",
            "holds no JSON, it begins with 'clip,said\\nv1,well\\n'; if it is a table",
        ),
    ],
)
def test_files_that_hold_no_table_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        rows_of(tmp_path / name, content)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert message in str(caught.value)


def test_archives_and_workbooks_under_another_name_are_named(tmp_path: Path) -> None:
    book = workbook(tmp_path / "t.xlsx", [WANTED]).read_bytes()
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "clip,said")
    np.savez(tmp_path / "t.npz", a=np.zeros(1))
    for content, name, message in (
        (book, "t.csv", "is an Excel workbook; rename it to .xlsx, or save it as 'CSV UTF-8'"),
        ((tmp_path / "t.zip").read_bytes(), "u.csv", "is a zip archive (a.csv, ...); unpack it first"),
        ((tmp_path / "t.npz").read_bytes(), "u.npz", "is an archive of arrays, not a table"),
    ):
        with pytest.raises(UserError) as caught:
            rows_of(tmp_path / name, content)
        assert message in str(caught.value)
    two = workbook(tmp_path / "two.xlsx", [WANTED], [("notes",)])
    with pytest.raises(UserError, match=r"has 2 sheets with cells, \['sheet 0', 'sheet 1'\]; save the one"):
        rows_of(two, two.read_bytes())


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", "klip;said\nv1;well\n", ["line 1: no column 'clip'; did you mean 'klip'?"]),
        (
            "t.json",
            '{\n "v1": {"said": "well"},\n "v2": {}\n}',
            ["line 1: the file is one JSON object with the keys ['v1'"],
        ),
        (
            "t.json",
            '[\n{"clip": "a", "said": ""},\n{"clip": }]',
            ["line 3: not readable as a JSON list from here: Exp"],
        ),
        ("t.json", '[{"clip": "a", "said": ""}] []', ["line 1: there is more after the end of the JSON list"]),
        (
            "t.jsonl",
            '{"clip": "a", "clip": "b", "said": ""}',
            ["line 1: not readable as JSON: key 'clip' is there twice"],
        ),
        (
            "t.csv",
            b"clip,said\na,\x93well\x94\nb,so\nc,it\x92s\n",
            [
                "lines 2, 4: byte 12 of the file (0x93) is not UTF-8; in Windows-1252 0x92 is ’, 0x93 is “, 0x94 is ”; "
                "save the file as 'CSV UTF-8'"
            ],
        ),
        ("t.csv", b"\xff\xfec\0l", ["line 1: the file begins as UTF-16, but "]),
    ],
)
def test_what_is_wrong_inside_of_a_table(tmp_path: Path, name: str, content: bytes | str, expected: list[str]) -> None:
    _, problems = rows_of(tmp_path / name, content)
    assert len(problems) >= len(expected)
    for problem, start in zip(problems, expected, strict=False):
        assert problem.startswith(start)


def test_predictions_and_truth_of_other_kinds_are_scored_alike(tmp_path: Path) -> None:
    said = workbook(tmp_path / "said.xlsx", [("id", "answer"), (1, "sad"), (2, "happy"), (3, "sad")])
    truth = tmp_path / "truth.tsv"
    truth.write_bytes("id\ttruth\r1\tsad\r2\thappy\r3\thappy\r".encode("utf-16"))
    report = score(tmp_path / "out", f"answers={said}", f"truth={truth}", "labels=[happy,sad]")
    assert report["metrics"]["war"]["value"] == pytest.approx(2 / 3)


def test_a_page_instead_of_predictions_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "p.csv"
    page.write_text("<html><body>Please log in</body></html>")
    truth = write_csv(tmp_path / "t.csv", ("id", "truth"), [("a", "sad")])
    said = refusal(capsys, tmp_path / "out", f"answers={page}", f"truth={truth}", "labels=mer6")
    assert f"{page}: is an HTML or XML page" in said


@pytest.mark.parametrize("name", ["clips.xlsx", "clips.csv"])
def test_annotations_of_other_kinds(tmp_path: Path, name: str) -> None:
    (tmp_path / "7.mp4").touch()
    rows = [("video_name", "emotion_label", "transcription"), ("7", "joy", "Well; so.")]
    if name.endswith("xlsx"):
        path = workbook(tmp_path / name, rows)
    else:
        path = tmp_path / name
        path.write_text("\n".join("; ".join(f'"{field}"' for field in row) for row in rows))
    (clip,) = read_custom(path, tmp_path, MER6)
    assert (clip.id, clip.label, clip.transcript) == ("7", "happy", "Well; so.")
    assert clip.source == f"{path}, line 2"
