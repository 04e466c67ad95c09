"""The array cache: a worker that is killed costs one clip, and a place that cannot be written is said before work."""

import errno
import os
import time
from pathlib import Path

import pytest
from data_factory import corpus_of
from deadly_clips import count_bytes
from forked_pools import spawned

from emolightning.data.readers.custom import CustomData
from emolightning.data.stores import apart, cache
from emolightning.data.stores.cache import compute_missing, load_array
from emolightning.data.stores.features import SignalFeatures
from emolightning.files.writing import CannotWrite
from emolightning.records.clips import Clip

NUM_CLIPS = 9


def make_clips(folder: Path, contents: dict[int, str]) -> list[Clip]:
    clips = [Clip(f"clip{number}", folder / f"{number}.mp4", source=f"line {number}") for number in range(NUM_CLIPS)]
    for number, clip in enumerate(clips):
        clip.video.write_text(contents.get(number, "x" * number))
    return clips


@pytest.mark.multi_process
def test_only_the_clip_that_kills_its_worker_is_lost(tmp_path):
    clips = make_clips(tmp_path, {1: "SIGKILL", 8: "exit"})
    summary = compute_missing(clips, {"a": tmp_path / "a"}, count_bytes, title="t", num_workers=2)
    ends = "the process that reads it ends before it is done, even alone"
    assert {clip: problem.partition("; ")[0] for clip, problem in summary.problems.items()} == {
        "clip1": f"{tmp_path}/1.mp4: {ends} (SIGKILL, as where memory is too small)",
        "clip8": f"{tmp_path}/8.mp4: {ends} (exit code 3)",
    }
    kept = [load_array(tmp_path / f"a/clip{number}.npy").tolist() for number in (0, 2, 3, 4, 5, 6, 7)]
    assert kept == [[0], [2], [3], [4], [5], [6], [7]]


@pytest.mark.multi_process
def test_a_clip_whose_worker_is_killed_once_is_tried_again(tmp_path):
    """New interpreters read the clips here, as outside of tests."""
    clips = make_clips(tmp_path, {0: "SIGSEGV once"})
    with spawned():
        summary = compute_missing(clips, {"a": tmp_path / "a"}, count_bytes, title="t", num_workers=2)
    assert not summary.problems
    assert len(list((tmp_path / "a").glob("*.npy"))) == NUM_CLIPS


@pytest.mark.multi_process
def test_a_clip_that_hangs_ends_in_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "CLIP_SECONDS", 0.5)
    (clip, *_) = make_clips(tmp_path, {0: "hang"})
    started = time.monotonic()
    outcome = cache._alone(count_bytes, clip, ("a",))
    assert outcome.problem == f"{clip.video}: reading it takes longer than 0.5 s"
    assert time.monotonic() - started < 30


def test_memory_that_is_too_small_is_the_clips_problem(tmp_path):
    clips = make_clips(tmp_path, {2: "memory"})
    summary = compute_missing(clips, {"a": tmp_path / "a"}, count_bytes, title="t", num_workers=1)
    assert summary.problems == {
        "clip2": f"{tmp_path}/2.mp4: memory is too small to read it; cut it, or make its picture smaller"
    }
    assert len(list((tmp_path / "a").glob("*.npy"))) == NUM_CLIPS - 1


@pytest.mark.parametrize("content", ["[1]", "\x00\xff", "3", ""])
def test_damaged_notes_of_sources_cost_a_second_pass(tmp_path, content):
    clips = make_clips(tmp_path, {})
    (tmp_path / "a").mkdir()
    (tmp_path / "a/vectors.jsonl").write_text(content, encoding="latin-1")
    assert not compute_missing(clips, {"a": tmp_path / "a"}, count_bytes, title="t", num_workers=1).problems
    assert load_array(tmp_path / "a/clip5.npy").tolist() == [5]


def file_in_the_way(folder: Path) -> Path:
    (folder / "cache").touch()
    return folder / "cache"


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file/deep/cache"


def full(folder: Path) -> Path:
    return Path("/proc/cache")


PLACES = [file_in_the_way, below_a_file, full]


@pytest.mark.parametrize("place", PLACES)
def test_a_cache_that_cannot_be_written_is_said_before_a_clip_is_read(tmp_path, place):
    folder, clips = place(tmp_path), make_clips(tmp_path, {})
    with pytest.raises(CannotWrite, match=rf"^data\.cache={folder}/a: cannot be written: "):
        compute_missing(clips, {"a": folder / "a"}, None, title="t", num_workers=1)


@pytest.mark.parametrize("place", PLACES)
def test_data_are_refused_before_annotations_are_read(tmp_path, place):
    data = corpus_of(
        CustomData, name="mine", labels="mer6", annotations=str(tmp_path / "none.csv"), media=str(tmp_path),
        ratios=[0.7, 0.2, 0.1], cache=str(place(tmp_path)), inputs=["face"], features=SignalFeatures(), image_size=56,
    )  # fmt: skip
    with pytest.raises(CannotWrite, match=rf"^data\.cache={data.cache}/mine-\w+: cannot be written: "):
        data.read()


def test_a_read_only_cache_is_said_by_the_system(tmp_path, monkeypatch):
    """Who runs tests as root may write everywhere: the system's answer is put in its place."""

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(CannotWrite, match=r"data\.cache=.*/a: cannot be written: Read-only file system"):
        compute_missing(make_clips(tmp_path, {}), {"a": tmp_path / "a"}, None, title="t", num_workers=1)
