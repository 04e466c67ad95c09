"""Ends before the end, in this process: what cannot be written, a broken loss, signals. Nothing is lost by them."""

import errno
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import answers, read_json
from safetensors import SafetensorError
from safetensors.torch import save_file

import eval as eval_program
import train as train_program
from emolightning.commands import score
from emolightning.data.stores.vectors import VectorFolder
from emolightning.files.writing import CannotWrite, writing
from emolightning.models.parts import adapter
from emolightning.runs import assembly, vision_pass
from emolightning.training.loggers.csv_log import CsvLog

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(scope="module")
def clips(smoke_clips: tuple[str, ...]) -> tuple[str, ...]:
    """Three batches an epoch."""
    return ("experiment=smoke", *smoke_clips)


@pytest.fixture(scope="module")
def weights(clips: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    folder = tmp_path_factory.mktemp("outputs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        assert ended(patch, train_program, *clips, *QUIET, f"output_dir={folder}", "trainer.max_steps=1") == 0
    return folder


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    """What a test sets for this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


QUIET = ("logger=csv", "trainer.enable_progress_bar=false", "~callbacks.progress", "checkpoints.every_num_steps=1")


def ended(patch: pytest.MonkeyPatch, program: Any, *words: str) -> int:
    """Exit code of a program, or command, in this process."""
    name = program.__name__.rpartition(".")[2]
    patch.setattr(sys, "argv", [f"{name}.py", *words])
    try:
        return program.main(list(words))
    except SystemExit as error:
        return int(error.code or 0)


def refuse(patch: pytest.MonkeyPatch, name: str) -> None:
    """No file of this name gets to its place from now on."""
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if Path(target).name == name:
            raise FULL
        replace(source, target)

    patch.setattr(os, "replace", full)


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("last.ckpt", False),
        pytest.param("best.ckpt", True, marks=pytest.mark.slow),
        pytest.param("metrics.csv", False, marks=pytest.mark.slow),
        ("lineage.json", None),
    ],
)
def test_a_training_that_cannot_write(
    name: str,
    saved: bool | None,
    clips: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    refuse(monkeypatch, name)
    assert ended(monkeypatch, train_program, *clips, *QUIET, f"output_dir={folder}") == 1
    said = capsys.readouterr().err
    assert said.count("error: ") == 1, said
    path = folder / "checkpoints" / name if name.endswith("ckpt") else folder / name
    assert f"error: {path}: cannot be written: No space left on device" in said
    assert "Traceback" not in said
    assert not list(folder.rglob(".*.tmp"))
    if saved is None:  # Before the first step.
        return
    last = folder / "checkpoints" / "last.ckpt"
    assert last.exists() == saved
    assert (f"the last good checkpoint is {last}" if saved else "no checkpoint was saved before") in said
    assert read_json(folder / "lineage.json")["status"] == "interrupted"


def test_a_full_disk_leaves_the_last_checkpoint_to_go_on_from(
    clips: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system itself refuses, in the middle of the file."""
    words, last = (*clips, *QUIET, f"output_dir={tmp_path / 'run'}"), tmp_path / "run" / "checkpoints" / "last.ckpt"
    fills = "+callbacks.failing={_target_: failing.FillsDisk, step: 1, size: 50000}"
    assert ended(monkeypatch, train_program, *words, fills) == 1
    said = capsys.readouterr().err
    assert f"error: {last}: cannot be written: File too large; the last good checkpoint is {last}." in said
    assert "Traceback" not in said
    assert torch.load(last, weights_only=True)["global_step"] == 1
    assert [path.name for path in last.parent.iterdir()] == ["last.ckpt"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert ended(monkeypatch, train_program, *words, "resume=auto") == 0
    assert torch.load(last, weights_only=True)["global_step"] == 3


def test_an_adapter_that_cannot_be_written(
    clips: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run is not finished then: the same command writes it."""
    words, folder = (*clips, *QUIET, f"output_dir={tmp_path / 'run'}", "trainer.max_steps=1"), tmp_path / "run"

    def full(*args: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(adapter, "save_file", full)
        assert ended(monkeypatch, train_program, *words) == 1
    said = capsys.readouterr().err
    assert f"error: {folder / 'adapter'}: cannot be written: No space left on device; the last good" in said
    assert ended(monkeypatch, train_program, *words, "resume=auto") == 0
    assert (folder / "adapter" / "projections.safetensors").exists()
    assert read_json(folder / "lineage.json")["status"] == "finished"


def test_answers_that_cannot_be_written_are_answered_later(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "evaluation"
    words = (f"checkpoint={weights}", f"output_dir={folder}", "data.batch_size=2")
    precompute = vision_pass.precompute_vision

    def full(*args: Any, **options: Any) -> Any:
        visual = precompute(*args, **options)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
        return visual

    with monkeypatch.context() as patch:
        patch.setattr(vision_pass, "precompute_vision", full)
        assert ended(monkeypatch, eval_program, *words) == 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    said = capsys.readouterr().err
    assert f"error: {folder / 'answers.jsonl'}: cannot be written: File too large; answers so far are kept" in said
    assert "Traceback" not in said
    before = (folder / "answers.jsonl").read_bytes()
    assert before.count(b"\n") > 0
    assert ended(monkeypatch, eval_program, *words) == 0
    after = (folder / "answers.jsonl").read_bytes()
    assert len(answers(folder)) == 12
    said_before = list(map(said_of, before.splitlines()[: before.count(b"\n")]))
    assert all(said in map(said_of, after.splitlines()) for said in said_before)


def said_of(line: bytes) -> dict[str, Any]:
    """What the model said of a clip, and when: answers are scored when all are there."""
    entry = json.loads(line)
    return {name: entry[name] for name in ("id", "answer", "prompt", "seconds", "key")}


@pytest.mark.parametrize("program", [train_program, eval_program, score])
def test_an_unwritable_folder_is_found_before_anything_is_read(
    program: Any, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    predictions = tmp_path / "predictions.csv"
    predictions.write_text("id,answer,truth\na,happy,happy\n")
    monkeypatch.setattr(assembly, "read_corpus", lambda *args, **options: pytest.fail("the data was read"))
    words = {
        train_program: ("experiment=smoke",),
        eval_program: (f"checkpoint={weights}",),
        score: (f"answers={predictions}", "labels=mer6"),
    }[program]
    output_dir = tmp_path / "file" / "below" / "run"
    assert ended(monkeypatch, program, *words, f"output_dir={output_dir}") == 1
    assert f"error: output_dir={output_dir}: cannot be written: Not a directory" in capsys.readouterr().err


def test_the_system_speaks_through_other_libraries(tmp_path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    tensors = {"a": torch.zeros(100_000)}
    refused, path = "cannot be written: File too large", tmp_path / "weights"
    with pytest.raises(CannotWrite, match=refused), writing(path):
        save_file(tensors, path)
    with pytest.raises(CannotWrite, match=refused), writing(path), path.open("wb") as file:
        torch.save(tensors, file)
    with pytest.raises(CannotWrite, match="requested and .* written"), writing(path), path.open("wb") as file:
        np.save(file, np.zeros(100_000))
    with pytest.raises(RuntimeError, match="no words of the system"), writing(tmp_path):
        raise RuntimeError("no words of the system")


def test_half_a_row_is_taken_back(tmp_path: Path) -> None:
    """`12` of a step `123` would be a row of another step."""
    log = CsvLog(folder=str(tmp_path))
    log.log_metrics({"epoch": 0, "loss": 1.0}, step=1)
    before = (tmp_path / "metrics.csv").read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 3, resource.RLIM_INFINITY))
    with pytest.raises(CannotWrite, match=r"metrics\.csv: cannot be written: File too large"):
        log.log_metrics({"epoch": 0, "loss": 0.123456}, step=12345)
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_a_loss_that_is_not_finite_ends_the_run(
    clips: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, diverges = tmp_path / "run", "+callbacks.failing={_target_: failing.Diverges, rank: 0, step: 1}"
    assert ended(monkeypatch, train_program, *clips, *QUIET, f"output_dir={folder}", diverges) == 1
    said, last = capsys.readouterr().err, folder / "checkpoints" / "last.ckpt"
    assert (
        f"error: the loss of optimizer step 2 is nan; nothing was saved after it, the last good checkpoint is {last}"
        in said
    )
    assert "optimizer.lr" in said
    assert "Traceback" not in said
    checkpoint = torch.load(last, weights_only=True)
    assert checkpoint["global_step"] == 1
    assert all(bool(tensor.isfinite().all()) for tensor in checkpoint["state_dict"].values())
    assert read_json(folder / "lineage.json")["status"] == "interrupted"


# Signals


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGUSR1, 143, marks=pytest.mark.slow), (signal.SIGINT, 130)],
    ids=lambda value: str(value),
)
def test_a_signal_in_validation(
    number: signal.Signals, code: int, clips: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    told = f"+callbacks.failing={{_target_: failing.ToldInValidation, number: {int(number)}}}"
    assert ended(monkeypatch, train_program, *clips, *QUIET, f"output_dir={tmp_path / 'run'}", told) == code
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 2, "the step before the validation"
    assert read_json(tmp_path / "run" / "lineage.json")["status"] == "interrupted"
    assert handlers == [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGUSR1, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_while_worker_processes_compute(
    number: signal.Signals, code: int, weights: Path, clips: tuple[str, ...], tmp_path: Path, monkeypatch: Any
) -> None:
    save, told = VectorFolder.add, []

    def tell(*args: Any) -> None:
        save(*args)
        if not told:
            told.append(multiprocessing.active_children())
            os.kill(os.getpid(), number)

    monkeypatch.setattr(VectorFolder, "add", tell)
    words = (*clips, *QUIET, f"data.cache={tmp_path / 'cache'}", f"output_dir={tmp_path / 'run'}")
    assert ended(monkeypatch, train_program, *words) == code
    assert told[0], "no worker was there"
    # Not by `is_alive`: one that a thread of the pool has reaped seems to live for ever.
    assert all(is_gone(process.pid) for process in told[0])
    assert not (tmp_path / "run").exists()


def is_gone(pid: int) -> bool:
    """Whether a child ends within 10 s."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return True
        except ChildProcessError:  # Reaped already.
            return True
        time.sleep(0.05)
    return False
