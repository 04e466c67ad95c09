"""Configuration -> measurement: beside the entry, the only file of the benchmark that sees a configuration."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from emolightning.config.building import build
from emolightning.config.command_settings import Recipe
from emolightning.errors import UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.family import EmotionLlamaFamily
from emolightning.models.parts.parameters import parts
from emolightning.models.sizes.on_meta import build_on_meta
from emolightning.runs.assembly_of_models import plain
from emolightning.runs.lineage import describe_process
from emolightning.runs.quiet import quiet_libraries
from speed import answers, shapes, table
from speed.building import build_model, build_random, seen
from speed.clips import ClipSet, Texts
from speed.columns import make_column
from speed.figures import Figure, write_result
from speed.machine import Peak, describe_device, find_peak, pick_device
from speed.recipes import Subject, ablations, on_device
from speed.result import ABOUT, describe_columns, figures, notes, ratios, settings_of, table_of, threads_of
from speed.rounds import Column, alternate


def measure(cfg: DictConfig) -> None:
    """Build, measure in alternating rounds, print, write.

    Raises:
        KeyboardInterrupt: Ctrl-C; the rounds that were complete are printed and written.
    """
    head, device = _start(cfg), pick_device(cfg.device)
    model = _fit(cfg, device)
    recipes, clips = _recipes(cfg, device), _clips(cfg, model)
    subject = Subject(model, device, build(cfg.optimizer, "optimizer"), cfg.answer_tokens)
    columns = [
        make_column(name, recipe, subject, clips, with_vision=name == "ours") for name, recipe in recipes.items()
    ]
    is_complete, peak = _alternate(cfg, columns, device)
    described, machine = describe_columns(columns, peak.flops_per_s), describe_device(device, peak)
    result = {
        **head,
        "machine": machine,
        "parts": [asdict(part) for part in parts(model)],
        "clips": clips.description(),
        "recipes": {name: asdict(recipe) for name, recipe in recipes.items()},
        "columns": described,
        "ratios": ratios(described["ours"], described["upstream"]),
        "ablations": {name: ratios(described[name], described["ours"]) for name in recipes if name not in table.MAIN},
        "notes": notes(described, device_type=device.type, machine=machine, is_complete=is_complete),
    }
    _finish(cfg, result, table.lines(result), figures(result))
    if not is_complete:
        raise KeyboardInterrupt


def _alternate(cfg: DictConfig, columns: Sequence[Column], device: torch.device) -> tuple[bool, Peak]:
    """All rounds: whether they were done, and the device's peak."""
    peaks = [find_peak(device, cfg.device_peak_tflops)]

    def report(number: int) -> None:
        print(f"round {number + 1} of {cfg.rounds}", flush=True)
        peaks.append(find_peak(device, cfg.device_peak_tflops))

    is_complete = alternate(columns, cfg.rounds, report)
    if not is_complete and not any(column.rounds for column in columns):
        raise KeyboardInterrupt
    # A peak that is measured suffers from whatever else the machine does.
    return is_complete, max(peaks, key=lambda peak: peak.flops_per_s or 0)


def compare_answers(cfg: DictConfig) -> None:
    """Measure evaluation alone, in every way and at two sizes of a batch, after all have given the same answers.

    Raises:
        UserError: they have not.
        KeyboardInterrupt: Ctrl-C; the rounds that were complete are printed and written.
    """
    head, device = _start(cfg), pick_device(cfg.device)
    model = _fit(cfg, device)
    recipes, clips = _recipes(cfg, device), _clips(cfg, model)
    subject = Subject(model, device, build(cfg.optimizer, "optimizer"), cfg.answer_tokens)
    ours, upstream = recipes["ours"], recipes["upstream"]
    agreement = answers.require_the_same(subject, clips, ours, upstream, cfg.batch_size)
    columns = answers.make_columns(subject, clips, ours, upstream, cfg.batch_size)
    is_complete, peak = _alternate(cfg, columns, device)
    told = f", answers of {cfg.answer_tokens} tokens{threads_of(head['settings'])}"
    found = [replace(each, what=each.what + told) for each in answers.figures(columns, cfg.batch_size, peak, device)]
    print("\n".join(answers.lines(found, columns, device)))
    shared = {**head, "clips": clips.description(), "machine": describe_device(device, peak), "agreement": agreement}
    gpu, rounds = shared["machine"]["gpu"], answers.all_rounds(columns)
    write_result(cfg.output, **answers.ABOUT, figures=found, gpu=gpu, **shared, rounds=rounds)
    if not is_complete:
        raise KeyboardInterrupt


def show_shapes(cfg: DictConfig) -> None:
    """Sizes of the model and of its steps, without a value of it."""
    head = _start(cfg)
    model = build_on_meta(
        EmotionLlamaFamily().build, plain(cfg.model), vocabulary_size=cfg.vocabulary_size, sees=seen(cfg.feature_width)
    )
    clips = _clips(cfg, model)
    result = {**head, "clips": clips.description(), **shapes.describe(model, clips)}
    _finish(cfg, result, shapes.lines(result), [])


def _start(cfg: DictConfig) -> dict[str, Any]:
    """What is known before anything is built; the folders of this machine are nobody else's business."""
    quiet_libraries()
    torch.set_num_threads(cfg.num_threads)
    return {
        **describe_process(sys.argv),
        "settings": settings_of(plain(cfg), Path.cwd()),
    }


def _finish(cfg: DictConfig, result: dict[str, Any], lines: list[str], found: Sequence[Figure]) -> None:
    print("\n".join(lines))
    tables = [table_of(result)] if found else []
    gpu = result.get("machine", {}).get("gpu")
    write_result(cfg.output, **ABOUT, figures=found, tables=tables, gpu=gpu, **result)


def _fit(cfg: DictConfig, device: torch.device) -> EmotionLlama:
    try:
        return _build(cfg, device)
    except torch.OutOfMemoryError as error:
        raise UserError(f"model: does not fit on this device: {str(error).splitlines()[0]}") from None


def _build(cfg: DictConfig, device: torch.device) -> EmotionLlama:
    settings = plain(cfg.model)
    if cfg.weights == "random":
        return build_random(EmotionLlamaFamily().build, settings, device, seed=cfg.seed, **_widths(cfg))
    try:
        EmotionLlamaFamily().require_weights(settings)
    except UserError as error:
        raise UserError(f"{error}; weights=random measures without them") from None
    return build_model(EmotionLlamaFamily().build, settings, device, feature_width=cfg.feature_width, seed=cfg.seed)


def _widths(cfg: DictConfig) -> dict[str, int]:
    return {"feature_width": cfg.feature_width, "vocabulary_size": cfg.vocabulary_size}


def _clips(cfg: DictConfig, model: EmotionLlama) -> ClipSet:
    texts = Texts(cfg.transcript_tokens, cfg.answer_tokens)
    return ClipSet(model, texts, num_clips=cfg.samples, feature_width=cfg.feature_width, seed=cfg.seed)


def _recipes(cfg: DictConfig, device: torch.device) -> dict[str, Recipe]:
    """Name -> recipe as the device can follow it."""
    ours, upstream = (on_device(Recipe(**plain(cfg[name])), device) for name in table.MAIN)
    return {"ours": ours, "upstream": upstream, **(ablations(ours, upstream) if cfg.ablate else {})}
