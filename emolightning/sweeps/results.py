"""What a sweep leaves behind as numbers: `sweep.csv`, `sweep.json`, and means over seeds."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emolightning.lineage import redact, write_json
from emolightning.sweeps.progress import best_number
from emolightning.sweeps.trial import TrialRow

SEED = "seed"

FACTS = ("value", "best_step", "step", "num_validations", "seconds", "folder", "exit_code", "reason")
"""Columns of `sweep.csv` behind the parameters; None is an empty cell."""


@dataclass(frozen=True)
class Setting:
    """Trials that differ in their seed only."""

    values: dict[str, Any]
    n: int
    mean: float
    sd: float | None
    """With n - 1; None for a single trial."""
    num_failed: int
    """Trials without a value, which the mean leaves out."""


def over_seeds(rows: Sequence[TrialRow], mode: str) -> list[Setting]:
    """Mean and deviation of each setting, best first; empty where no seed is varied.

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
            mean = sum(found) / len(found)
            sd = math.sqrt(sum((value - mean) ** 2 for value in found) / (len(found) - 1)) if len(found) > 1 else None
            settings.append(Setting(_without_seed(group[0].values), len(found), mean, sd, len(group) - len(found)))
    return sorted(settings, key=lambda setting: setting.mean, reverse=mode == "max")


def _without_seed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != SEED}


def write_results(folder: Path, rows: Sequence[TrialRow], *, metric: str, mode: str) -> None:
    """`sweep.csv`, one row a trial, and `sweep.json` with the same, the best trial and the means over seeds."""
    _write_csv(folder / "sweep.csv", rows)
    trials = [{**asdict(row), "again": redact(row.again)} for row in rows]
    content = {
        "metric": metric,
        "mode": mode,
        "best": best_number(rows, mode),
        "trials": trials,
        "over_seeds": [asdict(setting) for setting in over_seeds(rows, mode)],
    }
    write_json(folder / "sweep.json", content)


def _write_csv(path: Path, rows: Sequence[TrialRow]) -> None:
    names = list(rows[0].values) if rows else []
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", *names, *FACTS])
        for row in rows:
            facts = {**asdict(row), "seconds": round(row.seconds, 1)}
            writer.writerow([row.number, row.state, *row.values.values(), *(facts[name] for name in FACTS)])
    temporary.replace(path)
