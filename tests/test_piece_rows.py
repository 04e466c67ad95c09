"""Rows about pieces of videos: columns `start` and `end`, and what follows from them up to a run's clips."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from data_factory import corpus_of
from media_factory import make_media
from PIL import Image

from emolightning.data.checkup.duplicates import duplicate_sentences
from emolightning.data.readers.annotations import annotation_hash, read_custom
from emolightning.data.readers.custom import CustomData
from emolightning.data.readers.splits import assign_splits
from emolightning.data.stores.features import SignalFeatures
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip, Span
from emolightning.records.labels import MER6
from emolightning.runs.report.collect import media_of

HEADER = "video_name,emotion_label,transcription,start,end"


@pytest.fixture
def read(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.mp4").touch()

    def read_lines(*lines, **options):
        (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
        return read_custom(tmp_path / "t.csv", tmp_path, MER6, **options)

    return read_lines


def problems(read, *lines, **options):
    with pytest.raises(InputErrors) as caught:
        read(*lines, **options)
    return caught.value.problems


def test_pieces_of_one_video_have_ids_of_their_own(read):
    rows = ("a,sad,Hi.,0,1.5", "a.mp4,happy,Hi.,1.5,2.80", "b,sad,Well.,,", "a,sad,So.,62.25,1e2")
    clips = read(HEADER, *rows)
    assert [(clip.id, clip.video.name, clip.span) for clip in clips] == [
        ("a_0-1500ms", "a.mp4", Span(0, 1.5)),
        ("a_1500-2800ms", "a.mp4", Span(1.5, 2.8)),
        ("b", "b.mp4", None),
        ("a_62250-100000ms", "a.mp4", Span(62.25, 100)),
    ]
    other = read(HEADER, rows[0], "a.mp4,happy,Hi.,1.5,2.8001", *rows[2:])
    assert annotation_hash(clips) != annotation_hash(other)


def test_times_in_other_columns_and_files(read, tmp_path):
    given = {"start": "from", "end": "to"}
    (clip,) = read("video_name,emotion_label,transcription,from,to", "a,sad,Hi.,2,3.5", columns=given)
    assert clip.span == Span(2, 3.5)
    row = {"video_name": "a", "emotion_label": "sad", "transcription": "Hi.", "start": 2, "end": 3.5}
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    assert read_custom(tmp_path / "t.jsonl", tmp_path, MER6) == [clip]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("1.5", "", "end is empty and start is '1.5': a piece of a video needs both, in seconds"),
        ("", "2", "start is empty and end is '2'"),
        ("2", "2.0", "end '2.0' is not after start '2'"),
        ("3", "1", "end '1' is not after start '3'"),
        ("00:01:02", "70", "start '00:01:02' is not a number of seconds from 0 on, such as 62.5"),
        ("-1", "2", "start '-1' is not a number of seconds"),
        ("0", "inf", "end 'inf' is not a number of seconds"),
        ("0", "1_0", "end '1_0' is not a number of seconds"),
        ("0", "nan", "end is 'nan', which programs write for a missing value"),
        ("0", "1;5", "end '1;5' is not a number of seconds"),
    ],
)
def test_times_that_are_none(read, start, end, message):
    (problem,) = problems(read, HEADER, "b,sad,Hi.,0,1", f"a,sad,Hi.,{start},{end}")
    assert problem.startswith(f"line 3: {message}")


def test_pieces_that_overlap_are_named_with_both_rows(read):
    rows = (
        "a,sad,x,2,4",
        "b,sad,x,0,9",
        "a,sad,x,0,1.5",
        "a,sad,x,1.2,2",
        "a,sad,x,4,5",
        "a,sad,x,3.5,3.6",
        "b,sad,y,,",
    )
    found = problems(read, HEADER, *rows)
    assert [problem.partition(" in the")[0] for problem in found] == [
        "line 5: overlaps line 4",
        "line 7: overlaps line 2",
        "line 8: overlaps line 3",
    ]
    assert "(the piece from 1.2 to 2 s and the piece from 0 to 1.5 s): no part may be in two clips" in found[0]


def test_each_piece_of_a_video_that_is_missing_is_lost(read):
    lost: dict[str, str] = {}
    rows = ["gone.mp4,sad,No.,0,1", "gone.mp4,sad,No.,1,2", "gone.mp4,joy,Yes.,2,3"]
    read("video_name,emotion_label,transcription,start,end", *rows, lost=lost)
    assert list(lost) == ["gone_0-1000ms", "gone_1000-2000ms", "gone_2000-3000ms"]


def test_one_of_the_two_columns_is_not_enough(read):
    (problem,) = problems(read, "video_name,emotion_label,transcription,start", "a,sad,Hi.,1")
    assert problem == "line 1: there is a column start and no column end: a piece of a video needs both, in seconds"


def test_the_same_piece_twice(read):
    (problem,) = problems(read, HEADER, "a,sad,x,0,1", "a,sad,x,0,1.0")
    assert "is the same clip as 'a' in line 2" in problem


def pieces(video, *spans, split=None):
    return [Clip(f"{video}_{n}ms", Path(f"{video}.mp4"), split=split, span=Span(*span)) for n, span in enumerate(spans)]


def test_pieces_of_a_video_stay_in_one_split():
    clips = [clip for video in "abcdefgh" for clip in pieces(video, (0, 1), (1, 2), (2, 3))]
    found = assign_splits(clips, seed=1, ratios=(0.5, 0.25, 0.25))
    assert {len({clip.split for clip in found if clip.video == video}) for video in {clip.video for clip in found}} == {
        1
    }
    assert {clip.split for clip in found} == {"train", "val", "test"}
    with pytest.raises(UserError, match="2 videos cannot fill 3 splits"):
        assign_splits([*pieces("a", (0, 1), (1, 2)), *pieces("b", (0, 1))], seed=1)


def test_pieces_are_no_duplicates_but_may_leak(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(b"same" if name != "c" else b"else")
    spans = ((0, 1), (1, 2))
    train, test = (pieces(tmp_path / name, *spans, split=split) for name, split in (("c", "train"), ("a", "test")))
    assert duplicate_sentences([*train, *test]) == []
    copies = pieces(tmp_path / "b", (1, 2), split="train")
    (leak,) = duplicate_sentences([*train, *test, *copies])
    assert leak.startswith("leak: the piece from 1 to 2 s of the same file under 2 names: ")
    (leak,) = duplicate_sentences([*pieces(tmp_path / "a", (0, 1), split="train"), *test[1:]])
    assert leak.startswith("leak: 2 pieces of a.mp4 are in several splits: ")


def write_rows(folder: Path, *rows: str) -> Path:
    (folder / "t.csv").write_text("\n".join(["video_name,emotion_label,transcription,split,start,end", *rows]))
    return folder / "t.csv"


def corpus_in(folder: Path, table: Path, **more):
    data = {"name": "custom", "annotations": str(table), "labels": "mer6", "cache": str(folder / "cache")}
    data |= {"media": str(folder)} | more
    return corpus_of(CustomData, features=SignalFeatures(num_workers=1), **data)


def grey(corpus, clip) -> int:
    (path,) = corpus.frames["image"].folder.glob(f"{clip.id}.npy")
    return round(float(np.load(path)[0, 28, 28].mean()) / 5)


def test_a_run_sees_the_pieces_and_a_changed_table_is_noticed(tmp_path):
    make_media(tmp_path / "a.mp4", seconds=2)
    table = write_rows(tmp_path, "a,sad,x,train,0,0.6", "a,happy,x,val,0.6,1.2004", "a,happy,x,test,1.4,2")
    corpus = corpus_in(tmp_path, table)
    corpus.read()
    assert [grey(corpus, clip) for clip in corpus.clips] == [7, 23, 42]  # The middle ones.
    write_rows(tmp_path, "a,sad,x,train,0,0.6", "a,happy,x,val,0.6,1.1996", "a,happy,x,test,1.2,2")
    other = corpus_in(tmp_path, table)
    other.read()
    assert [clip.id for clip in other.clips] == ["a_0-600ms", "a_600-1200ms", "a_1200-2000ms"]
    assert [grey(other, clip) for clip in other.clips] == [7, 22, 40]
    ids = [clip.id for clip in corpus.clips]
    assert not np.array_equal(corpus.features.vectors["speech"][ids[0]], corpus.features.vectors["speech"][ids[2]])
    np.testing.assert_array_equal(
        corpus.features.vectors["motion"][ids[0]], other.features.vectors["motion"][other.clips[0].id]
    )


def test_the_page_shows_the_frame_of_the_piece(tmp_path):
    video = make_media(tmp_path / "a.mp4", seconds=2)
    clips = [Clip("one", video, span=Span(0, 0.6)), Clip("two", video, span=Span(1.2, 2)), Clip("all", video)]
    media = media_of(clips, clips, "middle", tmp_path)
    frames = {name: Image.open(io.BytesIO(base64.b64decode(found.frames[0][23:]))) for name, found in media.items()}
    shown = {name: round(float(np.asarray(frame)[24, 32].mean()) / 5) for name, frame in frames.items()}
    assert shown == {"one": 7, "two": 40, "all": 25}
    assert [found.video for found in media.values()] == ["a.mp4#t=0,0.6", "a.mp4#t=1.2,2", "a.mp4"]


def test_a_piece_beyond_the_end_is_named_with_its_row(tmp_path):
    make_media(tmp_path / "a.mp4", seconds=2)
    table = write_rows(tmp_path, "a,sad,x,train,0,0.6", "a,happy,x,val,0.6,1.2", "a,happy,x,test,1.4,20")
    with pytest.raises(InputErrors) as caught:
        corpus_in(tmp_path, table).read()
    (problem,) = caught.value.problems
    assert problem.startswith("line 4: a_1400-20000ms: ")
    assert "the piece from 1.4 to 20 s reaches beyond the end: the file lasts 2.0" in problem
    corpus = corpus_in(tmp_path, table, on_error="skip", max_skipped=0.5)
    corpus.read()
    assert [clip.id for clip in corpus.skipped] == ["a_1400-20000ms"]
    write_rows(tmp_path, "a,sad,x,train,0,0.6", "nowhere,happy,x,val,0.6,1.2", "nowhere,happy,x,test,1.4,2")
    lost = corpus_in(tmp_path, table, on_error="skip", max_skipped=1.0)
    lost.read()
    assert [clip.id for clip in lost.skipped] == ["nowhere_600-1200ms", "nowhere_1400-2000ms"]


@pytest.mark.parametrize(
    ("table", "number"), [pytest.param("many_rows.csv", None, marks=pytest.mark.slow), ("one_row_each.csv", 6)]
)
def test_recorded_tables_with_times(shared, tmp_path, table, number):
    folder = shared / "cases" / "07-start-and-end-times"
    corpus = corpus_in(tmp_path, folder / table, media=str(folder / "clips"), labels=["angry", "happy", "sad"])
    corpus.read()
    rows = (folder / table).read_text().splitlines()[1:]
    assert len(corpus.clips) == len(rows) == (number or len(rows))
    assert all(clip.span for clip in corpus.clips)
    assert len({vectors.tobytes() for vectors in corpus.features.vectors["speech"].values()}) > 1
