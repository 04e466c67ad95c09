"""The custom table in a user's hands: other columns, codes for labels, missing values, names from other systems."""

import json
import shlex
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from emolightning.commands.object_help import object_lines
from emolightning.config.check import find_problems
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.readers.annotations import read_custom
from emolightning.data.readers.custom import CustomData
from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.transcripts import read_transcripts
from emolightning.data.readers.values import BadValue, MediaFolder, clip_id
from emolightning.data.stores.features import FolderFeatures
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip
from emolightning.records.labels import DFEW7, MER6, MER9, nearest
from emolightning.runs.assembly_of_data import make_corpus

HEADER = "video_name,emotion_label,transcription"
Read = Callable[..., list[Clip]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """read(lines, **options): clips of a file that lies beside a to f.mp4."""
    for name in "abcdef":
        (tmp_path / f"{name}.mp4").touch()

    def read_lines(*lines: str, labels: tuple[str, ...] = MER6, **options: Any) -> list[Clip]:
        (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
        return read_custom(tmp_path / "t.csv", tmp_path, labels, **options)

    return read_lines


def problems(read: Read, *lines: str, **options: Any) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        read(*lines, **options)
    return caught.value.problems


# Columns


def test_columns_under_other_names(read: Read) -> None:
    columns = {"video_name": "Clip", "emotion_label": "gefühl", "transcription": "Text", "subject": "speaker"}
    clips = read("clip,Gefühl,text,speaker,subject", "a,joy,Hi.,p1,x", "b,sad,No.,p2,y", columns=columns)
    assert [(clip.id, clip.label, clip.transcript, clip.subject) for clip in clips] == [
        ("a", "happy", "Hi.", "p1"),
        ("b", "sad", "No.", "p2"),
    ]


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        ("file,emotion_label,transcription", {}, "is it 'file'? then say data.columns.video_name=file"),
        ("video_name,feeling,transcription", {}, "data.columns.emotion_label=NAME says which it is"),
        ("video_name,emotion label,transcription", {}, "then say 'data.columns.emotion_label=emotion label'"),
        (HEADER, {"subject": "speker"}, "no column 'speker', which data.columns.subject names; columns found"),
    ],
)
def test_a_missing_column_is_told_with_the_setting(
    read: Read, header: str, columns: dict[str, str], message: str
) -> None:
    (problem,) = problems(read, header, "a,sad,Hi.", columns=columns)
    assert message in problem


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("StartTime", "column 'starttime' says that a row is about a piece of a video"),
        ("offset_ms", "say data.columns.start=NAME data.columns.end=NAME where these hold seconds"),
        ("end_frame", "say data.columns.start=NAME data.columns.end=NAME where these hold seconds"),
        ("video_start", "say data.columns.start=NAME data.columns.end=NAME where these hold seconds"),
        ("annotator_2", "vote first"),
        ("rater_b_label", "vote first"),
        ("emotion_label_2", "vote first"),
        ("Rater ID", "vote first, so that each clip has one row"),
        ("worker", "column 'worker' says that several people have judged a clip"),
    ],
)
def test_columns_that_change_what_a_row_means_are_refused(read: Read, column: str, message: str) -> None:
    (problem,) = problems(read, f"{HEADER},{column}", "a,sad,Hi.,1", "a,sad,Hi.,2")
    assert problem.startswith("line 1: ")
    assert message in problem


@pytest.mark.parametrize(
    "column", ["weight", "confidence", "endearing", "restart", "kind", "gender", "duration", "rating"]
)
def test_other_columns_are_put_aside(read: Read, column: str) -> None:
    assert [clip.id for clip in read(f"{HEADER},{column}", "a,sad,Hi.,1")] == ["a"]


def test_two_rows_for_a_clip_are_told_apart_by_what_they_say(read: Read) -> None:
    found = problems(read, HEADER, "a,sad,Hi.", "a.mp4,happy,Hi.", "b,sad,x", "b,sad,x", "c,sad,x", "c,sad,y")
    assert "with another label, 'happy' and 'sad': a clip has one row; if several people judged it, vote" in found[0]
    assert found[1].endswith("is the same clip as 'b' in line 4: take one of the two rows out")
    assert "with another transcription: if these are pieces of one video, say which in columns" in found[2]
    assert not any("keep one" in problem for problem in found)


PEOPLE = "video_name,r1,R2,r3,transcription"


@pytest.mark.parametrize(("ties", "labels"), [("first", ["sad", "happy", "angry"]), ("drop", ["sad", "happy"])])
def test_the_label_of_a_clip_is_that_of_most_people(read: Read, ties: str, labels: list[str]) -> None:
    remarks: list[str] = []
    rows = ("a,sad,happy,sadness,Hi.", "b,happy,xxx,,Hi.", "c,angry,sad,,Hi.")
    clips = read(PEOPLE, *rows, annotators=["r1", "r2", "r3"], ties=ties, label_map={"xxx": None}, remarks=remarks)
    assert [clip.label for clip in clips] == labels
    followed = (
        "3 rows have the label of most people, 66.7%"
        if ties == "first"
        else "2 rows have the label of most people, 75.0%"
    )
    assert any(followed in sentence for sentence in remarks)
    assert "data.label_map: 1 votes are left out (xxx 1)" in remarks
    assert any(sentence.startswith("data.annotators: the votes of 1 rows are tied: ") for sentence in remarks)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,sad,happy,,Hi.", "line 2: the votes are tied: sad 1, happy 1; data.ties=first takes the one of these"),
        ("a,,,,Hi.", "line 2: r1, r2, r3 are empty: nobody has judged the clip"),
        ("a,sad,sda,sad,Hi.", "line 2: r2 'sda' is not one of"),
    ],
)
def test_votes_that_give_no_label_are_refused(read: Read, row: str, message: str) -> None:
    (problem,) = problems(read, PEOPLE, row, annotators=["r1", "r2", "r3"])
    assert problem.startswith(message)


def test_a_clip_whose_every_vote_is_left_out_is_left_out_and_counted(read: Read) -> None:
    remarks: list[str] = []
    rows = ("a,sad,xxx,,Hi.", "b,xxx,oth,xxx,Hi.", "c,,oth,,Hi.")
    label_map = {"xxx": None, "oth": None}
    clips = read(PEOPLE, *rows, annotators=["r1", "r2", "r3"], label_map=label_map, remarks=remarks)
    assert [clip.id for clip in clips] == ["a"]
    assert "data.label_map: 5 votes are left out (oth 2, xxx 3)" in remarks
    assert "data.annotators: 2 rows are left out, for data.label_map leaves out every vote" in remarks


def test_columns_of_people_must_be_there_and_named(read: Read) -> None:
    (problem,) = problems(read, "video_name,rater1,transcription", "a,sad,Hi.", annotators=["rater1", "rater2"])
    assert problem.startswith("line 1: no column 'rater2', which data.annotators names; columns found")
    (problem,) = problems(read, f"{HEADER},rater1,rater2", "a,sad,Hi.,sad,sad")
    assert "where each has a column of labels, say 'data.annotators=[rater1,rater2]'; else vote first" in problem
    both = read(f"{HEADER},r2", "a,sad,Hi.,sad", annotators=["emotion_label", "r2"])
    assert both[0].label == "sad"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"annotators": ["a"]}, "must be columns of two or more people"),
        ({"annotators": "a,b"}, "must be columns of two or more people"),
        ({"annotators": ["a", "a"]}, "a column is there twice"),
        ({"annotators": ["a", "b"], "label_separator": ";"}, "vote for one label a clip"),
        ({"ties": "drop"}, "data.ties=drop is of data.annotators"),
        ({"annotators": ["a", "b"], "ties": "last"}, "data.ties: 'last' is not one of refuse, first, drop"),
    ],
)
def test_settings_of_people_that_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CustomData(annotations="t.csv", name="custom", labels="mer6", **given)


# Missing values


@pytest.mark.parametrize("word", ["nan", "NONE", "<NA>", "#N/A", "NaT"])
def test_a_transcript_that_a_program_left_is_missing(read: Read, word: str) -> None:
    lines = (HEADER, f"a,sad,{word}", "b,sad,None.", f"c,sad,{word}")
    (problem,) = problems(read, *lines)
    assert problem.startswith(f"lines 2, 4: transcription is {word!r}, which programs write for a missing value")
    (pasted,) = shlex.split(problem.partition("is said, say ")[2])
    said = OverridesParser.create().parse_overrides([pasted])[0].value()
    assert [clip.transcript for clip in read(*lines, said_words=said)] == [word, "None.", word]
    assert [clip.transcript for clip in read(*lines, needs_transcript=False)] == [None, "None.", None]


def test_words_for_missing_transcripts_are_one_problem_with_their_numbers(read: Read) -> None:
    lines = (HEADER, "a,sad,nan", "b,sad,N/A", "c,sad,Hi.", "d,sad,nan", "e,sad,")
    problem, empty = problems(read, *lines)
    assert problem.startswith("lines 2, 3, 5: transcription is 'nan' (2), 'N/A' (1), which programs write for")
    assert problem.endswith("""if those very words are said, say 'data.said_words=["nan",N/A]'""")
    assert empty.startswith("line 6: transcription is empty")
    remarks: list[str] = []
    clips = read(*lines, may_be_silent=True, remarks=remarks)
    assert [clip.transcript for clip in clips] == ["", "", "Hi.", "", ""]
    assert read(*lines[:3], said_words=["NAN", "n/a"])[1].transcript == "N/A"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            "transcription",
            "lines 1, 2: transcription is 'NaN', which programs write for a missing value; write what is",
        ),
        ("reason", "lines 1, 2: reason is 'NaN', which programs write for a missing value; leave the cell empty"),
        ("valence", "lines 1, 2: valence 'NaN' is not a number; leave it empty, or -10, where there is none"),
    ],
)
def test_a_number_that_is_none_is_missing_as_its_word_is(tmp_path: Path, column: str, message: str) -> None:
    row = {"emotion_label": "sad", "transcription": "Hi.", column: float("nan")}
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"video_name": name, **row}) for name in "ab"))
    with pytest.raises(InputErrors) as caught:
        read_custom(tmp_path / "t.jsonl", tmp_path, MER6, lost={})
    assert caught.value.problems[0].startswith(message)


@pytest.mark.parametrize("column", ["reason", "subject", "split", "emotion_label"])
def test_other_values_that_a_program_left_are_refused(read: Read, column: str, tmp_path: Path) -> None:
    row = {"video_name": "a", "emotion_label": "sad", "transcription": "Hi.", column: "NULL"}
    (tmp_path / "t.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "video_name": "b"}))
    with pytest.raises(InputErrors) as caught:
        read_custom(tmp_path / "t.jsonl", tmp_path, MER6, lost={})
    assert [problem[: len(column) + 22] for problem in caught.value.problems] == [f"lines 1, 2: {column} is 'NULL'"]
    sound = {**row, column: None if column != "emotion_label" else "sad"}
    (tmp_path / "t.jsonl").write_text(json.dumps(sound))
    assert read(HEADER, "a,sad,Hi.") == [
        Clip("a", tmp_path / "a.mp4", "Hi.", "sad", source=f"{tmp_path / 't.csv'}, line 2")
    ]


def test_a_benchmark_speaks_nan_only_where_its_protocol_does(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,sentence\nv1,NaN\nv2,\nv3,None at all\n")
    for empty, spoken, count in (("upstream", ["NaN", "nan", "None at all"], 1), ("empty", ["", "", "None at all"], 2)):
        table = read_transcripts(tmp_path / "t.csv", empty=empty)
        assert [table.of(name) for name in ("v1", "v2", "v3")] == spoken
        assert table.num_empty(["v1", "v2", "v3"]) == count
    with pytest.raises(BadValue, match=r"'v1' has an empty sentence \('NaN'; with a full stop where it is said\)"):
        read_transcripts(tmp_path / "t.csv", empty="error").of("v1")


# Labels


def test_codes_are_mapped_and_rows_left_out_with_their_numbers(read: Read) -> None:
    remarks: list[str] = []
    lines = (HEADER, "a,0,x", "b,1.0,x", "c,EXC,x", "d,xxx,nan", "nowhere,xxx,x", "e,sad,x")
    label_map = {0: "anger", "1": "sad", "exc": "happy", "xxx": None, "fru": None}
    clips = read(*lines, label_map=label_map, remarks=remarks)
    assert {clip.id: clip.label for clip in clips} == {"a": "angry", "b": "sad", "c": "happy", "e": "sad"}
    assert remarks == [
        "data.label_map: 3 rows are mapped (0 -> angry 1, 1.0 -> sad 1, EXC -> happy 1)",
        "data.label_map: 2 rows are left out (xxx 2)",
        "data.label_map: no row has 'fru'",
    ]


def test_labels_of_a_cell_that_are_left_out_are_counted_and_leave_no_clip_without_any(read: Read) -> None:
    remarks: list[str] = []
    label_map = {"xxx": None, "exc": "happy", "fru": None}
    lines = (HEADER, "a,sad;xxx,x", "b,xxx,x", "c,exc; sad,x", "d,xxx; xxx,x")
    clips = read(*lines, separator=";", label_map=label_map, remarks=remarks)
    assert {clip.id: clip.open_labels for clip in clips} == {"a": ("sad",), "c": ("happy", "sad")}
    assert remarks == [
        "data.label_map: 1 labels are mapped (exc -> happy 1)",
        "data.label_map: 4 labels are left out (xxx 4)",
        "data.label_map: 2 rows are left out, for it leaves them no label",
        "data.label_map: no row has 'fru'",
    ]


def test_the_code_for_no_number_is_a_value_where_the_scale_has_it_and_is_counted_elsewhere(read: Read) -> None:
    lines = ("video_name,emotion_label,transcription,arousal", "a,sad,x,-10", "b,sad,x,4", "c,sad,x,-10.0")
    for scale, numbers in (((-50, 50), [-10, 4, -10]), ((1, 9), [None, 4, None]), (None, [None, 4, None])):
        remarks: list[str] = []
        assert [clip.arousal for clip in read(*lines, scale=scale, remarks=remarks)] == numbers
        assert [remark.startswith("arousal: 2 rows have -10, which is read as no value") for remark in remarks] == [
            True for _ in numbers[:1] if None in numbers
        ]


def test_words_that_are_taken_for_labels_are_told_with_their_numbers(read: Read) -> None:
    remarks: list[str] = []
    read(HEADER, "a,anger,x", "b,Happy,x", "c,Joy,x", "d,joy,x", "e,anger,x", "f,sad,x", remarks=remarks)
    assert remarks == ["emotion_label: 4 rows are read as labels (Joy -> happy 1, anger -> angry 2, joy -> happy 1)"]


def test_a_label_map_may_be_a_table(read: Read, tmp_path: Path) -> None:
    (tmp_path / "map.tsv").write_text("alias\tlabel\nWut\tangry\nträurig\tsad\n?\t\n", encoding="utf-8")
    clips = read(HEADER, "a,wut,x", "b,TRÄURIG,x", "c,?,x", label_map=str(tmp_path / "map.tsv"))
    assert [clip.label for clip in clips] == ["angry", "sad"]


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ({"exc": "hapy"}, "'exc' means 'hapy', which is not one of"),
        ({"a": "sad", "A": "happy"}, "'A' is there twice, with different labels"),
        ("nowhere.csv", "data.label_map=nowhere.csv: no such file"),
    ],
)
def test_a_label_map_that_cannot_be_meant(label_map: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        LabelMap(MER6, label_map)
    assert message in str(caught.value)


def test_a_label_may_be_called_as_programs_call_nothing(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text("alias,label\n0,none\n1,happy\n2,nan\n")
    read = LabelMap(("happy", "none"), str(table))
    assert (read.read("none"), read.read("0"), read.read("1")) == ("none", "none", "happy")
    assert read.leaves_out("2")


def test_rows_are_left_out_by_what_a_column_says(read: Read) -> None:
    lines = (
        f"{HEADER},Quality,subject",
        "a,sad,Hi.,good,p1",
        "b,nonsense,Hi.,BAD,p2",
        "c,joy,,bad,p1",
        "d,joy,Yes.,,p3",
        "e,joy,Yes.,fair,p3",
    )
    remarks: list[str] = []
    clips = read(*lines, drop={"quality": ["bad", None], "Subject": "p9"}, remarks=remarks)
    assert [clip.id for clip in clips] == ["a", "e"]
    assert remarks[:2] == [
        "data.drop: 3 rows are left out (quality empty 1, quality bad 2)",
        "data.drop: no row has subject 'p9'",
    ]
    (wrong,) = problems(read, *lines[:2], drop={"qualty": "bad"})
    assert wrong.startswith("line 1: no column 'qualty', which data.drop names; columns found: ['emotion_label', 'qual")
    assert problems(read, *lines[:2], drop={"quality": "good"}) == ["data.drop or data.label_map leaves out every row"]


def test_every_row_left_out(read: Read) -> None:
    assert problems(read, HEADER, "a,x,y", label_map={"x": None}) == ["data.label_map leaves out every row"]


def test_equal_problems_are_one_with_all_its_lines(read: Read) -> None:
    lines = [f"{name},{'tense' if name in 'acdf' else 'calm'},x" for name in "abcdef"] * 2
    found = problems(read, HEADER, *lines[:6], *(f"{name}2,tense,x" for name in "abc"), lost={})
    assert [problem.partition(": ")[0] for problem in found] == ["lines 2, 4, 5, 7, 8, ... (7 rows)", "lines 3, 6"]
    assert found[0].endswith(
        f"emotion_label 'tense' is not one of {list(MER6)}; say what the 2 words mean with "
        "'data.label_map={tense: LABEL, calm: LABEL}' (null leaves rows out), or name the labels of the file with "
        "data.labels=[...], which a model that was trained on others does not know"
    )
    assert found[1].endswith(f"emotion_label 'calm' is not one of {list(MER6)}")


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("happy;surprise", "is 2 labels, 'happy' and 'surprise'; a clip has one"),
        ("joy and sadness", "is 2 labels, 'happy' and 'sad'"),
        ("neutral|angry/sad", "is 3 labels, 'neutral' and 'angry' and 'sad'"),
        ("suprise", "did you mean 'surprise'?"),
    ],
)
def test_what_is_said_of_a_word_that_is_no_label(word: str, part: str) -> None:
    with pytest.raises(BadValue) as caught:
        LabelMap(MER6).read(word)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("word", "words", "label"),
    [
        ("disgust", MER9, None),
        ("fru", MER9, None),
        ("mad", MER6, None),
        ("contentment", MER9, None),
        ("bad", MER6, None),
        ("worryed", MER6, "worried"),
        ("hpapy", MER6, "happy"),
        ("neutrall", DFEW7, "neutral"),
        ("sadnes", DFEW7, "sad"),
    ],
)
def test_only_a_label_that_is_one_edit_away_is_proposed(word: str, words: tuple[str, ...], label: str | None) -> None:
    assert nearest(word, words) == label


def test_words_that_no_command_line_holds_are_mapped_in_a_file(read: Read) -> None:
    (problem,) = problems(read, HEADER, "a,怒,x", "b,怒,x")
    assert problem.startswith("lines 2, 3: emotion_label '怒' is not one of ")
    assert "the word means with data.label_map=FILE, a table with the columns alias and label" in problem


# Characters


def test_wrong_characters_are_one_problem_that_says_what_they_are_meant_for(read: Read) -> None:
    found = problems(
        read, f"{HEADER},reason", "a,sad,it\x92s,x", "b,sad,x,\x93so\x94", "c,sad,itâ€™s Ã©,x", "d,sad,„Spaß“ É… é…,x"
    )
    assert len(found) == 1
    assert found[0].startswith("lines 2, 3, 4: characters that were decoded wrongly: ")
    for part in ("U+0092 for '’'", "U+0093 for '“'", "U+0094 for '”'", "'Ã©' for 'é'", "'â€™' for '’'"):
        assert part in found[0]


@pytest.mark.parametrize("text", ["„Spaß“", "ALLÉ…", "“café…”", "NÃO, SÃO", "â €", "100 €", "naïve Âge"])
def test_letters_that_are_meant_are_left_alone(read: Read, text: str) -> None:
    assert read(HEADER, f'a,sad,"{text}"')[0].transcript == text


# Names


def test_names_are_found_however_their_letters_are_composed(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "Zoë/café ñ") for form in ("NFC", "NFD"))
    assert composed != apart
    for on_disk, written in ((composed, apart), (apart, composed)):
        folder = tmp_path / ("1" if on_disk == apart else "2")
        (folder / on_disk).parent.mkdir(parents=True)
        (folder / f"{on_disk}.mp4").touch()
        media = MediaFolder(folder)
        for name in (written, f"{written}.mp4", on_disk):
            assert clip_id(name) == composed
            assert media.find(name, clip_id(name)) == folder / f"{on_disk}.mp4"


def test_two_files_that_differ_only_in_that_are_refused(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / f"{unicodedata.normalize(form, 'José')}.mp4").touch()
    with pytest.raises(
        BadValue, match="holds 2 files or folders called 'José.mp4', whose letters are composed in diff"
    ):
        MediaFolder(tmp_path, preferred=(".mp4",)).find("José.mp4", "José")


def test_vectors_are_found_however_their_names_are_composed(tmp_path: Path) -> None:
    names = [unicodedata.normalize("NFC", name) for name in ("Ångström/é", "plain")]
    for name in names:
        path = tmp_path / "hubert" / unicodedata.normalize("NFD", f"{name}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.ones(3, dtype=np.float32))
    source = FolderFeatures(root=str(tmp_path), speech="hubert")
    loaded = source.load([Clip(name, tmp_path) for name in names], ["speech"], cache=tmp_path, missing="error")
    assert list(loaded.vectors["speech"]) == names


# Settings


def test_the_settings_reach_the_reader_and_the_record(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.mp4").touch()
    rows = [f"{name};{code};Hi." for name, code in zip("abcdef", ("1", "2", "1", "2", "9", "1"), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["clip;code;text", *rows]))
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose(
            "train",
            [
                "data=custom",
                f"data.annotations={tmp_path / 't.csv'}",
                "data.labels=[calm,tense]",
                "data.label_map={1: calm, 2: tense, 9: null}",
                "data.columns.video_name=clip",
                "data.columns.emotion_label=code",
                "data.columns.transcription=text",
                "data.said_words=[None]",
            ],
        )
    assert find_problems(cfg) == []
    data = make_corpus(cfg).source
    assert sorted((clip.id, clip.label) for clip in data.read_clips()) == [
        ("a", "calm"), ("b", "tense"), ("c", "calm"), ("d", "tense"), ("f", "calm")
    ]  # fmt: skip
    assert data.remarks == [
        "data.label_map: 5 rows are mapped (1 -> calm 3, 2 -> tense 2)",
        "data.label_map: 1 rows are left out (9 1)",
    ]


def test_help_shows_the_keys_of_the_options_that_are_chosen() -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        lines = list(object_lines(compose("train", overrides=["data=custom"])))
    (columns,) = [line for line in lines if line.startswith("  data.annotations=")]
    assert all(f"`{name}`" in columns for name in ("video_name", "emotion_label", "split", "reason", "subject"))
    assert any(line.startswith("  data.label_map=null") and "null to leave its rows out" in line for line in lines)
    assert any(line.startswith("  data.batch_size=8 ") and "Clips per process" in line for line in lines)
    assert any(line.startswith("  data.columns.video_name=null") for line in lines)
