"""A recipe at work: training steps, answers and the tower's pass, on one model that all recipes share."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import perf_counter, process_time
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from transformers import PreTrainedModel

from emolightning.config.command_settings import Recipe
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.parameters import load_trained_state, trained_state
from emolightning.records.clips import Example, SequenceBatch
from emolightning.runs.vision_pass import tower_on
from emolightning.training.optim.groups import parameter_groups
from speed.machine import peak_memory_gb, reset_peak_memory, wait_for

AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""Lightning's word -> what it computes in."""


@dataclass
class Measurement:
    """One round of one recipe."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Processor time of all threads."""
    peak_memory_gb: float = 0.0
    skipped_steps: int = 0
    """Optimizer steps that float16's loss scaling left out."""
    waiting_seconds: float = 0.0
    """The part of `seconds` in which the next batch was not there yet."""


class FixedLength(Generation):
    """Answers of exactly `max_new_tokens`, so that all recipes do the same work."""

    def arguments(self) -> dict[str, Any]:
        """The arguments, with an end that is not allowed before."""
        return {**super().arguments(), "min_new_tokens": self.max_new_tokens}


class Subject:
    """The model, and the way each recipe uses it. Every round begins with an untimed step.

    Args:
        model: on the device.
        device: where it is.
        make_optimizer: parameter groups -> optimizer.
        answer_tokens: length of generated answers.
    """

    def __init__(
        self,
        model: EmotionLlama,
        device: torch.device,
        make_optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        answer_tokens: int,
    ):
        self.model = model
        self.device = device
        self.make_optimizer = make_optimizer
        self.generation = FixedLength(max_new_tokens=answer_tokens)
        # Rounds begin alike: after many steps at random data, float16 would overflow and skip what it must do.
        self._initial = {name: tensor.cpu().clone() for name, tensor in trained_state(model).items()}

    def adopt(self, recipe: Recipe, *, reads_layers: bool = True) -> None:
        """Attention and frozen weights as the recipe has them; answers by our loop or transformers' `generate`."""
        self.model.reads_layers = reads_layers
        for part in self.model.modules():
            if isinstance(part, PreTrainedModel):
                part.set_attn_implementation(recipe.attention)
        hold_frozen(self.model, getattr(torch, recipe.dtype))

    def train(self, recipe: Recipe, batches: Sequence[SequenceBatch], scaler: torch.amp.GradScaler) -> Measurement:
        """One step for each batch: forward, backward, optimizer."""
        self.adopt(recipe)
        load_trained_state(self.model, self._initial)
        self.model.train()
        self.model.zero_grad()  # of a round that ran out of memory
        optimizer = self.make_optimizer(parameter_groups(self.model))
        self._step(recipe, batches[0], optimizer, scaler)
        scale = scaler.get_scale()
        with self._measured() as found:
            for batch in _waited_for(batches, found):
                self._step(recipe, batch, optimizer, scaler)
        # Each step that is left out halves the scale; it does not grow within 2,000 steps.
        found.skipped_steps = round(math.log2(scale / scaler.get_scale()))
        return found

    def _step(self, recipe: Recipe, batch: SequenceBatch, optimizer: Optimizer, scaler: torch.amp.GradScaler) -> None:
        with self.autocast(recipe):
            loss = self.model(batch.to(self.device))
        scaler.scale(loss).backward()
        if recipe.clip_norm:
            scaler.unscale_(optimizer)
            trained = (p for group in optimizer.param_groups for p in group["params"])
            nn.utils.clip_grad_norm_(trained, recipe.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    def answer(self, recipe: Recipe, batches: Sequence[SequenceBatch], *, reads_layers: bool = True) -> Measurement:
        """Generated answers to all batches, by our loop or transformers' `generate`."""
        self.adopt(recipe, reads_layers=reads_layers)
        return self._evaluate(recipe, batches, self.generated)

    def score(self, recipe: Recipe, batches: Sequence[SequenceBatch], labels: Sequence[str]) -> Measurement:
        """The likelihood of each label as the answer to all batches."""
        self.adopt(recipe)
        return self._evaluate(recipe, batches, partial(self._scored, labels))

    def _evaluate(
        self, recipe: Recipe, batches: Sequence[SequenceBatch], evaluate: Callable[[SequenceBatch], object]
    ) -> Measurement:
        self.model.eval()
        with torch.inference_mode(), self.autocast(recipe):
            evaluate(batches[0])
            with self._measured() as found:
                for batch in batches:
                    evaluate(batch)
        return found

    def generated(self, batch: SequenceBatch) -> list[str]:
        """The answers to a batch, as the recipe that was adopted finds them."""
        batch = batch.to(self.device)
        return self.model.generate(batch, self.generation, projected=self.model.project(batch))

    def _scored(self, labels: Sequence[str], batch: SequenceBatch) -> torch.Tensor:
        batch = batch.to(self.device)
        return self.model.label_logprobs(batch, labels, projected=self.model.project(batch))

    def see(self, recipe: Recipe, examples: Sequence[Example]) -> Measurement:
        """The tower's one pass over the clips, as a run makes it before its first step."""
        self.adopt(recipe)
        see = tower_on(self.model, self.device)
        pictures = [example.images["image"].numpy() for example in examples]
        see(pictures[0])
        with self._measured() as found:
            for picture in pictures:
                see(picture)
        return found

    def autocast(self, recipe: Recipe) -> AbstractContextManager[object]:
        """What a recipe computes in."""
        dtype = AUTOCAST.get(recipe.precision)
        return torch.autocast(self.device.type, dtype=dtype) if dtype else nullcontext()

    @contextmanager
    def _measured(self) -> Iterator[Measurement]:
        found = Measurement()
        wait_for(self.device)
        reset_peak_memory(self.device)
        start, cpu_start = perf_counter(), process_time()
        yield found
        wait_for(self.device)
        found.cpu_seconds = process_time() - cpu_start
        found.seconds, found.peak_memory_gb = perf_counter() - start, peak_memory_gb(self.device)


def _waited_for(batches: Iterable[SequenceBatch], found: Measurement) -> Iterator[SequenceBatch]:
    """The batches; how long each was waited for is added up."""
    iterator = iter(batches)
    while True:
        asked = perf_counter()
        batch = next(iterator, None)
        found.waiting_seconds += perf_counter() - asked
        if batch is None:
            return
        yield batch


def on_device(recipe: Recipe, device: torch.device) -> Recipe:
    """The recipe as the device can follow it: a CPU computes in float32."""
    return replace(recipe, precision="32-true", dtype="float32") if device.type == "cpu" else recipe


def ablations(ours: Recipe, upstream: Recipe) -> dict[str, Recipe]:
    """Our recipe with each single setting of upstream's that differs, by what is set."""
    theirs = {name: value for name, value in asdict(upstream).items() if value != getattr(ours, name)}
    return {f"ours, {shown(name, value)}": replace(ours, **{name: value}) for name, value in theirs.items()}


def shown(name: str, value: object) -> str:
    """A setting as one types it."""
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def hold_frozen(model: nn.Module, dtype: torch.dtype) -> None:
    """Frozen weights in that dtype; quantised ones are no floating-point numbers and stay."""
    for parameter in model.parameters():
        if not parameter.requires_grad and parameter.is_floating_point() and parameter.dtype != dtype:
            parameter.data = parameter.data.to(dtype)
