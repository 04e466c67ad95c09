"""Checks of the recorded traces of upstream's learning rate; the parameters of a trace stand in its name."""

import re
from typing import Any

from parity.comparison import RATES, Near, Unchecked
from parity.golden import GoldenFolder
from parity.subject import Subject

from emolightning.training.optim.schedule import UpstreamWarmupCosine

FILE = "lr_schedule.json"
NUMBER = r"(\d[\d.e+-]*)"
TEXTS = {
    "equal": rf"init=min=warmup={NUMBER}",
    "init": rf"\binit {NUMBER}",
    "min": rf"\bmin {NUMBER}",
    "warmup": rf"\bwarm(?:up)? {NUMBER}/(\d+)",
    "length": r"iters (\d+) x (\d+)",
    "pair": rf"values {NUMBER} / {NUMBER}",
}
BASE = {
    "init_lr": 1e-3,
    "min_lr": 1e-5,
    "warmup_lr": None,
    "warmup_steps": 0,
    "steps_per_epoch": 1000,
    "max_epochs": 30,
}
RISING = {"warmup_lr": 1e-6, "warmup_steps": 2}
"""Of the trace with the two commented-out values, which names no warm-up."""


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `lr_schedule.json`."""
    recorded = golden.json(FILE)
    return {FILE: {name: _trace(name, points) for name, points in recorded.items()}}


def _trace(name: str, points: list[list[Any]]) -> Any:
    found = parameters(name)
    if found is None:
        return Unchecked("its name does not say the parameters")
    schedule = UpstreamWarmupCosine(found["min_lr"], found["warmup_lr"], found["warmup_steps"])
    length = {key: found[key] for key in ("init_lr", "steps_per_epoch", "max_epochs")}
    rates = [schedule.learning_rate(int(epoch), int(step), **length) for epoch, step, _ in points]
    return [[epoch, step, Near(rate, RATES, "absolute")] for (epoch, step, _), rate in zip(points, rates, strict=True)]


def parameters(name: str) -> dict[str, Any] | None:
    """What a trace's name says; None where it does not say enough.

    >>> parameters("init 1e-3 min 1e-5 warm 1e-4/10 iters 4 x 4")["warmup_steps"]
    10
    """
    said = {key: match.groups() for key, text in TEXTS.items() if (match := re.search(text, name))}
    found: dict[str, Any] = dict(BASE)
    if "length" in said:
        found |= {"steps_per_epoch": int(said["length"][0]), "max_epochs": int(said["length"][1])}
    if "equal" in said:
        rate = float(said["equal"][0])
        return found | {"init_lr": rate, "min_lr": rate, "warmup_lr": rate, "warmup_steps": 1000}
    if "pair" in said:
        return found | RISING | {"init_lr": float(said["pair"][0]), "min_lr": float(said["pair"][1])}
    if "init" in said and "min" in said:
        found |= {"init_lr": float(said["init"][0]), "min_lr": float(said["min"][0])}
    elif not name.startswith("no warmup"):
        return None
    if "warmup" in said:
        found |= {"warmup_lr": float(said["warmup"][0]), "warmup_steps": int(said["warmup"][1])}
    return found
