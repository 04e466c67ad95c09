"""Clips read in worker processes: the same batches and weights as without, and an end that is the parent's."""

import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import in_process
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from pytorch_lightning.strategies import SingleDeviceStrategy
from runs import Program, Workplace, history, kill_session, saved_step, tensor_hashes, validations

from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.errors import UserError
from emolightning.records.clips import Batch
from emolightning.runs.assembly import load_of
from emolightning.runs.assembly_of_data import augmentation_of, loading_of, read_corpus
from emolightning.runs.assembly_of_models import build_processor
from emolightning.runs.endings.out_of_memory import explained_out_of_memory
from emolightning.training.stopping.graceful_stop import GracefulStop

STEPS = 6
"""Of an epoch of the runs below."""


@pytest.fixture(scope="module")
def clips(smoke_clips: tuple[str, ...]) -> tuple[str, ...]:
    return smoke_clips


def configured(clips: tuple[str, ...], *overrides: str) -> DictConfig:
    """`experiment=smoke` in batches of 5, with questions that are drawn."""
    register_schemas()
    common = [
        "experiment=smoke",
        "logger=csv",
        "data.batch_size=5",
        "prompt.pool=all",
        *clips,
        "trainer.enable_progress_bar=false",
        "~callbacks.progress",
    ]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=[*common, *overrides])


@pytest.fixture(scope="module")
def data(clips: tuple[str, ...]) -> ClipDataModule:
    """Frames are read from files, for no tower has seen them; training clips are augmented."""
    changes = ("modality_dropout=0.4", "vector_noise=[0,10]", "frame_flip=0.5", "frame_crop=0.3", "frame_jitter=0.2")
    cfg = configured(clips, *(f"augmentation.{change}" for change in changes))
    how: Any = {"augmentation": augmentation_of(cfg)}
    return ClipDataModule(read_corpus(cfg), build_processor(cfg), loading_of(cfg), **how)


@pytest.fixture
def loaded(data: ClipDataModule, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The loader of a split with so many workers."""

    def loader(split: str, num_workers: int) -> Any:
        monkeypatch.setattr(data, "loading", replace(data.loading, num_workers=num_workers))
        return data.train_dataloader() if split == "train" else data.evaluation_loader(split)

    ranks = {"global_rank": 0, "world_size": 1, "overfit_batches": 0}
    monkeypatch.setattr(data, "trainer", SimpleNamespace(**ranks, strategy=SingleDeviceStrategy("cpu")))
    monkeypatch.setattr(data, "_progress", lambda: (0, 5))
    return loader


def content(batch: Batch) -> list[Any]:
    """Everything in a batch that can differ, comparable."""
    tensors = [
        batch.sequence.input_ids,
        batch.sequence.targets,
        batch.context.input_ids,
        batch.context.attention_mask,
        batch.images["image"],
        batch.indices,
        *batch.features.values(),
    ]
    return [[tensor.tolist() for tensor in tensors], batch.prompts, list(batch.clips)]


@pytest.mark.parametrize(("split", "num_workers"), [("train", 1), ("train", 2), ("test", 3)])
def test_workers_make_the_same_batches(loaded: Any, split: str, num_workers: int) -> None:
    expected = [content(batch) for batch in loaded(split, 0)]
    assert len(expected) == (5 if split == "train" else 3)
    assert [content(batch) for batch in loaded(split, num_workers)] == expected
    assert not multiprocessing.active_children()


def test_training_clips_alone_are_augmented(loaded: Any, data: ClipDataModule, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = {split: [content(batch) for batch in loaded(split, 0)] for split in ("train", "val", "test")}
    monkeypatch.setattr(data, "augmentation", None)
    for split, found in batches.items():
        assert ([content(batch) for batch in loaded(split, 0)] == found) == (split != "train")


def test_a_loader_asks_its_sampler_when_the_first_batch_is_asked_for(
    loaded: Any, data: ClipDataModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning makes the iterator while its counters are those of no run yet."""
    place: list[tuple[int, int]] = []
    monkeypatch.setattr(data, "_progress", lambda: place[0])
    batches = iter(loaded("train", 2))
    place.append((5 + 3, 5))  # Behind the third batch of the second epoch.
    assert len(list(batches)) == 2


@pytest.mark.parametrize(("device", "pins"), [("cpu", False), ("cuda:0", True)])
def test_batches_are_pinned_for_a_gpu(loaded: Any, data: ClipDataModule, device: str, pins: bool) -> None:
    data.trainer.strategy = SingleDeviceStrategy(device)  # type: ignore[union-attr,misc]
    assert [loaded(split, 0).pin_memory for split in ("train", "val")] == [pins, pins]


def test_what_a_worker_needs_can_be_sent_to_it(loaded: Any) -> None:
    """Where processes are not forked: macOS, and Linux from Python 3.14 on."""
    loader = loaded("train", 1)
    keys = list(loader.batch_sampler)[2]
    sent = pickle.loads(pickle.dumps((loader.dataset, loader.collate_fn, loader.worker_init_fn)))
    assert content(sent[0].__getitems__(keys)) == content(loader.dataset.__getitems__(keys))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_mistake_in_a_worker_is_one_sentence(
    loaded: Any, data: ClipDataModule, num_workers: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = data.corpus.frames["image"]
    monkeypatch.setattr(store, "folder", Path(shutil.copytree(store.folder, tmp_path / "frames")))
    path = store.folder / f"{data.corpus.clips_of('val')[7].id}.npy"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError) as error:
        list(loaded("val", num_workers))
    assert str(error.value).startswith(f"{path}: not a readable .npy array")
    assert "Traceback" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(sys.platform != "linux", reason="tells apart who sends a signal")
def test_a_worker_leaves_signals_to_its_parent_and_has_few_threads(loaded: Any) -> None:
    batches = iter(loaded("train", 1))
    first = next(batches)
    (worker,) = multiprocessing.active_children()
    wait_for_threads(worker.pid)
    # Itself, its queue, what hands memory over, and two that wait for its end; none that compute.
    assert len(os.listdir(f"/proc/{worker.pid}/task")) <= 5
    for name in ("INT", "USR1", "TERM"):
        subprocess.run(["kill", f"-{name}", str(worker.pid)], check=True)
    time.sleep(0.2)
    assert worker.is_alive()
    assert len([first, *batches]) == 5
    batches = iter(loaded("train", 1))
    next(batches)
    (worker,) = multiprocessing.active_children()
    wait_for_threads(worker.pid)
    worker.terminate()
    worker.join(10)
    assert worker.exitcode == 0


def wait_for_threads(pid: int | None) -> None:
    """Until a worker has set itself up."""
    deadline = time.monotonic() + 10
    while len(os.listdir(f"/proc/{pid}/task")) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("trains", [True, False])
def test_the_loss_of_a_worker_is_told_with_a_remedy(
    loaded: Any, clips: tuple[str, ...], tmp_path: Path, trains: bool
) -> None:
    cfg = configured(clips, f"output_dir={tmp_path}/run", "data.num_workers=1")
    batches = iter(loaded("train", 1))
    next(batches)
    (worker,) = multiprocessing.active_children()
    try:
        with pytest.raises(UserError) as error, explained_out_of_memory(load_of(cfg), trains=trains):
            kill_and_go_on(worker.pid or 0, batches)
    finally:
        batches.close()
    assert "data.num_workers=0" in str(error.value)
    assert ("no checkpoint was written yet" if trains else "answers so far are kept") in str(error.value)


def kill_and_go_on(pid: int, batches: Iterator[Batch]) -> None:
    """The loss is noticed at the kill, or when the next batch is asked for."""
    os.kill(pid, signal.SIGKILL)
    list(batches)


class Killed(Exception):
    """What ends a run below."""


@pytest.mark.parametrize(("num_workers", "step", "logged"), [pytest.param(1, 1, 1, marks=pytest.mark.slow), (2, 7, 0)])
def test_a_run_stopped_in_mid_epoch_goes_on_to_the_same_weights(
    clips: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_workers: int, step: int, logged: int
) -> None:
    """With the workers that it had, from within an epoch, where the clock had it saved, logged or not."""
    clock = ("checkpoints.every_minutes=1e-9", f"trainer.log_every_n_steps={logged}")
    common = ("trainer.max_epochs=2", *clock, "data.batch_size=4")

    def fit(name: str, *more: str) -> Path:
        in_process.fit(configured(clips, *common, f"output_dir={tmp_path}/{name}", *more))
        return tmp_path / name

    whole = fit("whole", "data.num_workers=0")
    workers = f"data.num_workers={num_workers}"

    def kill(callback: GracefulStop, trainer: Any, *args: Any) -> None:
        if trainer.global_step == step + 1:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(GracefulStop, "on_train_batch_end", kill)
        with pytest.raises(Killed):
            fit("killed", workers)
    assert not multiprocessing.active_children()
    assert saved_step(tmp_path / "killed") % STEPS
    run = fit("killed", workers, "resume=auto")
    assert tensor_hashes(run) == tensor_hashes(whole)
    assert history(run)[-1] == history(whole)[-1]


@pytest.mark.multi_process
def test_workers_end_with_their_run_however_it_ends(workplace: Workplace, trained: Path) -> None:
    """SIGTERM to the whole group, as a scheduler sends it; then kill -9 of the run alone; then to the end."""
    words = ("checkpoints.every_num_steps=1", "trainer.log_every_n_steps=1")
    run = workplace.folder / "workers" / "two"

    def started() -> Program:
        return workplace.start_training(run, *words, "data.num_workers=2", "resume=auto")

    def is_at(step: int) -> Any:
        return lambda: saved_step(run) >= step

    program = started()
    wait_until(program, is_at(2))
    os.killpg(program.process.pid, signal.SIGTERM)
    assert program.wait() == 128 + signal.SIGTERM, program.description()
    assert program.has_ended_whole(), program.description()
    assert "Traceback" not in program.output()
    program = started()
    assert program.signal_when(is_at(9), signal.SIGKILL) == -signal.SIGKILL
    assert program.has_ended_whole(), "workers outlive their run"
    program = started()
    assert program.wait() == 0, program.description()
    assert tensor_hashes(run) == tensor_hashes(trained)
    assert validations(run)[-1] == validations(trained)[-1]


def wait_until(program: Program, is_due: Any) -> None:
    deadline = time.monotonic() + 120
    while not is_due():
        if program.process.poll() is not None or time.monotonic() > deadline:
            kill_session(program.process)
            raise AssertionError(program.description())
        time.sleep(0.01)
