"""Memory that is too small: an end with exit code 1 and words that say what needs less."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from runs import REPO, SMALL, Workplace

import eval as eval_program
import train as train_program
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.runs.assembly import load_of
from emolightning.runs.endings.out_of_memory import explained_out_of_memory, is_out_of_memory, less_memory

FULL = ("model=emotion_llama_7b", "trainer=one_gpu", "data.batch_size=12", "precompute_vision=false")

RUNS_OUT = "+callbacks.failing={_target_: failing.RunsOut, rank: %d, step: %d}"


def composed(*overrides: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=list(overrides))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt("out of memory"), False),
    ],
)
def test_what_lack_of_memory_looks_like(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_a_real_allocation_that_fails() -> None:
    with (
        pytest.raises(UserError, match="out of memory while the model was loaded"),
        explained_out_of_memory(load_of(composed("experiment=smoke"))),
    ):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained_out_of_memory(load_of(composed("experiment=smoke"))):
        raise RuntimeError("shapes cannot be multiplied")


def first_words(lines: list[str]) -> list[str]:
    return [line.split(" (")[0] for line in lines]


def test_what_needs_less_in_order() -> None:
    found = less_memory(load_of(composed(*FULL)))
    assert first_words(found) == [
        "data.batch_size=6 trainer.accumulate_grad_batches=2",
        "model.language.dtype=bfloat16",
        "model.language.gradient_checkpointing=true",
        "precompute_vision=true",
        "model.language.quantization=int8 or nf4",
        "trainer=deepspeed_zero2",
        "trainer=zero2_offload or zero3_offload",
        "model.vision.image_size=224",
    ]
    assert "(now 12 and 1: the effective batch size stays)" in found[0]


def test_what_is_small_already_is_not_proposed() -> None:
    words = ("data.batch_size=1", "model.language.dtype=bfloat16", "model.language.gradient_checkpointing=true")
    more = ("precompute_vision=true", "model.language.quantization=nf4", "model.vision.image_size=224")
    assert first_words(less_memory(load_of(composed(*FULL, *words, *more)))) == [
        "trainer=deepspeed_zero2",
        "trainer=zero2_offload or zero3_offload",
    ]


def test_every_setting_that_is_proposed_composes() -> None:
    found = less_memory(load_of(composed(*FULL)))
    for line in found:
        words = [word for word in line.split(" (")[0].split() if "=" in word and not word.startswith("trainer=")]
        composed(*FULL, *words)
    trainers = {word for line in found for word in line.replace(",", " ").split() if word.startswith("trainer=")}
    assert trainers == {"trainer=deepspeed_zero2", "trainer=deepspeed_zero3", "trainer=fsdp", "trainer=zero2_offload"}


@pytest.mark.parametrize(("size", "fewer"), [(2, 1), (3, 1), (4, 2), (6, 3), (9, 3), (7, 1)])
def test_smaller_batches_keep_the_effective_size(size: int, fewer: int) -> None:
    first = less_memory(
        load_of(composed("experiment=smoke", f"data.batch_size={size}", "trainer.accumulate_grad_batches=2"))
    )[0]
    batch, accumulated = (int(word.partition("=")[2]) for word in first.split()[:2])
    assert (batch, batch * accumulated) == (fewer, size * 2)


def test_an_evaluation_does_not_accumulate() -> None:
    found = less_memory(load_of(composed(*FULL)), trains=False)
    assert found[0] == "data.batch_size=6 (now 12)"
    assert not any("checkpointing" in line or "trainer=" in line for line in found)


def test_the_processes_that_were_started_are_ended() -> None:
    killed: list[int] = []
    processes = [SimpleNamespace(kill=lambda number=number: killed.append(number)) for number in (1, 2)]
    trainer = SimpleNamespace(global_step=4, strategy=SimpleNamespace(launcher=SimpleNamespace(procs=processes)))
    with (
        pytest.raises(UserError, match="in optimizer step 5"),
        explained_out_of_memory(load_of(composed("experiment=smoke")), trainer),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert killed == [1, 2]


def ended(monkeypatch: pytest.MonkeyPatch, program: Any, name: str, *words: str) -> int:
    """Exit code of train.py or eval.py in this process."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
    with pytest.raises(SystemExit) as error:
        program.main(list(words))
    return int(error.value.code or 0)


def test_a_run_ends_with_what_to_change(
    workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        *SMALL,
        *workplace.clips,
        "logger=csv",
        f"output_dir={tmp_path / 'run'}",
        "checkpoints.every_num_steps=1",
    )
    assert ended(monkeypatch, train_program, "train", *words, RUNS_OUT % (0, 3)) == 1
    said = capsys.readouterr().err
    assert "error: out of memory in optimizer step 4: CUDA out of memory. Tried to allocate 2.00 GiB" in said
    assert "1. data.batch_size=4 trainer.accumulate_grad_batches=2 (now 8 and 1" in said
    assert f"last checkpoint: {tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}" in said
    assert "Traceback" not in said
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 3


def test_an_evaluation_ends_with_what_to_change(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*args: Any, **options: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 512.00 MiB.")

    monkeypatch.setattr(EmotionLlama, "generate", fails)
    words = (f"checkpoint={trained}", f"output_dir={tmp_path / 'evaluation'}")
    assert ended(monkeypatch, eval_program, "eval", *words) == 1
    said = capsys.readouterr().err
    assert "error: out of memory in an evaluation: CUDA out of memory. Tried to allocate 512.00 MiB." in said
    assert "1. data.batch_size=4 (now 8)" in said
    assert "Traceback" not in said


@pytest.mark.slow  # That one rank ends all is in test_ends.py.
@pytest.mark.multi_process
@pytest.mark.parametrize("rank", [0, 1])
def test_any_rank_ends_all(rank: int, workplace: Workplace) -> None:
    output_dir = workplace.folder / "outputs" / f"out-of-memory-{rank}"
    words = (*SMALL, *workplace.clips, "logger=csv", f"output_dir={output_dir}", "checkpoints.every_num_steps=1")
    failing = RUNS_OUT % (rank, 2)
    search = os.pathsep.join([str(REPO), str(REPO / "tests")])
    program = workplace.start(
        *(REPO / "train.py", *words, "trainer=ddp", "trainer.accelerator=cpu", failing), PYTHONPATH=search
    )
    code = program.wait()
    assert code != 0, program.description()
    assert program.has_ended_whole()
    assert "out of memory in optimizer step 3" in program.output(), program.description()
    if rank == 0:
        assert code == 1
