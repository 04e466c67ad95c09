"""What W&B's own package `sweeps` says of trials and sweep files, recorded in `wandb_verdicts.json`.

The package asks for numpy<2, so it is not among the dependencies. To record it anew, from the top of this checkout:

    pip install --target FOLDER --no-deps sweeps==0.3.0 jsonschema jsonref jsonschema-specifications referencing \\
        rpds-py attrs pyrsistent
    PYTHONPATH=.:FOLDER python tests/wandb_verdicts.py
"""

import hashlib
import importlib
import json
import random
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

import yaml

RECORD = Path(__file__).with_suffix(".json")
FILES = sorted((Path(__file__).parents[1] / "sweeps").glob("*.yaml"))

Case = tuple[dict[str, Any], str, list[list[float]]]


class Verdicts(TypedDict):
    """Asked and recorded."""

    stopped: list[list[int]]
    """For each of `cases()` the numbers of the trials that are stopped."""
    files: dict[str, dict[str, Any]]
    """Name -> digest of the content, and how often it breaks the schema."""
    violations_of_a_wrong_file: int


def cases() -> Iterator[Case]:
    """`early_terminate`, goal, and the values of nine trials."""
    draw = random.Random(0)
    for strict, eta in ((True, 2), (False, 2), (True, 3), (False, 3)):
        for goal in ("maximize", "minimize"):
            for bands in ({"min_iter": 1}, {"max_iter": 8, "s": 2}):
                histories = [[draw.random() for _ in range(draw.randint(1, 8))] for _ in range(9)]
                yield {"type": "hyperband", **bands, "eta": eta, "strict": strict}, goal, histories


def digest(path: Path) -> str:
    """Of what a file says; its comments may change."""
    return hashlib.sha256(json.dumps(yaml.safe_load(path.read_text()), sort_keys=True).encode()).hexdigest()


def ask_wandb() -> Verdicts:
    """The same, of the package that is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sweeps: Any = importlib.import_module("sweeps")
    violations = sweeps.schema_violations_from_proposed_config
    wrong = {**yaml.safe_load(FILES[0].read_text()), "method": "x", "metric": {"goal": "max"}}
    return {
        "stopped": [_stopped(sweeps, *case) for case in cases()],
        "files": {
            path.name: {"sha256": digest(path), "violations": len(violations(yaml.safe_load(path.read_text())))}
            for path in FILES
        },
        "violations_of_a_wrong_file": len(violations(wrong)),
    }


def _stopped(sweeps: Any, spec: dict[str, Any], goal: str, histories: list[list[float]]) -> list[int]:
    runs = [
        sweeps.SweepRun(name=str(number), state="running", history=[{"m": value} for value in history])
        for number, history in enumerate(histories)
    ]
    config = {
        "program": "train.py",
        "method": "random",
        "metric": {"name": "m", "goal": goal},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
        "early_terminate": spec,
    }
    return sorted(int(run.name) for run in sweeps.stop_runs(config, runs))


if __name__ == "__main__":
    source = {
        "package": f"sweeps {metadata.version('sweeps')}",
        "date": datetime.now(UTC).date().isoformat(),
        "command": "PYTHONPATH=.:FOLDER python tests/wandb_verdicts.py",
    }
    RECORD.write_text(json.dumps({**source, **ask_wandb()}, indent=1) + "\n")
