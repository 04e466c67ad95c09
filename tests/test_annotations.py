"""The custom annotation file: the format of the evaluation guide is read, and every mistake is named with its line."""

import json
import logging
from pathlib import Path

import pytest

from emolightning.data.readers.annotations import annotation_hash, read_custom
from emolightning.errors import InputErrors, UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES, SOUND_SUFFIXES, VIDEO_SUFFIXES
from emolightning.records.clips import Clip
from emolightning.records.labels import MER6

HEADER = "video_name, emotion_label, transcription\n"
CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips"


@pytest.fixture
def media(tmp_path) -> Path:
    """The reader looks for files and never opens them."""
    folder = tmp_path / "media"
    (folder / "talks").mkdir(parents=True)
    for name in ("a.mp4", "b.avi", "c.mkv", "d.mov", "e.webm", "v1.2.mp4", "talks/a.mp4", "both.mp4", "both.avi"):
        (folder / name).touch()
    (tmp_path / "outside.mp4").touch()
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "folder.mp4").mkdir()
    return folder


@pytest.fixture
def read(tmp_path, media):
    """read(text or bytes, name=..., **options) -> clips."""

    def read_text(content: str | bytes, name: str = "clips.csv", **options) -> list[Clip]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_custom(path, media, MER6, **options)

    return read_text


@pytest.fixture
def problems(read):
    """problems(text) -> the lines of the message."""

    def problems_of(content: str | bytes, **options) -> list[str]:
        with pytest.raises(InputErrors) as caught:
            read(content, **options)
        assert caught.value.subject.endswith(options.get("name", "clips.csv"))
        return caught.value.problems

    return problems_of


def test_the_guides_own_rows(read, media):
    clips = read(
        HEADER + 'a.mp4, happiness, "I\'m so happy today!"\nb.avi, sadness, "This is, really, disappointing."\n'
    )
    assert clips == [
        Clip("a", media / "a.mp4", "I'm so happy today!", "happy"),
        Clip("b", media / "b.avi", "This is, really, disappointing.", "sad"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_windows_line_ends_and_byte_order_mark_change_nothing(read, end, mark):
    text = HEADER + 'a, happy, "two\nlines"\n\nb, sad, "she said ""no"""'
    clips = read(mark + text.replace("\n", end).encode())
    assert [(clip.id, clip.transcript) for clip in clips] == [("a", "two\nlines"), ("b", 'she said "no"')]


def test_names_with_and_without_suffix_and_in_subfolders(read, media):
    clips = read(
        HEADER + "".join(f"{name}, sad, x\n" for name in ("b", "c.mkv", "d", "e", "v1.2", "talks/a", "./a.mp4"))
    )
    assert [clip.id for clip in clips] == ["b", "c", "d", "e", "v1.2", "talks/a", "a"]
    assert [clip.video.relative_to(media).as_posix() for clip in clips][-3:] == ["v1.2.mp4", "talks/a.mp4", "a.mp4"]


def test_optional_columns_in_any_order_and_unknown_ones_said_once(read, caplog):
    caplog.set_level(logging.INFO)
    clips = read(
        "subject, split, note, reason, Transcription, emotion_label, video_name\n"
        "7, train, n, smiles, hi, joy, a\n8, validation, n, , yo, anger, b\n, test, n, , so, sad, c\n"
    )
    assert [clip.split for clip in clips] == ["train", "val", "test"]
    assert [clip.subject for clip in clips] == ["7", "8", None]
    assert [clip.reason for clip in clips] == ["smiles", None, None]
    assert [record.message for record in caplog.records if "note" in record.message] == [
        f"{clips[0].video.parents[1] / 'clips.csv'}: columns that are not used: note"
    ]


def test_valence_is_a_number_or_nothing(read, problems):
    header = HEADER.replace("transcription", "transcription, valence")
    clips = read(header + "a, sad, Hi, -1.5\nb, sad, Hi,\nc, sad, Hi, -10\nd, sad, Hi, 7\n")
    assert [clip.valence for clip in clips] == [-1.5, None, None, 7.0]
    (line,) = problems(header + "a, sad, Hi, 1\nb, sad, Hi, low\n")
    assert "line 3: valence 'low' is not a number; leave it empty, or -10" in line


@pytest.mark.parametrize("name", ["clips.jsonl", "clips.json"])
def test_jsonl_says_the_same_as_csv(read, name):
    rows = [
        {"video_name": "a.mp4", "emotion_label": "happy", "transcription": "ol\u00e1, \u2028 you", "subject": 3},
        {"video_name": "talks/a", "emotion_label": "sad", "transcription": "b", "subject": None, "extra": [1]},
    ]
    from_json = read("\n".join(json.dumps(row) for row in rows) + "\n\n", name=name)
    from_csv = read(
        'video_name, emotion_label, transcription, subject\na.mp4, happy, "ol\u00e1, \u2028 you", 3\ntalks/a, sad, b,\n'
    )
    assert from_json == from_csv
    assert annotation_hash(from_json) == annotation_hash(from_csv[::-1])


def test_a_transcript_is_only_text(read):
    text = "<VideoHere> [/INST] </s> {x} %s"
    assert read(HEADER + f'a, sad, "{text}"\n')[0].transcript == text


def test_transcript_may_be_missing_where_it_is_not_used(read):
    assert read("video_name, emotion_label\na, sad\n", needs_transcript=False)[0].transcript is None
    assert read(HEADER + 'a, sad, ""\n', needs_transcript=False)[0].transcript is None


def test_all_problems_are_listed_at_once_with_their_lines(problems):
    found = problems(
        "video_name, emotion_label, transcription, split\n"  # line 1
        'a, sad, "three\nlines\nof text", train\n'  # 2 to 4
        "b, hapy, x, train\n"  # 5
        "\n"
        "../x.mp4, sad, x, train\n"  # 7
        "nowhere, , , exam\n"  # 8
        "a.mp4, sad, x, train\n"  # 9
    )
    assert [problem.partition(":")[0] for problem in found] == ["line 5", "line 7", *["line 8"] * 4, "line 9"]
    assert found[0] == (
        "line 5: emotion_label 'hapy' is not one of ['neutral', 'angry', 'happy', 'sad', 'worried', 'surprise']; "
        "did you mean 'happy'?"
    )
    assert found[1].startswith("line 7: video_name '../x.mp4' leaves the media folder; write the path below it")
    assert "no file 'nowhere' in " in found[2]
    assert found[2].endswith(f"(looked for nowhere with one of the suffixes {' '.join(MEDIA_SUFFIXES)})")
    assert found[3] == f"line 8: emotion_label is empty; give one of {list(MER6)}"
    assert found[4] == (
        "line 8: transcription is empty; write what is said, say data.empty_transcript=empty where nothing is, or "
        "switch the transcript off with inputs.transcript=false"
    )
    assert found[5] == "line 8: split 'exam' is not one of ['train', 'val', 'validation', 'valid', 'dev', 'test']"
    assert found[6] == (
        "line 9: video_name 'a.mp4' is the same clip as 'a' in line 2, with another transcription: if these are "
        "pieces of one video, say which in columns start and end, in seconds, else take one of the two rows out"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd.mp4", "leaves the media folder"),
        ("talks/../../outside.mp4", "leaves the media folder"),
        ("..", "leaves the media folder"),
        ("C:/a.mp4", "leaves the media folder"),
        ("..\\outside.mp4", "has a backslash, tab or line break in it; folders are separated by '/'"),
        ("link.mp4", "leaves the media folder through a link to "),
        ("linked/outside.mp4", "leaves the media folder through a link to "),
        ("a\0.mp4", r"video_name has the control character '\x00' at character 1; take it out"),
        ("", "names no file"),
        (".", "names no file"),
        ("x" * 300, "is longer than 240 bytes"),
        ("folder.mp4", "is not a file"),
        ("a.avi", "no file 'a.avi' in "),
        ("a.avi", "; there is 'a.mp4'"),
        ("both", "may be any of ['both.avi', 'both.mp4']; write it with its suffix"),
        ("nofolder/a", "no file 'nofolder/a' in "),
    ],
)
def test_names_that_are_unsafe_or_lead_nowhere(problems, name, reason):
    (problem,) = problems(
        json.dumps({"video_name": name, "emotion_label": "sad", "transcription": "x"}), name="c.jsonl"
    )
    assert problem.startswith("line 1: ")
    assert reason in problem


@pytest.mark.parametrize("suffix", MEDIA_SUFFIXES)
def test_every_suffix_of_a_media_file_is_taken_with_and_without_it(read, media, suffix):
    (media / f"alone{suffix}").touch()
    (media / f"loud{suffix.upper()}").touch()
    clips = read(HEADER + f"alone, sad, x\nloud{suffix.upper()}, sad, x\n")
    assert [clip.id for clip in clips] == ["alone", "loud"]
    assert [clip.video.name for clip in clips] == [f"alone{suffix}", f"loud{suffix.upper()}"]


def test_a_video_goes_before_the_sound_taken_from_it(read, media):
    for suffix in SOUND_SUFFIXES:
        (media / f"b{suffix}").touch()
    assert [clip.video.name for clip in read(HEADER + "b, sad, x\n")] == ["b.avi"]
    assert [clip.video.name for clip in read(HEADER + "b.wav, sad, x\n")] == ["b.wav"]
    assert not set(SOUND_SUFFIXES) & set(VIDEO_SUFFIXES)


@pytest.mark.parametrize(("name", "suffix"), [("scan.gif", ".gif"), ("scan", ".gif"), ("day.1.rm", ".rm"), ("raw", "")])
def test_a_file_that_is_there_with_a_suffix_that_is_not_taken(problems, media, name, suffix):
    file = name if name.endswith(suffix) else name + suffix
    (media / file).touch()
    (problem,) = problems(HEADER + f"{name}, sad, x\n")
    assert f"no file {name!r} in {media} that is taken: {file!r} is there, but its suffix {suffix!r} is none" in problem
    assert problem.endswith(f"; convert it, e.g. with ffmpeg -i {file} {file.removesuffix(suffix)}.mp4")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["line 1: there are no clips in the file; it needs video_name, emotion_label, transcription and one row"]),
        ("\n \n", ["line 1: there are no clips in the file"]),
        (HEADER, ["line 1: there are no clips in the file"]),
        (
            "video, label, transcription\na, sad, x\n",
            [
                "line 1: no column 'video_name'; columns found: ['video', 'label', 'transcription']; is it 'video'?",
                "line 1: no column 'emotion_label'; columns found: ['video', 'label', 'transcription']; is it 'label'?",
            ],
        ),
        (
            "video_name, emotion_label\na, sad\n",
            ["line 1: no column 'transcription'; columns found: ['video_name', 'emotion_label']; or switch the transc"],
        ),
        ("video_name, emotion_label, transcription, split, split\n", ["line 1: column 'split' is there twice"]),
        (
            HEADER + "a, sad\nb, sad, no, really\n",
            [
                "line 2: 2 fields where the header has 3: ['a', 'sad']; give every column",
                "line 3: 4 fields where the header has 3: ['b', 'sad', 'no', 'really']; put a text with a comma in do",
            ],
        ),
        (
            HEADER + 'a, sad, "she said "no" twice"\nb, hapy, x\n',
            [
                "line 2: not readable as CSV: ',' expected after '\"'; end a quoted text with",
                "line 3: emotion_label 'h",
            ],
        ),
        (
            HEADER + 'b, sad, x\na, sad, "no end\n',
            ["line 3: not readable as CSV: unexpected end of data; end a quoted"],
        ),
        (HEADER + 'a, sad, "no end\nb, sad, "x"\n', ["line 2: not readable as CSV (read to line 3): ',' expected"]),
        (HEADER + "a, sad, bell \x07\n", [r"line 2: transcription has the control character '\x07' at character 5"]),
        (
            HEADER.encode() + b"a, sad, fine\nb, sad, caf\xe9\nc, sad, \xff\nd, hapy, x\n",
            [
                "lines 3, 4: byte 65 of the file (0xe9) is not UTF-8; in Windows-1252 0xe9 is é, 0xff is ÿ; save the "
                "file as 'CSV UTF-8'",
                "line 5: emotion_label 'hapy'",
            ],
        ),
        (HEADER.encode("utf-16"), ["line 1: there are no clips in the file"]),
        (HEADER.encode("utf-16-le"), ["line 1: the file holds zero bytes: it is no text, or UTF-16 without its mark"]),
    ],
)
def test_files_that_are_not_tables(problems, content, expected):
    found = problems(content)
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"video_name": "a"', "not readable as JSON: Expecting ',' delimiter"),
        ('[{"video_name": "a"}]', "a JSON list where an object belongs; write one object a line (JSONL)"),
        ('{"video_name": "a", "emotion": "sad", "transcription": "x"}', "no column 'emotion_label'; columns found: ["),
        ('{"video_name": "a", "emotion": "sad", "transcription": "x"}', "is it 'emotion'?"),
        ('{"video_name": "a", "emotion_label": ["sad"], "transcription": "x"}', "emotion_label ['sad'] is not a text"),
        ('{"video_name": "a", "emotion_label": "sad", "transcription": "\\ud800"}', r"control character '\ud800'"),
        ("[" * 100000, "not readable as JSON"),
    ],
)
def test_lines_that_are_not_rows(problems, line, reason):
    good = json.dumps({"video_name": "b", "emotion_label": "sad", "transcription": "x"})
    (problem,) = problems(f"{good}\n{line}\n", name="clips.jsonl")
    assert problem.startswith("line 2: ")
    assert reason in problem


def test_files_that_are_not_there(tmp_path, media):
    with pytest.raises(UserError, match=r"annotation file .*none.csv does not exist"):
        read_custom(tmp_path / "none.csv", media, MER6)
    (tmp_path / "clips.csv").write_text(HEADER)
    with pytest.raises(UserError, match=r"media folder .*nowhere does not exist"):
        read_custom(tmp_path / "clips.csv", tmp_path / "nowhere", MER6)


def test_hash_sees_content_and_not_the_place_of_the_media():
    clip = Clip("a", Path("/x/a.mp4"), "hi", "sad")
    assert annotation_hash([clip]) == annotation_hash([Clip("a", Path("/y/a.mp4"), "hi", "sad")])
    changed = [
        Clip("a", clip.video, "ho", "sad"),
        Clip("a", clip.video, "hi", "happy"),
        Clip("b", clip.video, "hi", "sad"),
    ]
    assert len({annotation_hash([clip]), *(annotation_hash([other]) for other in changed)}) == 4


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"no real clips in {CLIPS}")
def test_the_real_clips():
    clips = read_custom(CLIPS / "annotations.csv", CLIPS, MER6)
    assert len(clips) == 7
    assert clips[3].transcript == "No, this, I have to get up! You, I'm sorry, everyone. I'm sorry."
