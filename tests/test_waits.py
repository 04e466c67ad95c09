"""Steps that do not wait for the device: what is read of it between two logs, and what a bad loss does meanwhile."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from model_factory import make_batch, make_examples, make_model
from pytorch_lightning.loggers.logger import DummyLogger
from torch import Tensor
from torch.utils.data import DataLoader

from callbacks.gradient_norm import GradientNorm
from callbacks.throughput import Throughput, counted
from emolightning.errors import EndOfRun
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.records.labels import MER6
from emolightning.training.checkpoints.last_checkpoint import ASKED_EVERY, LastCheckpoint
from emolightning.training.keeping import keeping
from emolightning.training.learner import EmotionLearner
from emolightning.training.stopping.divergence import require_finite_weights

READING = ("item", "tolist", "cpu", "numpy", "nonzero", "__float__", "__int__", "__bool__", "__index__")
"""What a tensor can only do when all that was asked of its device is done."""

STEPS, EVERY = 7, 3
LOGGED = {1, 3, 6}


def fit(
    folder: Path, *, fused: bool | None = True, callbacks: tuple[pl.Callback, ...] = (), **trainer_settings: Any
) -> EmotionLearner:
    """A run of seven steps that logs each third, with everything that a run does beside learning."""
    model = make_model()
    batch = make_batch(model, make_examples(2))
    optimizer = partial(torch.optim.AdamW, lr=1e-2, fused=fused)
    learner = EmotionLearner(model, labels=MER6, optimizer=optimizer)
    kept = keeping(folder, monitor="train/loss", mode="min", every_num_steps=100, every_minutes=60)
    trainer = pl.Trainer(
        **{"accelerator": "cpu", **trainer_settings},
        default_root_dir=folder,
        max_steps=STEPS,
        limit_val_batches=0,
        gradient_clip_val=1.0,
        log_every_n_steps=EVERY,
        logger=DummyLogger(),
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[GradientNorm(), Throughput(every_num_batches=100), *callbacks, *kept],
    )
    batches: Any = [batch] * (STEPS + 2)
    trainer.fit(learner, DataLoader(batches, batch_size=None, pin_memory=torch.cuda.is_available()))
    return learner


class Reading(pl.Callback):
    """Notes the steps in which tensors are read, but for what the model does itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.steps: list[int] = []
        self.number = -1
        for name in READING:
            monkeypatch.setattr(Tensor, name, self._noting(getattr(Tensor, name)))
        learn = EmotionLlama.learning_losses

        def unnoted(*args: Any) -> Any:
            number, self.number = self.number, -1
            found = learn(*args)
            self.number = number
            return found

        monkeypatch.setattr(EmotionLlama, "learning_losses", unnoted)

    def _noting(self, method: Any) -> Any:
        def noted(tensor: Tensor, *args: Any, **options: Any) -> Any:
            frame = sys._getframe(1)
            # Lightning's bar reads its numbers again in each step; they lie on the CPU.
            if self.number >= 0 and frame.f_code.co_name != "to_item":
                self.steps.append(self.number)
            return method(tensor, *args, **options)

        return noted

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        self.number = trainer.global_step + 1

    def on_train_end(self, *args: Any) -> None:
        self.number = -1


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    with monkeypatch.context() as patch:
        yield Reading(patch)


def test_nothing_is_read_between_two_logs(tmp_path: Path, reading: Reading) -> None:
    """As on a GPU, in whose precision Lightning would not let gradients of a fused optimizer be clipped."""
    trainer = fit(tmp_path, callbacks=(reading,), precision="bf16-mixed").trainer
    assert set(reading.steps) == LOGGED
    require_finite_weights({}, trainer)
    with pytest.raises(EndOfRun, match="1 of 2 trained tensors are not finite"):
        require_finite_weights({"one": torch.zeros(2), "other": torch.tensor([0, torch.inf])}, trainer)


class NoWaits(pl.Callback):
    """Lets torch raise where a step waits for the GPU, but for those that are logged."""

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        torch.cuda.set_sync_debug_mode("default" if trainer.global_step + 1 in LOGGED else "error")

    def on_train_end(self, *args: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")

    on_exception = on_train_end


@pytest.mark.gpu
def test_a_gpu_is_waited_for_in_logged_steps_alone(tmp_path: Path) -> None:
    learner = fit(tmp_path, fused=None, callbacks=(NoWaits(),), accelerator="gpu", precision="bf16-mixed")
    assert learner.trainer.global_step == STEPS


@pytest.mark.slow
def test_an_optimizer_that_would_step_anyway_has_each_loss_read(tmp_path: Path, reading: Reading) -> None:
    fit(tmp_path, fused=False, callbacks=(reading,))
    assert set(reading.steps) == set(range(1, STEPS + 1))


class Breaks(pl.Callback):
    """Makes weights infinite for one loss, and notes what they are after each step."""

    def __init__(self, step: int):
        self.step = step
        self.after: list[Tensor] = []

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, *args: Any) -> None:
        learn = type(module.model).learning_losses
        scale = float("nan") if trainer.global_step + 1 == self.step else 1.0
        module.model.learning_losses = lambda *given: (scale * (found := learn(module.model, *given))[0], *found[1:])

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *args: Any) -> None:
        self.after.append(torch.cat([p.detach().flatten() for p in module.model.parameters() if p.requires_grad]))


@pytest.mark.parametrize(("step", "whole"), [(4, 3), pytest.param(2, 1, marks=pytest.mark.slow)])
def test_a_loss_that_is_read_later_has_changed_nothing(tmp_path: Path, step: int, whole: int) -> None:
    """It is read in the step of the next log, 6 or 3; all weights in between are those before it."""
    breaks = Breaks(step)
    with pytest.raises(EndOfRun, match=f"the loss of optimizer step {step} is not finite; nothing was saved after it"):
        fit(tmp_path, callbacks=(breaks,))
    assert len(breaks.after) == (5 if step == 4 else 2)
    assert not torch.equal(breaks.after[0], breaks.after[whole - 1]) or whole == 1
    assert all(torch.equal(breaks.after[whole - 1], later) for later in breaks.after[whole:])
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_a_bad_loss_is_read_before_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(EndOfRun, match="the loss of optimizer step 7 is not finite"):
        fit(tmp_path, callbacks=(Breaks(STEPS),))
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_borrowed_clips_are_not_counted() -> None:
    batch = make_batch(make_model(), make_examples(3))
    batch.is_own = torch.tensor([True, False, True])
    tokens = batch.sequence.attention_mask.sum(1)
    assert counted(batch).tolist() == [2, int(tokens[0] + tokens[2])]


def test_ranks_compare_their_clocks_in_each_tenth_step() -> None:
    """Every comparison makes them wait for each other."""
    compared: list[int] = []

    class Strategy:
        root_device = torch.device("cpu")

        def reduce(self, found: Tensor, reduce_op: str) -> Tensor:
            compared.append(step)
            return found

    last, saved = LastCheckpoint("folder", every_minutes=1e-9), []
    for step in range(1, 2 * ASKED_EVERY + 5):
        trainer: Any = SimpleNamespace(world_size=2, global_step=step, strategy=Strategy())
        saved += [step] if last._is_time(trainer) else []
    assert saved == compared == [ASKED_EVERY, 2 * ASKED_EVERY]
