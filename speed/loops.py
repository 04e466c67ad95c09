"""The same training steps in several loops: ours, Hugging Face's Trainer, bare ones, upstream's recipe."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainerCallback, TrainingArguments

from emolightning.config.command_settings import Recipe
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.models.sizes.flops import UnknownSizes, sizes_of, training_flops
from emolightning.records.clips import IGNORED, SequenceBatch
from emolightning.runs.assembly import training
from emolightning.runs.run import Run, TrainingFacts
from emolightning.runs.vision_pass import with_vision
from emolightning.training.learner import EmotionLearner
from emolightning.training.optim.groups import parameter_groups
from emolightning.training.optim.schedule import Length
from emolightning.training.stopping.told_to_stop import AgreedToStop
from speed.machine import wait_for
from speed.recipes import AUTOCAST, Measurement, Subject, on_device
from speed.rounds import Column, Work
from speed.turns import in_turns

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
PHASE = "training"
LOGGED_EVERY = 10
"""Steps between two logged losses, as `trainer.log_every_n_steps` has it in ours."""


@dataclass
class Watch:
    """Notes when each step begins, its batch at hand: from one to the next is all that a loop does for a step."""

    device: torch.device
    clock: str
    warm: int
    """Steps before those that are timed."""
    steps: int
    """Steps that are timed."""
    times: list[float] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    waited: float = 0.0
    give_way: Callable[[], None] | None = None
    """Lets other loops do a step; None where they run before or after this one."""
    steps_a_turn: int = 1
    away: float = 0.0
    """Time in which others had their turns."""

    @property
    def num_steps(self) -> int:
        """Steps that a loop has to do: one more, whose beginning ends the last that is timed."""
        return self.warm + self.steps + 1

    def begin(self) -> None:
        """Before each step."""
        if len(self.times) in (self.warm, self.warm + self.steps):
            wait_for(self.device)
        if self.give_way is not None and len(self.times) % self.steps_a_turn == 0:
            left = CLOCKS[self.clock]()
            self.give_way()
            self.away += CLOCKS[self.clock]() - left
        self.times.append(CLOCKS[self.clock]() - self.away)

    def over(self, batches: Iterable[Any]) -> Iterator[Any]:
        """The batches; how long they are waited for is noted."""
        iterator = iter(batches)
        for _ in range(self.num_steps):
            asked = CLOCKS[self.clock]()
            batch = next(iterator)
            if len(self.times) > self.warm:
                self.waited += CLOCKS[self.clock]() - asked
            self.begin()
            yield batch

    def measurement(self) -> Measurement:
        """What the steps took that are timed."""
        seconds = self.times[self.warm + self.steps] - self.times[self.warm]
        return Measurement(seconds, waiting_seconds=self.waited)


class Loops:
    """Each method is a loop; all of them begin with the same weights and see the same clips.

    Args:
        cfg: a run that is long enough, and validates nothing.
        device: of the model.
        clock: one of CLOCKS.
        warm: steps before those that are timed.
        steps: steps that are timed.
    """

    def __init__(self, cfg: DictConfig, device: torch.device, *, clock: str, warm: int, steps: int):
        self.cfg = cfg
        self.device = device
        self.timed: dict[str, Any] = {"clock": clock, "warm": warm, "steps": steps}
        self.run = self._run(Path(cfg.output_dir))
        self.data = self._seen(self.run, self.run.make_learner())
        self._of_thread = threading.local()
        self.losses: dict[str, list[list[float]]] = {}
        """Loop -> losses of all steps, round by round."""

    def _run(self, folder: Path) -> Run[TrainingFacts]:
        run = training(OmegaConf.merge(self.cfg, {"output_dir": str(folder)}))  # type: ignore[arg-type]
        assert run is not None
        return run

    def _seen(self, run: Run[TrainingFacts], learner: EmotionLearner) -> ClipDataModule:
        return with_vision(run, learner, run.data.corpus.clips_of("train"))

    def _watch(self, batches: int = 1) -> Watch:
        timed = {name: value * batches if name != "clock" else value for name, value in self.timed.items()}
        give_way = getattr(self._of_thread, "give_way", None)
        return Watch(self.device, **timed, give_way=give_way, steps_a_turn=batches)

    def in_turns(self, columns: Sequence[Column]) -> list[tuple[Column, str, Measurement]]:
        """A round in which all loops take turns step by step."""

        def run(column: Column, give_way: Callable[[], None]) -> Measurement:
            torch.set_num_threads(self.cfg.num_threads)  # Each thread has a number of its own.
            self._of_thread.give_way = give_way
            return column.run[PHASE]()

        place = [column.name for column in columns].index("ours")
        found = in_turns([partial(run, column) for column in columns], here=place)
        return [(column, PHASE, each) for column, each in zip(columns, found, strict=True)]

    def _done(self, name: str, watch: Watch) -> Measurement:
        self.losses.setdefault(name, []).append([float(loss) for loss in watch.losses])
        return watch.measurement()

    def ours(self) -> Measurement:
        """A run as train.py makes it: its trainer with all callbacks and loggers, its data module."""
        watch = self._watch()
        with tempfile.TemporaryDirectory() as folder:
            run = self._run(Path(folder))
            learner, shared = run.make_learner(), self.data
            # A module belongs to its trainer; what is read and tokenised by now is all loops'.
            data = ClipDataModule(shared.corpus, shared.processor, shared.loading, visual=shared.visual)
            run.trainer.callbacks.insert(0, _Noting(watch))  # type: ignore[attr-defined]
            try:
                run.trainer.fit(learner, datamodule=data)
            except AgreedToStop as stop:  # Ctrl-C, which a run answers in its own way.
                raise KeyboardInterrupt from stop
        return self._done("ours", watch)

    def hugging_face(self) -> Measurement:
        """A Trainer of transformers around the same modules, PEFT's among them, and the same loader."""
        watch, (learner, optimizer, schedule) = self._watch(), self._fresh()
        with tempfile.TemporaryDirectory() as folder:
            settings = TrainingArguments(
                output_dir=folder,
                max_steps=watch.num_steps,
                per_device_train_batch_size=self.data.batch_size,
                max_grad_norm=self.cfg.trainer.gradient_clip_val or 0.0,
                logging_steps=LOGGED_EVERY,
                save_strategy="no",
                report_to=[],
                use_cpu=self.device.type == "cpu",
                bf16=self.cfg.trainer.precision == "bf16-mixed",
            )
            batches = _Wrapped(self.data.train_dataloader())
            _PlainTrainer(learner.model, settings, batches, watch, (optimizer, schedule)).train()
        return self._done("hugging_face", watch)

    def bare(self) -> Measurement:
        """A loop of PyTorch and nothing else, over the same loader."""
        watch = self._watch()
        self._loop(watch, self.data.train_dataloader())
        return self._done("bare", watch)

    def prepared(self) -> Measurement:
        """The same over batches that were made before."""
        watch = self._watch()
        self._loop(watch, self.prepared_batches(watch.num_steps))
        return self._done("prepared", watch)

    def prepared_batches(self, number: int) -> Sequence[Any]:
        """The first batches of the run."""
        return list(islice(self.data.train_dataloader(), number))

    def work(self) -> Work:
        """What the steps that are timed have to compute, by the sizes of the model; padding is no work."""
        batches = self.prepared_batches(self._watch().num_steps)[self.timed["warm"] : -1]
        try:
            sizes = sizes_of(self.run.make_learner().model)
        except UnknownSizes:
            return Work(sum(len(batch.clips) for batch in batches), 0, 0)
        pairs = [pair for batch in batches for pair in _lengths(batch)]
        streams = {name: vectors.shape[1] for name, vectors in batches[0].features.items()}
        flops = [training_flops(sizes, positions=all_, answer=new, streams=streams, frames=0) for all_, new in pairs]
        return Work(len(pairs), sum(all_ for all_, _ in pairs), sum(flops))

    def upstream(self, batch_size: int) -> Measurement:
        """Upstream's recipe on the same modules: the tower in each step, attention written out, each loss read back."""
        watch = self._watch(self.data.batch_size // batch_size)
        loading = replace(self.data.loading, batch_size=batch_size, batches_per_epoch=watch.num_steps)
        data = ClipDataModule(self.data.corpus, self.data.processor, loading)
        self._loop(watch, data.train_dataloader(), recipe=on_device(Recipe(), self.device))
        return self._done(f"upstream_{batch_size}", watch)

    def _fresh(self) -> tuple[EmotionLearner, Any, LambdaLR]:
        """The model with the weights that a run begins with, its optimizer and its schedule."""
        learner = self.run.make_learner()
        model: Any = learner.model.to(self.device).train()
        assert learner.make_optimizer is not None
        optimizer = learner.make_optimizer(parameter_groups(model, decays_all=model.decays_all))
        steps, schedule = self.cfg.trainer.max_steps, learner.schedule
        length = Length(steps, steps, optimizer.param_groups[0]["lr"])
        factor = (lambda step: schedule.factor(step, length)) if schedule is not None else (lambda step: 1.0)
        return learner, optimizer, LambdaLR(optimizer, factor)

    def _loop(self, watch: Watch, batches: Iterable[Any], *, recipe: Recipe | None = None) -> None:
        learner, optimizer, schedule = self._fresh()
        model: Any = learner.model
        clip_norm = self.cfg.trainer.gradient_clip_val
        if recipe is not None:
            Subject(model, self.device, learner.make_optimizer, 1).adopt(recipe)  # type: ignore[arg-type]
            clip_norm = recipe.clip_norm
        dtype = AUTOCAST.get(self.cfg.trainer.precision)
        trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for batch in watch.over(batches):
            with torch.autocast(self.device.type, dtype=dtype) if dtype else nullcontext():
                loss = model(batch.to(self.device))
            loss.backward()
            if clip_norm:
                nn.utils.clip_grad_norm_(trained, clip_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            watch.losses.append(loss.detach())
            if recipe is not None:
                loss.item()


def _lengths(batch: SequenceBatch) -> list[tuple[int, int]]:
    """Positions of each sequence, and those of them that are learned."""
    positions = batch.sequence.attention_mask.sum(1).tolist()
    return list(zip(positions, (batch.sequence.targets != IGNORED).sum(1).tolist(), strict=True))


class _Noting(pl.Callback):
    def __init__(self, watch: Watch):
        self.watch = watch

    def on_train_batch_start(self, *args: Any) -> None:
        self.watch.begin()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *args: Any) -> None:
        self.watch.losses.append(outputs["loss"])


class _Wrapped:
    """Batches as keyword arguments of a model: Hugging Face's Trainer takes nothing else."""

    def __init__(self, batches: Any):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return ({"batch": batch} for batch in self.batches)


class _PlainTrainer(Trainer):
    def __init__(self, model: Any, settings: TrainingArguments, batches: _Wrapped, watch: Watch, tools: Any):
        super().__init__(model=model, args=settings, callbacks=[_Beginning(watch)], optimizers=tools)
        self.batches = batches
        self.watch = watch

    def get_train_dataloader(self) -> Any:
        return self.batches

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Tensor:
        loss: Tensor = model(inputs["batch"].to(self.watch.device))
        self.watch.losses.append(loss.detach())
        return loss


class _Beginning(TrainerCallback):
    def __init__(self, watch: Watch):
        self.watch = watch

    def on_step_begin(self, *args: Any, **options: Any) -> None:
        self.watch.begin()
