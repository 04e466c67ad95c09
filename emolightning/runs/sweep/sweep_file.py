"""A W&B sweep file: read, and refused with everything that this machine, or Hydra, cannot do with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.config.problems import suggestion
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_plain_yaml
from emolightning.runs.sweep.command import check_command, not_an_override
from emolightning.runs.sweep.parameters import Parameter, Range, read_parameter
from emolightning.runs.sweep.stopping import Hyperband, read_hyperband

METHODS = ("grid", "random", "bayes")
GOALS = {"maximize": "max", "minimize": "min"}
"""W&B's word -> `monitor.mode`."""

KEYS = (
    "program",
    "method",
    "metric",
    "parameters",
    "command",
    "early_terminate",
    "run_cap",
    "name",
    "description",
    "project",
    "entity",
)

ONLINE = {
    "controller": "it says where W&B searches; leave it out",
    "scheduler": "it runs the search in W&B's agent; give method: bayes, which Optuna answers here",
    "metrics": "several objectives need W&B's custom scheduler; give one `metric`",
    "job": "it is for W&B Launch; give program: train.py",
    "image_uri": "it is for W&B Launch; give program: train.py",
    "apiVersion": "leave it out",
    "kind": "leave it out",
}
"""Keys that W&B knows and that mean nothing without its server."""

PROGRAM = "train.py"


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says."""

    path: Path
    content: dict[str, Any]
    """As written, to notice a change."""
    method: str
    metric: str
    mode: str
    """`max` or `min`."""
    target: float | None
    """A value that ends the search."""
    parameters: dict[str, Parameter]
    command: tuple[str, ...]
    early_terminate: Hyperband | None
    run_cap: int | None

    @property
    def name(self) -> str:
        """Name of the folder with its results."""
        return self.path.stem


def read_sweep_file(path: Path, launcher: str = "") -> SweepFile:
    """Read and check a file.

    Args:
        path: somebody else may have written it.
        launcher: the program, with its words, that it may start before `train.py`, e.g. `torchrun --nproc-per-node=2`.

    Raises:
        InputErrors: everything that is wrong with it.
        UserError: it is not there, or no YAML.
    """
    content = _content(path)
    problems = _unknown_keys(content)
    method = content.get("method")
    if method not in METHODS:
        problems.append(_wrong_method(method))
    metric, said = _metric(content.get("metric"))
    problems += [f"metric: {line}" for line in said]
    parameters: dict[str, Parameter] = {}
    for name, spec in _parameters(content, problems).items():
        parameter, said = read_parameter(str(name), spec)
        said += not_an_override(str(name), spec)
        problems += [f"parameter {name}: {line}" for line in said or _not_for(method, parameter)]
        if parameter:
            parameters[str(name)] = parameter
    early = None
    if "early_terminate" in content:
        early, said = read_hyperband(content["early_terminate"])
        problems += [f"early_terminate: {line}" for line in said]
    if content.get("program") != PROGRAM:
        problems.append(
            f"program: {content.get('program')!r}; only {PROGRAM} is a training run whose settings are known"
        )
    problems += [f"command: {line}" for line in check_command(content.get("command"), launcher)]
    cap = content.get("run_cap")
    if cap is not None and (not isinstance(cap, int) or isinstance(cap, bool) or cap < 1):
        problems.append(f"run_cap: must be a number of trials of 1 or more, not {cap!r}")
    if problems:
        raise InputErrors(str(path), problems)
    command = tuple(str(word) for word in content["command"])
    return SweepFile(path, content, str(method), *metric, parameters, command, early, cap)


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        near = sorted(str(found) for found in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        known = suggestion(path, near) if near else f"{path.parent} holds no .yaml file"
        raise UserError(f"file={path}: no such file; {known}")
    content = read_plain_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a mapping with program, method, metric, parameters and command")
    return content


def _unknown_keys(content: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}: {f'not without W&B: {ONLINE[key]}' if key in ONLINE else f'no such key; {suggestion(key, KEYS)}'}"
        for key in content
        if key not in KEYS
    ]


def _wrong_method(method: Any) -> str:
    if method == "custom":
        return "method: custom leaves the search to W&B's scheduler; the nearest is bayes"
    return f"method: {method!r} is not known; {suggestion(method, METHODS)}"


def _metric(spec: Any) -> tuple[tuple[str, str, float | None], list[str]]:
    if not isinstance(spec, Mapping):
        return ("", "", None), ["is needed: name and goal, those of monitor.metric and monitor.mode"]
    problems = [
        f"{key}: no such key here; {suggestion(key, ('name', 'goal', 'target'))}"
        for key in spec
        if key not in ("name", "goal", "target")
    ]
    name, goal, target = spec.get("name"), spec.get("goal"), spec.get("target")
    if not isinstance(name, str) or not name:
        problems.append(f"name must be a logged score, e.g. val/weighted_f1, not {name!r}")
    if goal not in GOALS:
        problems.append(f"goal {goal!r} is not known; {suggestion(goal, GOALS)}")
    if target is not None and (not isinstance(target, int | float) or isinstance(target, bool)):
        problems.append(f"target must be a number, not {target!r}")
    return (str(name), GOALS.get(str(goal), ""), target), problems


def _parameters(content: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    found = content.get("parameters")
    if isinstance(found, Mapping) and found:
        return found
    problems.append(f"parameters: must be a mapping of at least one setting to its values, not {found!r}")
    return {}


def _not_for(method: Any, parameter: Parameter | None) -> list[str]:
    """What a search cannot do with a parameter that is right in itself."""
    if method == "grid" and isinstance(parameter, Range) and (parameter.step is None or parameter.is_log):
        return ["a grid needs values, or whole steps from min to max (int_uniform, q_uniform)"]
    if method != "random" and getattr(parameter, "weights", None):
        return [f"probabilities mean nothing to method {method}; use method random, or leave them out"]
    return []
