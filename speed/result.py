"""Measurements as numbers: rounds, medians, ranges, and ratios of what was measured in the same round."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from speed.figures import Figure, Table
from speed.rounds import PHASES, Column

QUANTITIES = ("samples_per_s", "tokens_per_s", "peak_memory_gb", "mfu")
"""What a round gives, in the order of the table."""

ABOUT: dict[str, Any] = {
    "part": "Training",
    "question": "What does each setting of our recipe bring in a training step alone?",
}
TRAINING_TIMES, TRAINING_TIMES_ON_GPU, MFU_ON_GPU = 3.0, 5.0, 0.5
"""What is promised: clips/s of a run over those of the released recipe, of steps alone on a GPU, and utilisation."""


def threads_of(settings: Mapping[str, Any]) -> str:
    """What a figure's name ends with: results of one thread, and of several, stand on one page.

    >>> threads_of({"num_threads": 2}), threads_of({"num_threads": 1})
    (', 2 threads', '')
    """
    return f", {settings['num_threads']} threads" if settings["num_threads"] > 1 else ""


def settings_of(cfg: Mapping[str, Any], here: Path) -> Any:
    """The settings of a measurement, with paths below `here` relative to it: a committed file names no machine."""
    return _relative({name: value for name, value in cfg.items() if name != "paths"}, f"{here}/")


def _relative(value: Any, prefix: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _relative(item, prefix) for name, item in value.items()}
    if isinstance(value, list):
        return [_relative(item, prefix) for item in value]
    return value.removeprefix(prefix) if isinstance(value, str) else value


def describe_columns(columns: Sequence[Column], peak_flops_per_s: float | None) -> dict[str, Any]:
    """Column -> phase -> its work, raw rounds, and for each quantity median, least and most."""
    return {column.name: _describe(column, peak_flops_per_s) for column in columns}


def _describe(column: Column, peak: float | None) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for phase in PHASES:
        if phase not in column.run:
            continue
        work = column.work[phase]
        rounds = [
            {
                "seconds": found.seconds,
                "samples_per_s": work.samples / found.seconds,
                "tokens_per_s": work.tokens / found.seconds,
                "peak_memory_gb": found.peak_memory_gb,
                "mfu": work.flops / found.seconds / peak if peak else None,
                "skipped_steps": found.skipped_steps,
                "waiting_share": found.waiting_seconds / found.seconds,
            }
            for found in column.rounds.get(phase, [])
        ]
        described[phase] = {
            "samples": work.samples,
            "tokens": work.tokens,
            "gflops_per_sample": work.flops / work.samples / 1e9,
            "out_of_memory": phase in column.out_of_memory,
            "rounds": rounds,
            **{name: spread([found[name] for found in rounds]) for name in (*QUANTITIES, "waiting_share")},
        }
    return described


def ratios(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Phase -> quantity -> median and range of one column over the other, round by round; None without such rounds."""
    return {
        phase: {name: spread(_quotients(one[phase]["rounds"], other[phase]["rounds"], name)) for name in QUANTITIES}
        for phase in PHASES
        if phase in one and phase in other
    }


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """Return the ratios of clips/s between recipes, and the distance from the peak.

    Our recipe is over the released one, and over ours with single settings of that. On a CPU nothing is promised of
    steps alone: both recipes compute much the same, and a batch brings little there.
    """
    is_gpu = result["machine"]["memory"].endswith("GPU")
    named = {
        "ours / released recipe": result["ratios"],
        **{f"{name} / ours": r for name, r in result["ablations"].items()},
    }
    ratios_of = {name: found["training"]["samples_per_s"] for name, found in named.items()}
    about, promised = _size(result), TRAINING_TIMES_ON_GPU if is_gpu else None
    found = [
        _figure(f"{about}: {name}", ratio, "x", result, promised if name.endswith("recipe") else None)
        for name, ratio in ratios_of.items()
        if ratio
    ]
    mfu = result["columns"]["ours"]["training"]["mfu"]
    what = f"{about}: model FLOP utilisation"
    return [*found, *([_figure(what, mfu, "of the peak", result, MFU_ON_GPU if is_gpu else None)] if mfu else [])]


def table_of(result: Mapping[str, Any]) -> Table:
    """Both recipes side by side."""
    names = {
        "samples_per_s": "clips/s",
        "tokens_per_s": "tokens/s",
        "peak_memory_gb": "memory, GB",
        "mfu": "utilisation",
    }
    columns = [result["columns"][name]["training"] for name in ("ours", "upstream")]
    rows = [
        (name, *("" if not column[key] else column[key]["median"] for column in columns)) for key, name in names.items()
    ]
    return Table(f"Training by both recipes, {_size(result)}, medians", ("", "ours", "released recipe"), rows)


def _size(result: Mapping[str, Any]) -> str:
    return f"{sum(part['total'] for part in result['parts']) / 1e6:,.1f} M parameters"


def _figure(
    what: str, found: Mapping[str, float], unit: str, result: Mapping[str, Any], at_least: float | None
) -> Figure:
    rounds = len(result["columns"]["ours"]["training"]["rounds"])
    return Figure(what, found["median"], unit, found["min"], found["max"], rounds, at_least=at_least)


def _quotients(one: list[dict[str, Any]], other: list[dict[str, Any]], name: str) -> list[float | None]:
    pairs = [(here[name], there[name]) for here, there in zip(one, other, strict=False)]
    return [here / there if here is not None and there else None for here, there in pairs]


def spread(values: list[float | None]) -> dict[str, float] | None:
    """Median, least and most; None where there is nothing."""
    known = [value for value in values if value is not None]
    return {"median": median(known), "min": min(known), "max": max(known)} if known else None


def shown(found: Mapping[str, float], form: str) -> str:
    """Median and range, e.g. `1.02 (0.98 - 1.05)`."""
    return f"{found['median']:{form}} ({found['min']:{form}} - {found['max']:{form}})"


def notes(columns: Mapping[str, Any], *, device_type: str, machine: Mapping[str, Any], is_complete: bool) -> list[str]:
    """What a reader has to know about the numbers."""
    found = [] if is_complete else ["interrupted: only the rounds that were complete are here"]
    if device_type == "cpu":
        found.append(
            "on a CPU both recipes compute in float32: upstream's float16 autocast needs a GPU, and the released code "
            "does not run on a CPU at all"
        )
    found += [
        f"peak memory: {machine['memory']}",
        f"peak of the device: {machine['peak_source']}",
        "model FLOP utilisation counts what a recipe has to compute; with precompute_vision a step has no tower in it",
    ]
    for name, phases in columns.items():
        skipped = sum(measured["skipped_steps"] for measured in phases["training"]["rounds"])
        if skipped:
            found.append(f"{name}: loss scaling left out {skipped} optimizer steps")
    return found
