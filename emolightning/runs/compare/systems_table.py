"""One table of systems of any family: scores beside what they see, how large they are, and what was published."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from emolightning.benchmarks.published.comparison import compare
from emolightning.benchmarks.published.measured import facts_of, measured_run
from emolightning.benchmarks.published.table import PublishedScore, read_published
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.runs.compare.clips import Compared
from emolightning.runs.compare.statistics import Measured
from emolightning.runs.compare.systems import LABELS, System

MAIN = ("weighted_f1", "macro_f1", "uar", "war")
"""Scores of labels that a table of systems shows beside those that were published."""


def system_row(measured: Measured, compared: Compared) -> dict[str, Any]:
    """What a table says about one system; what is not recorded is None, never guessed."""
    system, model = measured.system, measured.system.report.get("model") or {}
    facts = facts_of(system.report)
    return {
        "name": system.name,
        "path": str(system.path),
        "num_seeds": len(system.said),
        "benchmark": system.report["benchmark"],
        "split": system.report["split"],
        "training": training(model),
        "modality": facts.get("modality"),
        "inputs": (system.report.get("evaluation") or {}).get("inputs"),
        "num_parameters": model.get("num_parameters"),
        "num_trained": model.get("num_trained"),
        "seconds_per_clip": system.seconds_per_clip(),
        "num_clips": len(compared.ids),
        "metrics": _metrics(measured, compared),
        "warnings": [str(text) for text in system.report.get("warnings") or ()],
    }


def training(model: Mapping[str, Any]) -> str | None:
    """What the weights were trained on, and whether that is what they are tested on; None where nobody recorded it."""
    if "trained_on" not in model:
        return None
    own, tested = model["trained_on"], model.get("evaluated_on")
    if own is None:
        return "zero-shot"
    return f"trained on {own}" if own == tested else f"zero-shot (trained on {own})"


def _metrics(measured: Measured, compared: Compared) -> dict[str, dict[str, Any]]:
    """As the evaluation has it, where it is one of just these clips; else of the draws of this comparison."""
    system, found = measured.system, {}
    is_its_own = len(system.said) == 1 and len(compared.ids) == len(system.said[0].scored)
    values = measured.summed.values()
    for name, score in system.report["metrics"].items():
        if is_its_own and score["value"] is not None:
            found[name] = {"value": score["value"], "ci95": score["ci95"]}
        elif name in values:
            low, high = np.quantile(measured.draws[name], [0.025, 0.975])
            found[name] = {"value": values[name], "ci95": [float(low), float(high)]}
    return found


def benchmark_of(systems: Sequence[System]) -> str | None:
    """The official benchmark that all of them are on; None if it is none."""
    names = {system.report["benchmark"] for system in systems}
    (name,) = names if len(names) == 1 else (None,)
    return name if name in official_benchmarks() else None


def headline_of(systems: Sequence[System], benchmark: str | None) -> str:
    """The score that ranks: the benchmark's own where every system has it."""
    first = list(systems[0].report["metrics"])
    wanted = [official_benchmarks()[benchmark].headline] if benchmark else []
    candidates = [*wanted, *(MAIN if systems[0].kind == LABELS else ()), *first]
    return next(name for name in candidates if all(name in system.report["metrics"] for system in systems))


def published_rows(
    systems: Sequence[System], benchmark: str | None, words: str | None, named: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Published figures of the benchmark, each with what it says about each system, or why it says nothing.

    Args:
        systems: that were measured.
        benchmark: of them.
        words: only models whose names contain these.
        named: only these models, where there are any.
    """
    if benchmark is None:
        return []
    names = {name.casefold() for name in named}
    scores = [
        score
        for score in read_published()
        if score.benchmark == benchmark
        and score.is_verified
        and (words is None or words.casefold() in score.model.casefold())
        and (not names or score.model.casefold() in names)
    ]
    against = {
        system.name: compare(scores, measured_run(system.report, system.path), [benchmark]).rows for system in systems
    }
    return [
        {
            "model": score.model,
            "modality": score.modality or None,
            "protocol": score.protocol.way,
            "about": score.protocol.about,
            "training": {"True": "zero-shot", "False": "trained"}.get(str(score.protocol.conditions.get("zero_shot"))),
            "metric": score.metric,
            "printed": score.printed,
            "scale": score.scale,
            "value": as_fraction(score),
            "source": score.source,
            "verdicts": {name: rows[place].verdict for name, rows in against.items()},
        }
        for place, score in enumerate(scores)
    ]


def as_fraction(score: PublishedScore) -> str:
    """The printed value on our scale, as many digits as it has: 45.59 % is 0.4559."""
    return f"{Decimal(score.printed).scaleb(-2 if score.factor == 100 else 0):f}"
