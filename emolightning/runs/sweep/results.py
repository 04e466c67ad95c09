"""The numbers that a sweep writes: `sweep.csv`, `sweep.json`, and means over seeds."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emolightning.files.writing import write_json, written_whole
from emolightning.runs.seeds import Spread, spread
from emolightning.runs.sweep.progress import best_row, short
from emolightning.runs.sweep.trial import TrialRow

SEED = "seed"

FACTS = ("value", "best_step", "step", "num_validations", "seconds", "folder", "exit_code", "reason")
"""Columns of `sweep.csv` after the parameters; None is an empty cell."""


@dataclass(frozen=True)
class Setting:
    """Trials that differ in their seed only."""

    values: dict[str, Any]
    """Without the seed; empty where nothing else is varied."""
    score: Spread
    """Spread of the best values of the finished trials."""
    num_left_out: int
    """Trials that failed or were stopped early."""

    @property
    def name(self) -> str:
        """`model.lora.r=8 model.lora.alpha=32`."""
        return " ".join(f"{name}={short(value)}" for name, value in self.values.items()) or "all trials"


def over_seeds(rows: Sequence[TrialRow], mode: str) -> list[Setting]:
    """Mean, deviation and interval of each setting, best first; empty where no seed is varied.

    Trials that were stopped early have fewer validations, so their best value is not comparable: they are left out.
    """
    if not rows or SEED not in rows[0].values:
        return []
    groups: dict[str, list[TrialRow]] = {}
    for row in rows:
        groups.setdefault(json.dumps(_without_seed(row.values)), []).append(row)
    settings = []
    for group in groups.values():
        found = [row.value for row in group if row.value is not None and row.state == "finished"]
        if found:
            settings.append(Setting(_without_seed(group[0].values), spread(found), len(group) - len(found)))
    return sorted(settings, key=lambda setting: setting.score.mean, reverse=mode == "max")


def _without_seed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != SEED}


def write_results(folder: Path, rows: Sequence[TrialRow], *, metric: str, mode: str) -> None:
    """`sweep.csv`, one row a trial, and `sweep.json` with the same, the best trial and the means over seeds."""
    _write_csv(folder / "sweep.csv", rows)
    best = best_row(rows, mode)
    content = {
        "metric": metric,
        "mode": mode,
        "best": best.number if best else None,
        "trials": [asdict(row) for row in rows],
        "over_seeds": [_flat(setting) for setting in over_seeds(rows, mode)],
    }
    write_json(folder / "sweep.json", content)


def _flat(setting: Setting) -> dict[str, Any]:
    return {"values": setting.values, **asdict(setting.score), "num_left_out": setting.num_left_out}


def _write_csv(path: Path, rows: Sequence[TrialRow]) -> None:
    names = list(rows[0].values) if rows else []
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", *names, *FACTS])
        for row in rows:
            facts = {**asdict(row), "seconds": round(row.seconds, 1)}
            writer.writerow([row.number, row.state, *row.values.values(), *(facts[name] for name in FACTS)])
