"""What all scripts of speed/ have in common: the form of a result, the page of all of them, their small sizes."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from media_factory import make_media

from emolightning.config.families import families as known_families
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.video import read_frames
from emolightning.data.stores.converting import pack, unpack
from emolightning.errors import UserError
from speed import decoding, engines, families, many_clips, page, run_all, start_up
from speed.figures import Drawing, Figure, Table, figure, is_kept, write_result
from speed.runs import Noted, clips_per_s, start
from speed.watched import Batches

SPEED = Path(page.__file__).parent
ABOUT: dict[str, Any] = {"part": "Reading", "question": "How fast is it?"}


def program(script: str) -> bool:
    return '__name__ == "__main__"' in (SPEED / f"{script}.py").read_text(encoding="utf-8")


def test_the_page_is_that_of_the_results() -> None:
    """After `python speed/page.py` nothing would change."""
    files = page.written(page.read_results(page.RESULTS), page.PAGE)
    assert {path.name for path in files} == {
        page.PAGE.name,
        *(each.name for each in page.drawings_of(page.PAGE).iterdir()),
    }
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, f"python speed/page.py writes another {path.name}"


def test_every_program_has_a_small_size() -> None:
    programs = {path.stem for path in SPEED.glob("*.py") if program(path.stem)}
    assert programs == {*run_all.SMALL, *run_all.NEEDS_WEIGHTS, *run_all.NO_MEASUREMENT}


@pytest.mark.parametrize(
    ("value", "bounds", "kept"),
    [
        (2.0, {"at_least": 1.5}, True),
        (1.4, {"at_least": 1.5}, False),
        (15.1, {"at_most": 15}, False),
        (15.0, {"at_most": 15}, True),
        (3.0, {}, None),
    ],
)
def test_a_promise_is_kept(value: float, bounds: dict[str, float], kept: bool | None) -> None:
    given = figure("time", [value - 1, value, value + 5], "s", **bounds)
    assert given.value == value
    assert is_kept({"at_least": given.at_least, "at_most": given.at_most, "value": given.value}) is kept


def results(folder: Path, **more: Any) -> dict[str, dict[str, Any]]:
    broken = figure("reading | all", [4.0, 2.0, 3.0], "s", at_most=2.5, floor=1.0, floor_of="the bytes alone")
    free = Figure("memory", 1234.5, "MB", 1234.5, 1234.5, 1)
    write_result(
        folder / "one.json",
        **ABOUT,
        figures=[broken, free],
        tables=[Table("By part", ("part", "s"), [("torch", 1.25), ("rest", 100)])],
        drawings=[
            Drawing("Time", "rows", "s", {"ours": [(0, 1), (10, 2)], "theirs": [(0, 2), (10, 9)]}),
            Drawing("Parts", "s", bars={"eval": {"imports": 2.0, "all": 3.5}}),
        ],
        **more,
    )
    return page.read_results(folder)


def test_a_result_is_read_at_a_glance(tmp_path: Path) -> None:
    files = page.written(results(tmp_path), tmp_path / "performance.md")
    text = files.pop(tmp_path / "performance.md")
    glance = text.split("## At a glance")[1].split("## Reading")[0]
    assert "0 of 1 promises are kept" in glance
    linked = "[How fast is it?](#how-fast-is-it)<br>reading | all"
    assert f"| {linked} | 3\xa0s | at most 2.50\xa0s | **no**; 0\xa0of\xa01 | 3 times the bytes alone |" in glance
    assert "memory" not in glance
    assert "| reading | all | 3 s (2 - 4) | at most 2.50 s | 3 times 1 s: the bytes alone |" in text
    assert "| memory | 1,234 MB (1 round) |  |  |" in text
    assert "| torch | 1.25 |\n| rest | 100 |" in text
    assert [path.name for path in files] == ["one-1.svg", "one-2.svg"]
    assert all(text.startswith("<?xml") and "var(" not in text for text in files.values())
    assert "](performance/one-2.svg)" in text
    assert "Nothing has been measured on a GPU" in text


def test_a_question_whose_promises_are_kept_shows_the_nearest_to_its_bound(tmp_path: Path) -> None:
    figures = [figure("a", [4.0], "x", at_least=2.0), figure("b", [9.0], "s", at_most=10.0), figure("c", [1.0], "s")]
    write_result(tmp_path / "r.json", **ABOUT, figures=figures)
    (text,) = page.written(page.read_results(tmp_path), tmp_path / "performance.md").values()
    (line,) = [line for line in text.splitlines() if line.startswith("| [How fast")]
    assert line.split("<br>")[1].startswith("b | 9\xa0s | at most 10\xa0s | 2\xa0of\xa02 |")


def test_figures_of_one_unit_are_drawn_with_their_promise(tmp_path: Path) -> None:
    figures = [figure(name, [value, value + 1], "x", at_least=2.0) for name, value in (("slow", 0.5), ("fast", 4.0))]
    write_result(tmp_path / "r.json", **ABOUT, figures=[*figures, figure("free", [3.0], "x"), figure("d", [1.0], "s")])
    files = page.written(page.read_results(tmp_path), tmp_path / "performance.md")
    drawing = files[tmp_path / "performance" / "r-1.svg"]
    assert all(f">{word}<" in drawing for word in ("slow", "fast", "free", "at least 2", "kept", "not kept", "times"))
    assert ">d<" not in drawing


def test_what_a_gpu_did_is_in_its_own_table_as_well(tmp_path: Path) -> None:
    found = results(tmp_path, started="2026-12-24T10:00:00+00:00", gpu="NVIDIA H200")
    (text, *_) = page.written(found, tmp_path / "performance.md").values()
    head, _, gpu = text.partition("## On a GPU")
    assert "| torch | 1.25 |" in head
    assert "2026-12-24, NVIDIA H200" in gpu
    assert "Nothing has been measured" not in gpu


def test_drawings_of_others_stay(tmp_path: Path) -> None:
    results(tmp_path)
    beside = tmp_path / "guides"
    beside.mkdir()
    for name in ("own.svg", "one-1.svg", "one-7.svg"):
        (beside / name).write_text("<svg/>")
    assert page.main(["--results", str(tmp_path), "--page", str(tmp_path / "guides.md")]) == 0
    assert sorted(path.name for path in beside.iterdir()) == ["one-1.svg", "one-2.svg", "own.svg"]
    assert "](one.json)" in (tmp_path / "guides.md").read_text()


@pytest.mark.parametrize("content", [None, "[1, 2]", "{", '{"part": "Reading", "figures": []}'])
def test_a_file_that_is_no_result_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        (tmp_path / "old.json").write_text(content)
    target = tmp_path / "performance.md"
    assert page.main(["--results", str(tmp_path), "--page", str(target)]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path if content is None else tmp_path / "old.json") in said
    assert "Traceback" not in said
    assert not target.exists()


def test_a_part_that_the_page_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="part='Rading': must be one of Start-up"):
        write_result(tmp_path / "r.json", part="Rading", question="?", figures=[])
    write_result(None, **ABOUT, figures=[])


def test_an_unknown_script_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_all.main(["stroes"])
    assert ended.value.code == 2
    assert "stroes: did you mean stores?" in capsys.readouterr().err


FOUND = {
    "seconds": {"torch": 1.5, "torch.nn": 0.5, "torch._dynamo.utils": 0.75, "sympy.core": 0.25, "csv": 0.125},
    "all": 4.0,
    "modules": ["torch", "torch.nn", "torch._dynamo.utils", "sympy.core", "csv", "scipy"],
}


def test_each_module_belongs_to_one_part_of_a_start() -> None:
    found = start_up.counted(FOUND)
    assert {part: seconds for part, seconds in found.parts.items() if seconds} == {
        "torch": 2.0,
        "torch's compiler": 1.0,
        "other modules": 0.125,
        "no import": 0.875,
    }
    assert found.heavy == ("torch", "torch's compiler", "SciPy")
    assert (found.seconds, found.modules) == (4.0, 6)


def test_a_start_is_shown_beside_its_promise() -> None:
    starts = {"doctor": [start_up.counted({**FOUND, "all": seconds}) for seconds in (4.0, 13.0, 14.0)]}
    time, modules = start_up.figures(starts, {"doctor": [2.0, 1.0, 3.0]})
    assert (time.value, time.low, time.high, time.floor) == (13.0, 4.0, 14.0, 2.0)
    assert is_kept({"value": time.value, "at_least": None, "at_most": time.at_most}) is False
    assert modules.value == 6
    assert ("torch", "2.00") in start_up.table(starts).rows
    assert start_up.drawing(starts).bars["no import"] == {"doctor": 9.875}


def test_a_command_that_imports_too_much_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start_up, "start", lambda command, places: start_up.counted(FOUND))
    assert start_up.main(["--commands", "score", "--rounds=1"]) == 1
    assert "error: score imports torch, torch's compiler; import it in" in capsys.readouterr().err


@pytest.mark.slow
def test_commands_import_what_they_need_and_no_more(small: Path) -> None:
    """Heavy modules are counted, not seconds."""
    assert start_up.main(["--rounds=1", "--experiment=smoke", f"--data={small / 'data'}"]) == 0


def test_frames_and_sound_are_read_in_turns(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "clips").mkdir()
    make_media(tmp_path / "clips" / "a.mp4", seconds=0.4)
    words = [f"short={tmp_path / 'clips'}", "--frames", "middle", "--rounds=2", f"--output={tmp_path / 'r.json'}"]
    assert decoding.main(words) == 0
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    film, wanted, time = found["figures"]
    assert film["what"] == "short clips, frame `middle`: OpenCV, whole film / ours"
    assert (film["unit"], wanted["rounds"], time["floor_of"]) == ("x", 2, "a bare loop of PyAV")
    assert {name: len(each) for name, each in found["seconds"]["short, middle"].items()} == dict.fromkeys(
        ("ours", "whole film", "wanted frames", "bare loop"), 2
    )


def test_the_three_ways_take_the_same_frames(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    path = make_media(tmp_path / "a.mp4", seconds=0.6)
    whole, wanted = (read(path, [0, 7, 12]) for read in (decoding.whole_film, decoding.wanted_frames))
    ours = read_frames(path, parse_frame_choice("even:15"))
    assert all(np.array_equal(one, other) for one, other in zip(whole, wanted, strict=True))
    assert all(np.abs(ours[place].astype(int) - one).max() <= 2 for place, one in zip((0, 7, 12), whole, strict=True))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{}/none"], "none"),
        (["{}/silent"], "b.mp4: has no sound; leave out the 1 clip(s) without"),
        (["{}/silent", "--frames", "midle"], "data.frame='midle' is not first, middle"),
    ],
)
def test_clips_that_cannot_be_compared_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "silent").mkdir()
    make_media(tmp_path / "silent" / "b.mp4", seconds=0.2, audio=False)
    assert decoding.main([word.format(tmp_path) for word in words]) == 1
    assert said in capsys.readouterr().err


def test_opencv_is_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(decoding, "find_spec", lambda name: None)
    assert decoding.main(["clips"]) == 1
    assert "pip install opencv-python-headless" in capsys.readouterr().err


def test_made_up_vectors_are_packed_as_those_of_a_folder(tmp_path: Path) -> None:
    """To the byte, so what is measured of them is that of an extraction."""
    made, ids = tmp_path / "made.safetensors", [f"sample_{row:08}" for row in range(5)]
    many_clips.pack_made_up(made, ids, 4, np.random.default_rng(0))
    unpack(made, tmp_path / "folder")
    assert pack(tmp_path / "folder", tmp_path / "packed.safetensors").path.read_bytes() == made.read_bytes()
    offset, values = many_clips.values_at(made), np.load(tmp_path / "folder" / "sample_00000003.npy")
    assert np.array_equal(np.memmap(made, "<f2", "r", offset=offset, shape=(5, 4))[3], values)


def test_batches_are_noted_without_the_first_and_what_is_between_epochs(tmp_path: Path) -> None:
    noting, trainer, batch = Batches(file=str(tmp_path / "noted"), warm=2), SimpleNamespace(global_rank=1), [None] * 3
    module: Any = torch.nn.Linear(2, 3)
    module.device = torch.device("cpu")
    noting.setup(trainer, module, "fit")  # type: ignore[arg-type]
    for _ in range(2):
        noting.on_train_epoch_start(trainer, module)  # type: ignore[arg-type]
        for number in range(4):
            noting.on_train_batch_end(trainer, module, None, SimpleNamespace(clips=batch), number)  # type: ignore[arg-type]
    noting.on_train_end(trainer, module)  # type: ignore[arg-type]
    found = Noted(**json.loads((tmp_path / "noted.1").read_text()))
    assert (found.batches, found.clips, found.parameters, found.gpu) == (2 + 3, 3 * 5, 9, None)
    assert found.wall_s > 0
    assert clips_per_s([found, replace(found, cpu_s=3 * found.cpu_s)]) == pytest.approx(15 / found.cpu_s)


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (engines.main, "--model nosuch", "error: configuration: 1 problem(s)\n  - model=nosuch: no such option;"),
        (engines.main, "--accelerator=gpu --engines ddp", "error: --accelerator=gpu: 2 are needed, torch sees 0 here;"),
        (families.main, "--set nosuch=1", "error: configuration: 1 problem(s)\n  - nosuch: no such setting;"),
        (many_clips.main, "--folder=/nosuch", "error: --folder=/nosuch: there is no such folder; make it, or leave"),
    ],
)
def test_wrong_words_are_told_before_anything_is_started(
    main: Any, words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    try:
        code = main(words.split())
    except SystemExit as error:  # As argparse ends.
        code = error.code
    assert code in (1, 2)
    assert said in capsys.readouterr().err


def test_a_run_that_fails_is_told_in_its_own_words() -> None:
    """After its call and its code, since one that is killed, for memory, says nothing."""
    for code, said in (
        ("raise SystemExit('warning\\nerror: no room;\\nsay less')", "ended with 1: no room;\nsay less"),
        ("print('disk is full'); raise SystemExit(3)", "ended with 3: disk is full"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9: it printed nothing"),
    ):
        with pytest.raises(UserError) as failed:
            start([sys.executable, "-c", code])
        assert str(failed.value) == f"{shlex.join(['-c', code])} {said}"


def test_every_family_that_a_run_trains_is_compared() -> None:
    assert {name for name, each in known_families().items() if each.weights == "run"} == set(families.FAMILIES)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small")


@pytest.mark.slow
@pytest.mark.parametrize("name", run_all.SMALL)
def test_a_script_runs_at_its_small_size(name: str, small: Path) -> None:
    assert run_all.main([name, "--out", str(small)]) == 0
    found = json.loads((small / f"{name}.json").read_text(encoding="utf-8"))
    assert found["figures"]
    assert found["git"].keys() == {"commit", "dirty"}
    assert f"{name}.json" in (small / "performance.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in SPEED.glob("*.py") if program(path.stem)))
def test_a_script_helps(name: str) -> None:
    done = subprocess.run(
        [sys.executable, f"speed/{name}.py", "--help"], cwd=SPEED.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 5
