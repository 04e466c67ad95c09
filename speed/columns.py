"""Recipes -> columns: the training batches of each, its work, and what one round of it is."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from emolightning.config.command_settings import Recipe
from emolightning.errors import UserError
from emolightning.models.sizes.flops import answering_flops, sizes_of, training_flops
from emolightning.records.clips import Example
from emolightning.runs.vision_pass import tower_on
from speed.clips import ClipSet, seen
from speed.recipes import AUTOCAST, Measurement, Subject
from speed.rounds import Column, Work


def make_column(name: str, recipe: Recipe, subject: Subject, clips: ClipSet, *, with_vision: bool = False) -> Column:
    """The column of a recipe.

    Args:
        name: its head.
        recipe: as the device can follow it.
        subject: the model.
        clips: what all recipes see.
        with_vision: also measure the tower's pass over the clips, where the recipe has one.

    Raises:
        UserError: the tower learns, so nothing can be computed ahead.
    """
    examples = examples_of(recipe, subject, clips)
    scaler = torch.amp.GradScaler(subject.device.type, enabled=recipe.precision == "16-mixed")
    batches = clips.batches(examples, recipe.batch_size)
    run: dict[str, Callable[[], Measurement]] = {"training": partial(subject.train, recipe, batches, scaler)}
    if with_vision and recipe.precompute_vision:
        run["vision"] = partial(subject.see, recipe, clips.examples)
    return Column(name, run, _work(recipe, subject, clips))


def examples_of(recipe: Recipe, subject: Subject, clips: ClipSet) -> list[Example]:
    """The clips, seen by the tower where the recipe has it see them ahead.

    Raises:
        UserError: the tower learns, so nothing can be computed ahead.
    """
    if not recipe.precompute_vision:
        return clips.examples
    vision = subject.model.vision
    if vision is not None and vision.is_trained:
        raise UserError(
            "ours.precompute_vision: this model trains its vision tower, whose outputs change with every step; "
            "say ours.precompute_vision=false"
        )
    subject.adopt(recipe)
    return seen(clips.examples, tower_on(subject.model, subject.device))


def evaluation_work(recipe: Recipe, subject: Subject, clips: ClipSet, *, reads_layers: bool) -> Work:
    """What all answers need, by our loop or transformers' `generate`."""
    is_exact = recipe.dtype == "float32" and recipe.precision not in AUTOCAST
    sizes = sizes_of(subject.model, is_exact=is_exact)
    new, num_clips = subject.generation.max_new_tokens, len(clips.examples)
    asked = {"answer": new, "reads_layers": reads_layers, **_given(recipe, clips)}
    flops = sum(answering_flops(sizes, positions=context, **asked) for context, _ in clips.lengths)
    return Work(num_clips, num_clips * new, flops)


def _given(recipe: Recipe, clips: ClipSet) -> dict[str, Any]:
    return {"streams": clips.streams, "frames": 0 if recipe.precompute_vision else 1}


def _work(recipe: Recipe, subject: Subject, clips: ClipSet) -> dict[str, Work]:
    sizes, num_clips, rest = sizes_of(subject.model), len(clips.examples), _given(recipe, clips)
    training = [training_flops(sizes, positions=sum(pair), answer=pair[1], **rest) for pair in clips.lengths]
    vision = sizes.tower.forward_flops() if sizes.tower is not None else 0
    return {
        "training": Work(num_clips, sum(map(sum, clips.lengths)), sum(training)),
        "vision": Work(num_clips, num_clips * clips.streams["image"], num_clips * vision),
    }
