"""How runs end that cannot go on, or are told to stop: exit code, one message, and a checkpoint that is good."""

import signal
from pathlib import Path

import pytest
import torch
from runs import REPO, SMALL, Program, Workplace, read_json, saved_step

RANKS = ("trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=4")


def start(place: Workplace, run: Path, *overrides: str) -> Program:
    """A run that saves each step, with the callbacks of failing.py at hand."""
    words = (*SMALL, *place.clips, "logger=csv", f"output_dir={run}", "checkpoints.every_num_steps=1")
    return place.start(REPO / "train.py", *words, *overrides, PYTHONPATH=f"{REPO}:{REPO / 'tests'}")


@pytest.mark.multi_process
def test_a_loss_that_is_not_finite_on_one_rank_ends_all(workplace: Workplace) -> None:
    run = workplace.folder / "outputs" / "diverges"
    program = start(workplace, run, *RANKS, "+callbacks.failing={_target_: failing.Diverges, rank: 1, step: 3}")
    assert program.wait() == 1, program.description()
    assert program.has_ended_whole(), program.description()
    said, last = program.output(), run / "checkpoints" / "last.ckpt"
    assert said.count("the loss of optimizer step 4 is nan") == 1
    assert f"the last good checkpoint is {last}" in said
    assert "optimizer.lr" in said
    assert "Traceback" not in said
    checkpoint = torch.load(last, weights_only=True)
    assert checkpoint["global_step"] == 3
    assert all(bool(tensor.isfinite().all()) for tensor in checkpoint["state_dict"].values())
    assert read_json(run / "lineage.json")["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_broken_gradient_of_one_rank_is_in_no_checkpoint(workplace: Workplace) -> None:
    run = workplace.folder / "outputs" / "broken"
    program = start(workplace, run, *RANKS, "+callbacks.failing={_target_: failing.BreaksGradient, rank: 1, step: 3}")
    assert program.wait() == 1, program.description()
    assert program.has_ended_whole(), program.description()
    said, last = program.output(), run / "checkpoints" / "last.ckpt"
    assert said.count("after optimizer step 4 ") == 1, said
    assert "trained tensors are not finite" in said
    assert f"the last good checkpoint is {last}" in said
    checkpoint = torch.load(last, weights_only=True)
    assert checkpoint["global_step"] == 3
    assert all(bool(tensor.isfinite().all()) for tensor in checkpoint["state_dict"].values())


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_full_disk_ends_all_ranks(workplace: Workplace) -> None:
    run = workplace.folder / "outputs" / "full_disk"
    program = start(workplace, run, *RANKS, "+callbacks.failing={_target_: failing.FillsDisk, step: 2, size: 50000}")
    assert program.wait() == 1, program.description()
    assert program.has_ended_whole(), program.description()
    said, last = program.output(), run / "checkpoints" / "last.ckpt"
    assert said.count("error: ") == 1, said
    assert f"error: {last}: cannot be written: File too large; the last good checkpoint is {last}." in said
    assert "Traceback" not in said
    assert torch.load(last, weights_only=True)["global_step"] == 2
    assert not list(run.rglob(".*.tmp"))
    assert read_json(run / "lineage.json")["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_signal_while_two_ranks_validate(workplace: Workplace) -> None:
    run, note = workplace.folder / "outputs" / "told_in_validation", workplace.folder / "validates"
    told = f"+callbacks.failing={{_target_: failing.ToldInValidation, note: {note}}}"
    program = start(workplace, run, *RANKS, told)
    assert program.signal_when(note.exists, signal.SIGTERM) == 128 + signal.SIGTERM, program.description()
    assert program.has_ended_whole(), program.description()
    assert "Traceback" not in program.output()
    # The step before a validation is the last one that resumes exactly.
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 5


@pytest.mark.slow
@pytest.mark.multi_process
@pytest.mark.parametrize("rank", [0, 1])
def test_an_evaluation_of_which_one_rank_is_told_to_stop(workplace: Workplace, trained: Path, rank: int) -> None:
    """Where another rank has left, the first one fails at the next exchange, or Lightning ends it 5 s later."""
    run = workplace.folder / "outputs" / f"told_in_test{rank}"
    told = f"+callbacks.failing={{_target_: failing.Told, rank: {rank}, hook: on_test_batch_end}}"
    words = (f"checkpoint={trained}", *RANKS, "trainer.devices=2", told, f"output_dir={run}")
    program = workplace.start(REPO / "eval.py", *words, PYTHONPATH=f"{REPO}:{REPO / 'tests'}")
    code = program.wait(60)
    assert code == 143 if rank == 0 else code, program.description()
    assert program.has_ended_whole(), program.description()
    assert "SIGTERM: stopped" in program.output()
    assert list(run.glob("answers*")), "answers are kept"


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_first_rank_that_has_much_to_finish_still_says_why_all_end(workplace: Workplace) -> None:
    run = workplace.folder / "outputs" / "diverges_late"
    fails = "+callbacks.failing={_target_: failing.Diverges, rank: 1, step: 3}"
    program = start(workplace, run, *RANKS, fails, "+callbacks.late={_target_: failing.LeavesLate, seconds: 12}")
    assert program.wait() == 1, program.description()
    assert program.output().count("the loss of optimizer step 4 is nan") == 1
    assert read_json(run / "lineage.json")["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.multi_process
@pytest.mark.parametrize("hook", ["on_fit_start", "on_train_end"])
def test_one_rank_is_told_to_stop_before_or_behind_the_loop(workplace: Workplace, hook: str) -> None:
    run = workplace.folder / "outputs" / f"told {hook}"
    program = start(workplace, run, *RANKS, f"+callbacks.failing={{_target_: failing.Told, rank: 1, hook: {hook}}}")
    assert program.wait(60) != 0, program.description()
    assert program.has_ended_whole(), program.description()
    assert read_json(run / "lineage.json")["status"] in ("interrupted", "running")
    again = start(workplace, run, *RANKS, "resume=auto")
    assert again.wait() == 0, again.description()


@pytest.mark.slow
def test_a_signal_while_the_data_is_prepared(workplace: Workplace, trained: Path) -> None:
    """With worker processes at work; `trained` stands for clips that are there."""
    cache = workplace.folder / "other_cache"
    program = start(workplace, workplace.folder / "outputs" / "told_early", f"data.cache={cache}")
    code = program.signal_when(lambda: any(cache.rglob("*.npy")), signal.SIGTERM)
    assert code == 128 + signal.SIGTERM, program.description()
    assert program.has_ended_whole(), program.description()
    assert "SIGTERM: stopped" in program.output()
    assert "Traceback" not in program.output(), program.description()
    assert not (workplace.folder / "outputs" / "told_early").exists(), "the signal came after the data"


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_first_rank_that_is_told_to_stop_may_end_after_the_others(workplace: Workplace) -> None:
    """Lightning looks every 5 s whether a rank has failed, and then kills the first."""
    run = workplace.folder / "outputs" / "leaves_late"
    program = start(workplace, run, *RANKS, "+callbacks.failing={_target_: failing.LeavesLate, seconds: 12}")
    code = program.signal_when(lambda: saved_step(run) >= 2, signal.SIGTERM)
    assert code == 128 + signal.SIGTERM, program.description()
    assert read_json(run / "lineage.json")["status"] == "interrupted"
