"""Checks of the recorded training loops: our trainer, learner, optimizer groups, schedule and accumulation."""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from parity.comparison import LOSSES, RATES, VALUES, Near, Unchecked
from parity.golden import GoldenFolder
from parity.inputs import run_options
from parity.subject import Subject
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.utils.data import DataLoader, IterableDataset

from emolightning.models.emotion_llama.upstream.names import to_upstream
from emolightning.models.parts.parameters import load_trained_state, trained_state
from emolightning.models.parts.torch_files import TorchFile, read_torch
from emolightning.records.clips import Batch
from emolightning.records.labels import MER9
from emolightning.training.learner import EmotionLearner
from emolightning.training.optim.groups import decays
from emolightning.training.optim.schedule import Length, UpstreamWarmupCosine
from emolightning.training.optim.upstream_state import load_upstream_optimizer

LOOPS, WEIGHTS = "train_loop.json", "train_loop.safetensors"
INPUTS = ("accum_grad_iters", "epochs", "resume", "batches")


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `train_loop.json` and `train_loop.safetensors`; the model's weights are put back."""
    if not golden.has(LOOPS):
        return {WEIGHTS: Unchecked(f"needs {LOOPS}, which says how they were trained")}
    about: dict[str, Any] = {}
    finals: dict[str, dict[str, Tensor]] = {}
    before = {name: tensor.clone() for name, tensor in trained_state(subject.model).items()}
    for name, recorded in golden.json(LOOPS).items():
        if not isinstance(recorded, Mapping):
            about[name] = Unchecked("a sentence")
            continue
        try:
            about[name], finals[name] = _train(golden, subject, recorded)
        finally:
            load_trained_state(subject.model, before)
            subject.model.eval()
    tensors = golden.tensors(WEIGHTS) if golden.has(WEIGHTS) else {}
    return {LOOPS: about, WEIGHTS: _as_recorded(tensors, finals)}


def _as_recorded(recorded: Mapping[str, Tensor], finals: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
    """Final weights under the record's names, `loop.parameter` or `loop.parameter[:, ::step]`."""
    found: dict[str, Any] = {}
    for key in recorded:
        loop, _, rest = key.partition(".")
        name, _, part = rest.partition("[")
        step = re.fullmatch(r":, ::(\d+)\]", part)
        if loop in finals and name in finals[loop] and (step or not part):
            weight = finals[loop][name]
            found[key] = Near(weight[:, :: int(step[1])] if step else weight, VALUES)
    return found


@dataclass(frozen=True)
class _Later(UpstreamWarmupCosine):
    """The schedule of a whole run, entered at one of its epochs."""

    max_epochs: int = 1

    def factor(self, step: int, run: Length) -> float:
        whole = Length(self.max_epochs * run.steps_per_epoch, run.steps_per_epoch, run.base_lr)
        return super().factor(step, whole)


def _train(golden: GoldenFolder, subject: Subject, recorded: Mapping[str, Any]) -> tuple[Any, dict[str, Tensor]]:
    """One loop: what its record says, recomputed, and the final weights by upstream's names."""
    run, epochs, batches = recorded["run"], recorded["epochs"], recorded["batches"]
    per_epoch = int(run["iters_per_epoch"])
    if len(recorded["steps"]) != len(epochs) * per_epoch:
        raise ValueError(f"{len(recorded['steps'])} steps, but {len(epochs)} epochs of iters_per_epoch {per_epoch}")
    steps = [(epoch, place) for epoch in epochs for place in range(per_epoch)]
    first = 0 if recorded["resume"] else int(epochs[0]) * per_epoch
    chosen = [batches[(first + number) % len(batches)] for number in range(len(steps))]
    schedule = _Later(
        min_lr=run["min_lr"],
        warmup_lr=None if run["warmup_lr"] < 0 else run["warmup_lr"],
        warmup_steps=run["warmup_steps"],
        first_epoch=int(epochs[0]),
        max_epochs=int(run["max_epoch"]),
    )
    learner = EmotionLearner(
        subject.model,
        labels=MER9,
        optimizer=lambda groups: _optimizer(groups, golden, subject.model, run, is_resumed=recorded["resume"]),
        schedule=schedule,
        summed_batches=int(recorded["accum_grad_iters"]),
    )
    log = _Log()
    with _quiet():
        trainer = _trainer(log, epochs=len(epochs), per_epoch=per_epoch)
    data = _InTurn([subject.batch(positions) for positions in chosen])
    subject.model.train()
    with _quiet():
        trainer.fit(learner, DataLoader(data, batch_size=None))
    about = {
        **dict.fromkeys(INPUTS, Unchecked("an input, which shows in steps and final weights")),
        "run": _about_run(golden, run),
        "steps": [
            {
                "epoch": epoch,
                "iter": place,
                "lr": Near(rates, RATES, "absolute"),
                "loss": Near(loss, LOSSES),
                "image_id": [subject.samples[number].example.clip.id for number in positions],
            }
            for (epoch, place), rates, loss, positions in zip(steps, log.rates, log.losses, chosen, strict=True)
        ],
    }
    return about, {to_upstream(name)[0]: tensor.clone() for name, tensor in trained_state(subject.model).items()}


def _about_run(golden: GoldenFolder, run: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs, all but the weight decay: too small to show after some steps, it is the checkpoint's own."""
    about: dict[str, Any] = dict.fromkeys(run, Unchecked("an input, which shows in steps and final weights"))
    return about | {"weight_decay": run_options(golden).get("weight_decay", about.get("weight_decay"))}


def _trainer(log: "_Log", *, epochs: int, per_epoch: int) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu", max_epochs=epochs, limit_train_batches=per_epoch, callbacks=[log], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's words for a training of its own: four small loops are none."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)


def _optimizer(
    groups: list[dict[str, Any]], golden: GoldenFolder, model: nn.Module, run: Mapping[str, Any], *, is_resumed: bool
) -> Optimizer:
    optimizer = AdamW(
        groups, lr=run["init_lr"], weight_decay=run["weight_decay"], betas=(0.9, run.get("beta2", 0.999)), eps=1e-8
    )
    if is_resumed:
        path = golden.weights("model", "ckpt")
        names = optimizer_order(TorchFile(path))
        load_upstream_optimizer(optimizer, model, read_torch(path)["optimizer"], names, to_upstream)
    return optimizer


def optimizer_order(checkpoint: TorchFile) -> list[str]:
    """A checkpoint's trained parameters in the order that its optimizer numbers them: those with decay first."""
    trained = [name for name in checkpoint.tensors if not name.endswith("inv_freq")]
    meta = {name: nn.Parameter(torch.empty(checkpoint.tensors[name].shape, device="meta")) for name in trained}
    return sorted(trained, key=lambda name: not decays(name, meta[name]))  # A stable sort keeps each group's order.


class _InTurn(IterableDataset[Batch]):
    """Batches one after another, over the borders of epochs."""

    def __init__(self, batches: Sequence[Batch]):
        self.source = iter(batches)

    def __iter__(self) -> Any:
        return self.source


class _Log(pl.Callback):
    """Rates and losses of each batch."""

    def __init__(self) -> None:
        self.rates: list[list[float]] = []
        self.losses: list[float] = []

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note the rates that the batch is trained with."""
        self.rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        """Note its loss."""
        self.losses.append(float(outputs["loss"]))
