"""The synthetic benchmark: what it promises about labels, actors, ceilings and files."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from emolightning.benchmarks.synthetic import clip, render, words
from emolightning.benchmarks.synthetic.process import (
    CLASSES,
    NUM_ACTORS,
    ceilings,
    class_of,
    class_probability,
    draw_plan,
)
from emolightning.benchmarks.synthetic.render import render_benchmark
from emolightning.errors import UserError
from emolightning.records.labels import MER6

SMALL = {"num_train": 12, "num_val": 6, "num_test": 6, "image_size": 64}
SHOWN_BY = {"A": "voice", "V": "face", "T": "words"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "small"
    render_benchmark(folder, **SMALL, num_workers=2, show_progress=False)
    return folder


@pytest.mark.parametrize(
    ("error_rate", "single", "pair", "all_three"),
    [
        (0.0, 0.5, 0.8333, 1.0),
        (0.01, 0.495, 0.82, 0.9858),
        (0.015, 0.4925, 0.8134, 0.9787),
        (0.025, 0.4875, 0.8003, 0.9645),
    ],
)
def test_ceilings_are_those_of_the_table(error_rate: float, single: float, pair: float, all_three: float):
    found = {subset: round(value, 4) for subset, value in ceilings(error_rate).items()}
    assert found == {"A": single, "V": single, "T": single, "AV": pair, "AT": pair, "VT": pair, "AVT": all_three}


def test_ceilings_agree_with_drawn_classes():
    plans = draw_plan(num_train=3000, num_val=6, num_test=6)[:3000]
    for subset, ceiling in ceilings(0.015).items():
        right = 0.0
        drawn = Counter((plan.label, *(getattr(plan, SHOWN_BY[modality]) for modality in subset)) for plan in plans)
        for (truth, *names), count in drawn.items():
            shown = list(zip(names, subset, strict=True))
            scores = [np.prod([class_probability(name, label, m, 0.015) for name, m in shown]) for label in MER6]
            best = np.flatnonzero(np.isclose(scores, max(scores)))
            right += count * (MER6.index(truth) in best) / len(best)
        # Four standard errors of a proportion.
        assert right / len(plans) == pytest.approx(ceiling, abs=4 * np.sqrt(ceiling * (1 - ceiling) / len(plans)))


def test_each_label_has_one_class_per_modality_and_no_two_labels_share_all():
    for classes in CLASSES.values():
        assert sorted(label for labels in classes.values() for label in labels) == sorted(MER6)
    assert len({tuple(class_of(label, modality) for modality in CLASSES) for label in MER6}) == len(MER6)


def test_splits_are_balanced_and_share_no_actor():
    plans = draw_plan()
    actors = {split: {plan.subject for plan in plans if plan.split == split} for split in NUM_ACTORS}
    assert {split: len(found) for split, found in actors.items()} == NUM_ACTORS
    assert len(set.union(*actors.values())) == sum(NUM_ACTORS.values())
    for split, size in {"train": 960, "val": 120, "test": 180}.items():
        counts = Counter(plan.label for plan in plans if plan.split == split)
        assert counts == dict.fromkeys(MER6, size // 6)
    assert len({plan.id for plan in plans}) == len({plan.seed for plan in plans}) == 1260


def test_the_plan_depends_on_the_seed_and_other_splits_do_not_depend_on_the_training_size():
    assert draw_plan(seed=1) == draw_plan(seed=1) != draw_plan(seed=2)
    small, large = draw_plan(num_train=12)[12:], draw_plan(num_train=960)[960:]
    assert [replace(plan, id="") for plan in small] == [replace(plan, id="") for plan in large]


@pytest.mark.parametrize(
    "wrong", [{"num_val": 10}, {"num_test": 0}, {"error_rate": 0.7}, {"image_size": 65}, {"num_workers": -1}]
)
def test_unusable_settings_are_named(wrong: dict, tmp_path: Path):
    with pytest.raises(UserError, match=next(iter(wrong))):
        render_benchmark(tmp_path / "x", **(SMALL | wrong))
    assert not (tmp_path / "x").exists()


def test_rendering_does_not_see_the_label():
    plans = draw_plan(num_train=12, num_val=6, num_test=6)[:12]
    others = [replace(plan, label=other.label) for plan, other in zip(plans, reversed(plans), strict=True)]
    assert any(plan.label != other.label for plan, other in zip(plans, others, strict=True))
    for plan, other in zip(plans, others, strict=True):
        for here, there in zip(clip.make_clip(plan, 64), clip.make_clip(other, 64), strict=True):
            assert np.array_equal(here, there)
        assert clip.transcript_of(plan) == clip.transcript_of(other)


def test_one_modality_does_not_see_the_class_of_another():
    plan = replace(draw_plan()[0], voice="quiet", face="still", words="loss")
    frames, sound = clip.make_clip(plan, 64)
    smiling, same_sound = clip.make_clip(replace(plan, face="smile"), 64)
    same_frames, shouting = clip.make_clip(replace(plan, voice="loud"), 64)
    assert np.array_equal(frames, same_frames)
    assert np.array_equal(sound, same_sound)
    assert len(shouting) == len(sound)
    assert clip.transcript_of(plan) == clip.transcript_of(replace(plan, face="smile", voice="loud"))
    # The expression sets in after the first frame.
    middle = len(frames) // 2
    before = np.abs(frames[0].astype(int) - smiling[0]).mean()
    assert np.abs(frames[middle].astype(int) - smiling[middle]).mean() > before + 3


def test_sentences_fill_all_slots_and_never_name_the_emotion():
    rng = np.random.default_rng(0)
    for family, templates in words.TEMPLATES.items():
        sentences = {words.write_transcript(family, rng) for _ in range(300)}
        assert len(templates) >= 8
        assert len(sentences) > 200
        assert not [s for s in sentences if "{" in s or '"' in s or any(label in s.lower() for label in MER6)]


def test_rendering_is_the_same_to_the_byte_with_and_without_processes(benchmark: Path, tmp_path: Path):
    render_benchmark(tmp_path / "again", **SMALL, num_workers=0, show_progress=False)
    assert files_of(tmp_path / "again") == files_of(benchmark)


def test_files_are_h264_and_aac_with_picture_and_sound_of_one_length(benchmark: Path):
    for path in sorted((benchmark / "media").glob("*.mp4"))[:4]:
        with av.open(str(path)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
            assert (video.width, video.height, audio.rate) == (64, 64, 16000)
            seconds = float(video.duration * video.time_base)
            assert 0.85 <= seconds <= 1.2
            assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=0.1)


def test_annotations_follow_the_custom_format(benchmark: Path):
    text = (benchmark / "annotations.csv").read_text(encoding="utf-8")
    header, first = text.splitlines()[:2]
    assert header == "video_name, emotion_label, transcription, split, subject"
    assert first.startswith("synthetic_00000.mp4, ")
    assert first.count(', "') == first.count('", ') == 1
    rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
    plans = draw_plan(num_train=12, num_val=6, num_test=6)
    expected = [(f"{p.id}.mp4", p.label, clip.transcript_of(p), p.split, p.subject) for p in plans]
    assert [tuple(row.values()) for row in rows] == expected
    assert {row["video_name"] for row in rows} == {path.name for path in (benchmark / "media").iterdir()}


def test_note_holds_settings_and_ceilings(benchmark: Path):
    note = json.loads((benchmark / "benchmark.json").read_text(encoding="utf-8"))
    assert note["complete"] is True
    assert note["settings"] == {"seed": 0, **SMALL, "error_rate": 0.015}
    assert note["ceilings"]["AVT"] == pytest.approx(0.9787, abs=5e-5)
    with (benchmark / "latents.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 24


def test_a_complete_folder_is_not_touched(benchmark: Path):
    before = {path: path.stat().st_mtime_ns for path in benchmark.rglob("*")}
    assert render_benchmark(benchmark, **SMALL, show_progress=False) == benchmark / "annotations.csv"
    assert {path: path.stat().st_mtime_ns for path in benchmark.rglob("*")} == before


def test_other_settings_are_refused(benchmark: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match=r"seed is 0 there, 7 here.*choose another folder or delete it"):
        render_benchmark(benchmark, **SMALL, seed=7)
    monkeypatch.setattr(render, "GENERATOR_VERSION", 999)
    with pytest.raises(UserError, match="generator_version"):
        render_benchmark(benchmark, **SMALL)


def test_a_folder_with_other_contents_is_refused(tmp_path: Path):
    (tmp_path / "annotations.csv").write_text("mine")
    with pytest.raises(UserError, match="not a synthetic benchmark"):
        render_benchmark(tmp_path, **SMALL)
    assert (tmp_path / "annotations.csv").read_text() == "mine"


def test_a_lost_clip_is_rendered_again_and_the_others_are_kept(benchmark: Path, tmp_path: Path):
    render_benchmark(tmp_path, **SMALL, num_workers=0, show_progress=False)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "media").glob("*[1-9].mp4")}
    (tmp_path / "media" / "synthetic_00010.mp4").unlink()
    (tmp_path / "media" / "synthetic_00010.mp4.1.part").write_bytes(b"half")
    render_benchmark(tmp_path, **SMALL, num_workers=1, show_progress=False)
    assert files_of(tmp_path) == files_of(benchmark)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.skipif(os.name == "nt", reason="signals to process groups are POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_rendering_is_continued(how: signal.Signals, benchmark: Path, tmp_path: Path):
    folder = tmp_path / "cut"
    sizes = SMALL | {"num_train": 96}
    call = (
        "from pathlib import Path; from emolightning.benchmarks.synthetic.render import render_benchmark; "
        f"render_benchmark(Path({str(folder)!r}), **{sizes})"
    )
    root = Path(__file__).parents[1]
    parent = subprocess.Popen(
        [sys.executable, "-c", call],
        cwd=root,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while len(list(folder.glob("media/*.mp4"))) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # Ctrl-C reaches the whole group; a kill only the parent, whose workers must then end by themselves.
    (os.killpg if how == signal.SIGINT else os.kill)(parent.pid, how)
    assert parent.wait(timeout=10) != 0
    time.sleep(0.5)
    written = {path: path.stat().st_mtime_ns for path in folder.glob("media/*.mp4")}
    assert 4 <= len(written) < 108
    assert not (folder / "annotations.csv").exists()
    assert json.loads((folder / "benchmark.json").read_text())["complete"] is False
    time.sleep(0.3)
    assert len(list(folder.glob("media/*"))) == len(written)
    if how == signal.SIGINT:
        render_benchmark(folder, **sizes, show_progress=False)
        assert len(list(folder.glob("media/*"))) == 108
        assert {path: path.stat().st_mtime_ns for path in written} == written


def test_two_processes_that_start_at_once_share_the_work(benchmark: Path, tmp_path: Path):
    call = (
        "from pathlib import Path; from emolightning.benchmarks.synthetic.render import render_benchmark; "
        f"render_benchmark(Path({str(tmp_path / 'shared')!r}), **{SMALL}, num_workers=1)"
    )
    command, root = [sys.executable, "-c", call], Path(__file__).parents[1]
    started = [subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=30) for process in started] == [0, 0]
    assert files_of(tmp_path / "shared") == files_of(benchmark)


def test_a_failing_worker_is_an_error_and_not_a_hang(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    plans = [replace(plan, face="nothing of the kind") for plan in draw_plan(num_train=6, num_val=6, num_test=6)]
    with pytest.raises(RuntimeError, match="stopped at clip synthetic_0000"):
        list(render._render_in_processes(plans, tmp_path, 64, 2))
    assert "nothing of the kind" in capfd.readouterr().err


def test_a_killed_worker_is_said_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    start = render._start_worker

    def start_and_kill(media: Path, image_size: int) -> subprocess.Popen:
        worker = start(media, image_size)
        worker.kill()
        return worker

    monkeypatch.setattr(render, "_start_worker", start_and_kill)
    with pytest.raises(UserError, match="the process that renders it was ended by SIGKILL; is memory too small"):
        list(render._render_in_processes(draw_plan(num_train=6, num_val=6, num_test=6), tmp_path, 64, 2))


def test_workers_import_nothing_heavy():
    heavy = ("torch", "transformers", "lightning", "scipy")
    code = f"import sys, {clip.__name__}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
