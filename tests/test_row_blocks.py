"""Tables are read in blocks of columns: nothing that is said of a row depends on where a block ends."""

import gc
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emolightning.data.readers.annotations import read_custom
from emolightning.data.readers.custom import CustomData
from emolightning.data.readers.pieces import overlaps
from emolightning.data.readers.row_problems import Checked
from emolightning.data.readers.values import BadValue
from emolightning.data.tables.reading import ABSENT, Problem, read_blocks, read_table
from emolightning.errors import InputErrors
from emolightning.records.clips import Clip, Span, collecting_later, in_splits
from emolightning.records.labels import MER6

HEADER = "video_name,emotion_label,transcription,split,subject,valence,place"
SOUND = [
    "a,happy,Hi.,train,p1,1,in",
    'b,Anger,"No,\r\nnever.",dev,p2,-10,out',
    "",
    "c.mp4,sad,你好,test,p3,,in",
    "d,exc,So.,train,p1,0.5,in",
    "e,happy,Out.,train,p4,2,off",
]
WRONG = [
    "a.mp4,sad,Hi.,train,p1,x,in",
    "../f,hapy,nan,trane,nan,1,in",
    "f,zzz,null,train,it\u0092s,1,in",
    "g,zzz,,train,p9,inf,in",
    "h,sad,Hi.",
    "b,sad,Hi.,train,donâ€™t,1,in",
]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    for name in "abcdef":
        (tmp_path / f"{name}.mp4").touch()
    return tmp_path


def all_of(path: Path, media: Path) -> Any:
    """Everything that is read of a file, problems, remarks and lost clips included."""
    lost, remarks = dict[str, str](), list[str]()
    options: dict[str, Any] = {"label_map": {"exc": None}, "drop": {"place": "off"}, "lost": lost, "remarks": remarks}
    try:
        clips, problems = read_custom(path, media, MER6, **options), []
    except InputErrors as error:
        clips, problems = getattr(error, "clips", []), error.problems
    return [(clip, dict(clip.attributes), clip.source) for clip in clips], problems, remarks, lost


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_the_same_wherever_a_block_ends(
    media: Path, monkeypatch: pytest.MonkeyPatch, size: int, end: str
) -> None:
    tables = {name: media / f"{name}.csv" for name in ("sound", "wrong")}
    tables["sound"].write_text(end.join([HEADER, *SOUND]), encoding="utf-8", newline="")
    tables["wrong"].write_text(end.join([HEADER, *SOUND, *WRONG]), encoding="utf-8", newline="")
    whole = [all_of(path, media) for path in tables.values()]
    monkeypatch.setattr("emolightning.data.tables.reading.BLOCK", size)
    assert [all_of(path, media) for path in tables.values()] == whole

    (clips, problems, remarks, _), (_, of_wrong, _, lost) = whole
    assert [(clip.id, clip.label, clip.split, clip.valence, place) for clip, place, _ in clips] == [
        ("a", "happy", "train", 1.0, {"place": "in"}),
        ("b", "angry", "val", None, {"place": "out"}),
        ("c", "sad", "test", None, {"place": "in"}),
    ]
    assert clips[1][0].transcript == "No,\nnever."
    assert clips[2][2] == f"{tables['sound']}, line 6"
    assert problems == []
    assert [remark.partition(": ")[0] for remark in remarks] == [
        "data.drop",
        "emotion_label",
        "data.label_map",
        "valence",
    ]
    assert all(": 1 rows " in remark for remark in remarks)
    assert [problem.partition(":")[0] for problem in of_wrong][:2] == ["line 9", "line 9"]
    assert sum("is the same clip as" in problem for problem in of_wrong) == 2
    assert any(problem.startswith("lines 11, 12: emotion_label 'zzz'") for problem in of_wrong)
    assert list(lost) == ["g"]


def test_entries_of_a_json_list_on_one_line_are_rows_of_their_own(media: Path) -> None:
    a, c, e = (dict(zip(HEADER.split(","), SOUND[row].split(","), strict=True)) for row in (0, 3, 5))
    table = media / "t.json"
    table.write_text(json.dumps([a, c | {"emotion_label": "zzz"}, a, e | {"place": "in"}]))
    clips, problems, _, _ = all_of(table, media)
    assert [(clip.id, clip.split) for clip, _, _ in clips] == [("a", "train"), ("c", None), ("e", "train")]
    assert [problem.partition("emotion_label 'zzz'")[0] for problem in problems] == [
        "line 1: video_name 'a' is the same clip as 'a' in line 1: take one of the two rows out",
        "line 1: ",
    ]


def test_objects_with_other_keys_are_of_one_block(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text(
        '{"a": 1}\n{"a": 2, "b": 3}\n\n{"b": 4, "a": null}\n{"A": 5, "b": [6]}\n{"A": 7}\n{"A": 8, "c": 9}\n'
    )

    def faults(names: Sequence[str]) -> list[str]:
        return ["a is there twice"] * ({"a", "A"} <= set(names))

    problems = list[Problem]()
    blocks = list(read_blocks(table, faults, problems))
    assert [(list(block.lines), dict(block.columns)) for block in blocks] == [
        ([1, 2, 4], {"a": [1, 2, None], "b": [ABSENT, 3, 4]}),
        ([5, 6, 7], {"A": [5, 7, 8], "b": [[6], ABSENT, ABSENT], "c": [ABSENT, ABSENT, 9]}),
    ]
    assert [row.values for row in read_table(table, faults, problems)][1:4] == [
        {"a": 2, "b": 3},
        {"a": None, "b": 4},
        {"A": 5, "b": [6]},
    ]
    assert problems == []


@pytest.mark.parametrize("size", [1, 2, 16384])
def test_what_an_object_leaves_out_is_an_empty_cell(media: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("emolightning.data.tables.reading.BLOCK", size)
    every = {"video_name": "a", "emotion_label": "happy", "transcription": "Hi.", "start": 0, "end": 2.5}
    whole = {"emotion_label": "sad", "video_name": "b", "transcription": "No."}
    more = {**whole, "video_name": "c", "Split": "dev", "place": math.nan, "subject": "p1"}
    again = {**whole, "video_name": "d", "place": "out", "split": "train"}
    (media / "t.jsonl").write_text("\n".join(map(json.dumps, [every, whole, more, again])))
    clips, problems, _, _ = all_of(media / "t.jsonl", media)
    assert problems == []
    assert [(clip.id, clip.label, clip.split, clip.subject, about.get("place", "")) for clip, about, _ in clips] == [
        ("a_0-2500ms", "happy", None, None, ""),
        ("b", "sad", None, None, ""),
        ("c", "sad", "val", "p1", ""),
        ("d", "sad", "train", None, "out"),
    ]


def test_a_value_of_many_rows_is_read_once() -> None:
    asked, checked = list[str](), Checked()

    def read(value: str, rows: int) -> str:
        asked.append(value)
        if value == "no":
            raise BadValue(f"{rows} rows")
        return value.upper()

    assert checked.read_counted(["yes", "no", "yes", "no", "no"], read) == ["YES", None, "YES", None, None]
    assert asked == ["yes", "no"]
    assert [(place, str(error)) for place, error in checked.refused] == [(place, "3 rows") for place in (1, 3, 4)]
    assert checked.wrong() == {1, 3, 4}


@pytest.mark.parametrize("seed", range(5))
def test_pieces_overlap_where_two_of_a_video_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 40, 12).tolist()
    clips = [
        Clip(str(row), Path("ab"[row % 2]), span=Span(start, start + 1 + row % 3)) for row, start in enumerate(starts)
    ]
    spans = [(clip.video, clip.span.start, clip.span.end) for clip in clips if clip.span]
    pairs = [(a, b) for a, b in itertools.combinations(spans, 2) if a[0] == b[0] and a[1] < b[2] and b[1] < a[2]]
    found = list(overlaps(range(1, 13), clips))
    assert bool(found) == bool(pairs)
    assert {clips[line - 1].video for line, _ in found} == {a[0] for a, _ in pairs}


def test_no_garbage_is_looked_for_while_a_table_is_read(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[bool]()

    def chosen(clips: list[Clip], **_: Any) -> str:
        looks.append(gc.isenabled())
        return "abcdef"[: len(clips)]

    (media / "t.csv").write_text("\n".join([HEADER, *SOUND]), encoding="utf-8")
    monkeypatch.setattr("emolightning.data.readers.custom.chosen_splits", chosen)
    data = CustomData(annotations=str(media / "t.csv"), name="x", labels=list(MER6), label_map={"exc": None})
    assert [clip.split for clip in data.read_clips()] == ["a", "b", "c", "d"]
    assert (looks, gc.isenabled()) == ([False], True)
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 0)
    clips = data.read_clips()
    is_old = any(each is clips[0] for each in gc.get_objects(generation=2))
    gc.freeze()  # as conftest.py has it
    assert is_old
    with pytest.raises(KeyError), collecting_later():
        raise KeyError
    assert gc.isenabled()


def test_splits_are_put_on_copies() -> None:
    clip = Clip("a", Path("a.mp4"), valence=0.5, attributes={"place": "in"}, source="t.csv, line 2")
    (other,) = in_splits([clip], ["val"])
    with pytest.raises(FrozenInstanceError):
        other.split = "test"  # type: ignore[misc]
    with pytest.raises(ValueError, match="zip"):
        in_splits([clip], [])
    assert (other.split, clip.split, other.source, other.attributes) == ("val", None, clip.source, clip.attributes)
    assert in_splits([other], [None]) == [clip]  # type: ignore[list-item]
