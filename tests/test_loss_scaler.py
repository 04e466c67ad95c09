"""float16 under DeepSpeed: the factor that it scales the loss by goes on with a resumed run."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import REPO, SMALL, Program, Workplace, saved_step

from emolightning.training.engines.optimizer_state import LOSS_SCALER

HALF_ON_CPU = REPO / "tests" / "half_on_cpu.py"
WORDS = ("trainer=deepspeed_zero2", "trainer.accelerator=cpu", "trainer.devices=1", "trainer.precision=16-mixed")
SOON = ("trainer.max_epochs=2", "trainer.strategy.loss_scale_window=4")
"""12 steps; the factor is doubled behind every fourth that did not overflow."""


def start(place: Workplace, run: Path, *words: str) -> Program:
    return place.start(
        HALF_ON_CPU, "yes", *SMALL, *place.clips, "logger=csv", *WORDS, *SOON, f"output_dir={run}", *words
    )


def last(run: Path) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.slow
def test_a_resumed_run_scales_its_loss_as_an_uninterrupted_one(workplace: Workplace, trained: Path) -> None:
    whole, stopped = workplace.folder / "half whole", workplace.folder / "half stopped"
    one, other = start(workplace, whole), start(workplace, stopped, "checkpoints.every_num_steps=1")
    assert other.signal_when(lambda: saved_step(stopped) >= 6, signal.SIGTERM) == 143, other.description()
    assert one.wait() == 0, one.description()
    assert saved_step(stopped) < 12
    again = start(workplace, stopped, "checkpoints.every_num_steps=1", "resume=auto")
    assert again.wait() == 0, again.description()
    scaler = last(whole)["optimizer"]["loss_scaler"]
    assert tuple(scaler) == LOSS_SCALER
    assert scaler["cur_iter"] == 12
    assert scaler["cur_scale"] != 2**16, "it never changed, so that a fresh one would pass"
    assert last(stopped)["optimizer"]["loss_scaler"] == scaler
    assert last(stopped)["state_dict"].keys() == last(whole)["state_dict"].keys()
    for name, tensor in last(whole)["state_dict"].items():
        assert torch.equal(last(stopped)["state_dict"][name], tensor), name


def test_float16_on_a_cpu_without_it_is_refused_before_anything_is_read(workplace: Workplace) -> None:
    output = workplace.call(HALF_ON_CPU, "no", *SMALL, *WORDS, code=1)
    assert "trainer.precision=16-mixed: DeepSpeed has no float16 on cpu" in output
