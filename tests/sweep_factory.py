"""Sweep files for tests, and what is in the folder of a sweep."""

import csv
from pathlib import Path
from typing import Any

import yaml

LOSS = {"name": "val/loss", "goal": "minimize"}


def sweep_file(folder: Path, name: str, *words: str, **content: Any) -> Path:
    """A grid that watches the loss, with more overrides in its command."""
    command = [
        "${env}",
        "${interpreter}",
        "${program}",
        *words,
        "monitor.metric=val/loss",
        "monitor.mode=min",
        "logger=csv",
        f"run_name={name}-${{oc.env:WANDB_RUN_ID}}",
        "resume=auto",
        "${args_no_hyphens}",
    ]
    whole = {"program": "train.py", "method": "grid", "metric": LOSS, "command": command, **content}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def starts(folder: Path, number: int) -> int:
    """How often a trial's process was started."""
    log = folder / "logs" / f"{number:03}.log"
    if not log.exists():
        return 0
    return sum(line.startswith("$ ") for line in log.read_text(encoding="utf-8").splitlines())
