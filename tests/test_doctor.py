"""Command doctor: what a dataset needs and has, what differs, and what a run would fail with."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from benchmark_factory import LABELS, NAMES, make_benchmarks, write_table
from hydra import compose, initialize_config_dir
from media_factory import cut, make_media

from emolightning.__main__ import main
from emolightning.commands.doctor import doctor
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.checkup.checkup import sample
from emolightning.errors import shortened
from emolightning.records.clips import Clip

WIDTH = 6


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small copies, with vectors for each clip of MER2023 and MER2024. For looking at only."""
    root = make_benchmarks(tmp_path_factory.mktemp("benchmarks"))
    for folder in ("mae_340_UTT", "maeV_399_UTT", "HL-UTT"):
        (root / "MER2023" / folder).mkdir()
        for name in NAMES:
            np.save(root / "MER2023" / folder / f"{name}.npy", np.ones(WIDTH, dtype=np.float32))
    return root


@pytest.fixture
def own(benchmarks: Path, tmp_path: Path) -> Path:
    """A copy of MER2023 that a test may damage."""
    return Path(shutil.copytree(benchmarks / "MER2023", tmp_path / "own"))


MER2023 = ("data=mer2023", "data.track=multi", "features=mer2023")


def asked(folder: Path, *overrides: str) -> tuple[int, dict[str, Any]]:
    """Exit code and findings."""
    register_schemas()
    output = folder / "findings.json"
    words = [f"data.cache={folder / 'cache'}", f"output={output}", *overrides]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("doctor", overrides=words)
    code = doctor(cfg)
    return code, json.loads(output.read_text(encoding="utf-8"))


def test_a_dataset_in_order(benchmarks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = benchmarks / "MER2023"
    code, found = asked(tmp_path, *MER2023, f"data.root={root}")
    assert (code, found["problems"]) == (0, [])
    assert [item["found"] for item in found["files"]] == [
        str(root / name) for name in ("label-6way.npz", "transcription_en_all.csv", "video")
    ]
    assert found["classes"]["test"] == dict.fromkeys(LABELS[:6], 1)
    assert found["media"] == {"clips": 6, "found": 6, "missing": 0, "probed": 6, "unreadable": 0}
    vectors = {"clips": 6, "found": 6, "missing": 0, "width": WIDTH, "recipe": "unknown"}
    assert found["features"] == {"face": vectors, "motion": vectors, "speech": vectors}
    assert found["storage"]["frames_bytes"] == 6 * 3 * 56 * 56
    assert "mer2023_multi, test: 6 clips, the official set has 411" in found["warnings"]
    assert "1 of 6 clips have an empty transcript: the word `nan` is used instead, as in upstream" in found["warnings"]
    printed = capsys.readouterr().out
    assert "official test" in printed
    assert "official train+val" not in printed  # This run has not asked for it.
    assert "0 problem(s); a run would not fail" in printed


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mer2023", "MER2023"),
        pytest.param("mer2024_semi", "MER2024", marks=pytest.mark.slow),
        pytest.param("mer2024_noise", "MER2024", marks=pytest.mark.slow),
        ("mer2024_ov", "MER2024"),
        pytest.param("emer", "MER2023", marks=pytest.mark.slow),
        ("dfew_zero_shot", "DFEW"),
    ],
)
def test_every_benchmark_with_descriptors_of_its_own_media(
    benchmarks: Path, tmp_path: Path, name: str, folder: str
) -> None:
    code, found = asked(tmp_path, f"data={name}", f"data.root={benchmarks / folder}", "features.num_workers=1")
    assert (code, found["problems"]) == (0, [])
    number = found["media"]["clips"]
    assert number == sum(found["classes"]["test"].values()) > 2
    assert {name: row["found"] for name, row in found["features"].items()} == dict.fromkeys(
        ("face", "motion", "speech"), number
    )


def test_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    code, found = asked(tmp_path, *MER2023, f"data.root={tmp_path}")
    assert code == 1
    assert [item["found"] for item in found["files"]] == [None] * 3
    assert len(found["problems"]) == 3  # Each once, although reading stops at the first.
    assert "label-6way.npz or " in found["problems"][0]
    assert "data.truth" in found["problems"][0]


def test_clips_without_video_or_vectors_and_files_that_are_damaged(own: Path) -> None:
    (own / "video" / f"{NAMES[1]}.avi").unlink()
    make_media(own / "long.mp4", seconds=1.5)
    cut(own / "long.mp4", own / "video" / f"{NAMES[2]}.mp4")
    (own / "HL-UTT" / f"{NAMES[3]}.npy").unlink()
    (own / "mae_340_UTT" / f"{NAMES[4]}.npy").write_bytes(b"not an array")
    code, found = asked(own, *MER2023, f"data.root={own}", "data.frame=middle")
    assert code == 1
    assert found["media"] == {"clips": 6, "found": 5, "missing": 1, "probed": 5, "unreadable": 1}
    text = "\n".join(found["problems"])
    assert f"label-6way.npz: clip 2: {NAMES[1]}: no file '{NAMES[1]}'" in text
    assert f"{NAMES[2]}.mp4: the video stream is cut short" in text
    assert f"clip 4: {NAMES[3]}: no {own / 'HL-UTT' / NAMES[3]}.npy; extract it, or say inputs.speech=false" in text
    assert f"{NAMES[4]}.npy: not an array of numbers" in text
    assert len(found["problems"]) == 4, "each clip once"
    (own / "mae_340_UTT" / f"{NAMES[4]}.npy").unlink()
    _, found = asked(own, *MER2023, f"data.root={own}")
    assert [found["features"][name]["missing"] for name in ("face", "motion", "speech")] == [1, 0, 1]
    _, found = asked(own, *MER2023, f"data.root={own}", "data.missing=zero")
    assert len(found["problems"]) == 1
    assert "zeros are used instead" in "\n".join(found["warnings"])


def test_a_probe_looks_at_some_and_says_so(own: Path) -> None:
    (own / "video" / f"{NAMES[5]}.avi").write_bytes(b"no video")
    code, found = asked(own, *MER2023, f"data.root={own}", "probe=2")
    assert (code, found["media"]["probed"]) == (0, 2)
    code, found = asked(own, *MER2023, f"data.root={own}", "probe=null")
    assert (code, found["media"]["unreadable"]) == (1, 1)


def test_a_sample_is_spread_evenly() -> None:
    clips = [Clip(str(number), Path()) for number in range(10)]
    assert [clip.id for clip in sample(clips, 5)] == ["0", "2", "4", "6", "8"]
    assert sample(clips, 0) == []
    assert sample(clips, None) == sample(clips, 10) == sample(clips, 99) == clips


def test_faults_of_rows_are_listed_with_file_and_line(own: Path) -> None:
    write_table(own / "bad.csv", ["name", "discrete"], [(NAMES[0], "hapy"), (NAMES[1], "sad"), (NAMES[1], "sad")])
    code, found = asked(own, *MER2023, f"data.root={own}", "data.truth=bad.csv")
    assert code == 1
    assert [problem.startswith(f"{own / 'bad.csv'}: line ") for problem in found["problems"]] == [True, True]
    assert "did you mean 'happy'" in found["problems"][0]
    assert f"{NAMES[1]} is there twice" in found["problems"][1]


def test_equal_problems_are_printed_five_times_and_written_all(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(f"sample_{number}", "hapy") for number in range(40)]
    write_table(own / "bad.csv", ["name", "discrete"], [*rows, (NAMES[1], "sad"), (NAMES[1], "sad")])
    code, found = asked(own, *MER2023, f"data.root={own}", "data.truth=bad.csv")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem: ")]
    assert (code, len(found["problems"])) == (1, 41)
    assert lines[:5] == [f"problem: {sentence}" for sentence in found["problems"][:5]]
    assert lines[5] == "problem: ... and 35 more like this; output=FILE gets all"
    assert len(lines) == 7
    assert "is there twice" in lines[6]


def test_sentences_of_a_kind_differ_in_names_and_numbers_alone() -> None:
    twins = [f"the same file under 2 names: {name}x (test), {name}y (train), {name}z (val)" for name in "abcdefgh"]
    broken = [f"/videos/{name}.mp4: cannot be read" for name in "abcdefg"]
    assert shortened([*twins, *broken, "disk: full", "disk: full"], shown=5, remedy="; output=FILE gets all") == [
        *twins[:5],
        "... and 3 more like this; output=FILE gets all",
        *broken[:5],
        "... and 2 more like this; output=FILE gets all",
        *("disk: full", "disk: full"),
    ]
    assert shortened([], shown=5) == []


def test_one_file_under_two_names_is_a_duplicate_and_across_splits_a_leak(own: Path) -> None:
    write_table(own / "train.csv", ["name", "discrete"], [(name, "sad") for name in NAMES[6:]])
    shutil.copy(own / "video" / f"{NAMES[0]}.mp4", own / "video" / f"{NAMES[6]}.mp4")
    shutil.copy(own / "video" / f"{NAMES[2]}.mp4", own / "video" / f"{NAMES[4]}.mp4")
    words = (f"data.root={own}", "data.train=train.csv", "data.val_fraction=0.5")
    code, found = asked(own, *MER2023, *words)
    assert code == 0
    text = "\n".join(found["warnings"])
    assert f"\nleak: the same file under 2 names: {NAMES[0]} (test), {NAMES[6]} (" in text
    assert f"\nthe same file under 2 names: {NAMES[2]} (test), {NAMES[4]} (test)" in text
    assert "labels: offered in the question but never in training: happy" in text


def test_clips_of_another_dataset_are_found(benchmarks: Path, own: Path, tmp_path: Path) -> None:
    write_table(own / "train.csv", ["name", "discrete"], [(NAMES[0], "sad"), (NAMES[1], "sad"), (NAMES[7], "sad")])
    words = ("data=merr_fine", f"data.root={own}", "data.train=train.csv", "data.fine=null", "features=mer2023")
    other = ("data@against=mer2024_semi", f"against.root={benchmarks / 'MER2024'}")
    code, found = asked(tmp_path, *words, *other, "data.val_fraction=0")
    assert code == 1  # There is nothing to validate on.
    sentence = f"leak: 3 clips of merr_fine (train) are in mer2024_semi (test): {NAMES[0]}, {NAMES[1]}, {NAMES[7]}"
    assert sentence in found["warnings"]
    _, found = asked(tmp_path, *MER2023, f"data.root={own}", *other)
    assert (
        f"6 clips of mer2023_multi (test) are in mer2024_semi (test): {', '.join(NAMES[:5])} and 1 more"
        in (found["warnings"])
    )
    code, found = asked(tmp_path, *MER2023, f"data.root={own}", other[0], f"against.root={tmp_path}")
    assert (code, found["problems"][0].startswith("against: ")) == (1, True)


def test_a_task_without_answers_and_missing_weights_would_fail(own: Path) -> None:
    write_table(own / "train.csv", ["name", "discrete"], [(name, "sad") for name in NAMES[:4]])
    words = ("data=merr_fine", f"data.root={own}", "data.train=train.csv", "data.fine=null", "features=mer2023")
    task = ("data.empty_transcript=empty", "prompt.task=reason_v2")
    code, found = asked(own, *words, "data.val_fraction=0.5", *task)
    assert code == 1
    assert any("has no answer for task reason_v2" in problem for problem in found["problems"])
    weights = ("model=emotion_llama_7b", "model.vision.image_size=56", f"paths.weights={own}")
    code, found = asked(own, *MER2023, f"data.root={own}", *weights, "probe=0")
    assert code == 1
    assert all(str(own) in problem for problem in found["problems"])


def test_custom_data(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = ("train", "train", "val", "test")
    rows = [(f"{name}.mp4", "sad", "Well.", split) for name, split in zip(NAMES[::2], splits, strict=True)]
    write_table(own / "mine.csv", ["video_name", "emotion_label", "transcription", "split"], rows)
    words = ("data=custom", f"data.annotations={own / 'mine.csv'}", f"data.media={own / 'video'}")
    code, found = asked(own, *words, "features=mer2023", f"features.root={own}", "data.labels=mer6")
    assert (code, found["problems"], found["media"]["found"]) == (0, [], 4)
    assert "a run would not fail" in capsys.readouterr().out
    _, found = asked(own, *words[:2], f"data.media={own / 'nowhere'}", "inputs.transcript=false")
    assert "4 of 4 clips have no video" in "\n".join(found["problems"])


def test_the_command_line(benchmarks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == 0
    assert "against=NAME" in capsys.readouterr().out
    root = benchmarks / "MER2023"
    words = [*MER2023, f"data.root={root}", f"data.cache={tmp_path}", "against=mer2023", f"against.root={root}"]
    assert main(["doctor", *words, "against.track=noise", "probe=1"]) == 0
    assert f"2 clips of mer2023_multi (test) are in mer2023_noise (test): {NAMES[4]}, {NAMES[5]}" in (
        capsys.readouterr().out.replace("\n", " ")
    )
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "data=mer2023", "data.trak=semi"])
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *MER2023, f"data.root={tmp_path}"])
    assert ended.value.code == 1
    assert "a run would fail" in capsys.readouterr().out


def test_black_silent_and_far_longer_clips_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abcde":
        make_media(tmp_path / f"{name}.mp4", seconds=1)
    make_media(tmp_path / "silent.mp4", loudness=(0.0, 0.001))
    make_media(tmp_path / "mute.mp4", audio=False)
    make_media(tmp_path / "long.mp4", seconds=1, sound_seconds=14)
    make_film(tmp_path / "black.mkv", level=5)
    make_film(tmp_path / "dark.mkv", level=40)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    names = ("a", "b", "c", "d", "e", "silent", "mute", "long", "black", "dark", "bad")
    rows = [(name, "sad", "Well.", "train" if name != "a" else "val") for name in names]
    write_table(tmp_path / "mine.csv", ["video_name", "emotion_label", "transcription", "split"], rows)
    words = ("data=custom", f"data.annotations={tmp_path / 'mine.csv'}", "data.labels=mer6", "data.missing=zero")
    code, found = asked(tmp_path, *words, "features.num_workers=1")
    assert code == 1  # For the one that cannot be read.
    assert found["unusual"] == {"black": ["black"], "silent": ["silent"], "long": ["long"]}
    text = "\n".join(found["warnings"])
    assert (
        "silent: 1 of 10 clips that were decoded have sound that is never louder than -50 dB of full scale: silent"
        in text
    )
    assert re.search(
        r"long: 1 of 10 clips that were decoded are more than 5 times .* median, 1\.0 s: long \(14 s\)", text
    )
    assert "warning: black: 1 of 10 clips" in capsys.readouterr().out
    code, found = asked(tmp_path, *words, "modalities=[text]")
    assert found["unusual"] == {}


def make_film(path: Path, *, level: int) -> None:
    """Grey pictures and no sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            pixels = np.full((48, 64, 3), level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
