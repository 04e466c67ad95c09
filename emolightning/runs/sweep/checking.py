"""Every trial of a sweep, composed and checked as `train.py` would, before the first one starts."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from emolightning.config.check import find_problems, locate_problem
from emolightning.config.errors import CONFIG_ERRORS, Launch, explain
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.config.sources import COMMAND_LINE, override_key
from emolightning.errors import InputErrors, UserError
from emolightning.runs.sweep.command import overrides
from emolightning.runs.sweep.grammar import expected, is_same
from emolightning.runs.sweep.parameters import Choices
from emolightning.runs.sweep.sweep_file import SweepFile

RUN_ID = "WANDB_RUN_ID"
ID_FOR_CHECKS = "trial-id-0"

ENOUGH = 20
"""Mistakes shown; a grid would else be composed to its end for the same ones."""

LOG = "emolightning.training.loggers.csv_log.CsvLog"
"""Whose `metrics.csv` a trial is judged by."""


def combinations(file: SweepFile) -> Iterator[dict[str, Any]]:
    """Parameter values to be checked: all of a grid; of a search each value of each parameter, of a range its ends."""
    if file.method == "grid":
        yield from grid(file)
        return
    examples = {name: parameter.examples() for name, parameter in file.parameters.items()}
    first = {name: values[0] for name, values in examples.items()}
    seen = [first]
    for name, values in examples.items():
        seen += [{**first, name: value} for value in values[1:]]
    yield from seen


def grid(file: SweepFile) -> Iterator[dict[str, Any]]:
    """All combinations; the last parameter changes fastest."""
    values = [
        parameter.values if isinstance(parameter, Choices) else parameter.steps() or ()
        for parameter in file.parameters.values()
    ]
    for combination in itertools.product(*values):
        yield dict(zip(file.parameters, combination, strict=True))


def check_trials(file: SweepFile, extra: Sequence[str] = ()) -> Path:
    """Compose each combination.

    Args:
        file: the sweep.
        extra: overrides that all trials get.

    Returns:
        `paths.outputs` of the trials.

    Raises:
        InputErrors: each mistake once, with the parameter's value or the override that it comes from.
    """
    register_schemas()
    _refuse_own(file, extra)
    problems: dict[str, None] = {}
    outputs = "outputs"
    with environment(**{RUN_ID: ID_FOR_CHECKS}):
        for values in combinations(file):
            words = overrides(file.command, values, extra)
            try:
                cfg = Launch(CONFIG_DIR, "train", words).compose(words)
            except CONFIG_ERRORS as error:
                lines = explain(error, Launch(CONFIG_DIR, "train", words))
            else:
                lines = _problems(file, values, cfg, extra)
                outputs = cfg.paths.outputs
            problems.update(dict.fromkeys(_with_value(line, values) for line in lines))
            if len(problems) >= ENOUGH:
                break
    if problems:
        raise InputErrors(str(file.path), list(problems))
    return Path(outputs)


def run_folder(file: SweepFile, values: Mapping[str, Any], run_id: str, extra: Sequence[str] = ()) -> Path:
    """`output_dir` of a trial."""
    register_schemas()
    words = overrides(file.command, values, extra)
    with environment(**{RUN_ID: run_id}):
        return Path(Launch(CONFIG_DIR, "train", words).compose(words).output_dir)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _refuse_own(file: SweepFile, extra: Sequence[str]) -> None:
    """An override for every trial that would undo what the sweep varies."""
    wrong = [word for word in extra if override_key(word) in file.parameters]
    if wrong:
        raise UserError(f"{', '.join(wrong)}: {file.path} varies it; take it out of the command or of the file")


def _problems(file: SweepFile, values: Mapping[str, Any], cfg: DictConfig, extra: Sequence[str]) -> list[str]:
    choices = dict(cfg.hydra.runtime.choices)
    with open_dict(cfg):
        del cfg["hydra"]
    found = find_problems(cfg, extra)
    if found:
        return [locate_problem(problem, None) for problem in found]
    lines = []
    for name, value in values.items():
        arrived = choices[name] if name in choices else OmegaConf.select(cfg, name)
        arrived = OmegaConf.to_container(arrived) if OmegaConf.is_config(arrived) else arrived
        if not is_same(arrived, expected(value)) and not _is_widened(arrived, value):
            lines.append(f"{name}: {value!r} arrives as {arrived!r}")
    return lines + _not_for_sweeps(file, cfg)


def _is_widened(arrived: Any, value: Any) -> bool:
    """An integer in a setting of fractional numbers."""
    return isinstance(arrived, float) and isinstance(value, int) and not isinstance(value, bool) and arrived == value


def _not_for_sweeps(file: SweepFile, cfg: DictConfig) -> list[str]:
    lines = []
    if (cfg.monitor.metric, cfg.monitor.mode) != (file.metric, file.mode):
        lines.append(
            f"metric: the file has {file.metric} with mode {file.mode}, the trials watch monitor.metric="
            f"{cfg.monitor.metric} monitor.mode={cfg.monitor.mode}; make them the same"
        )
    if ID_FOR_CHECKS not in str(cfg.output_dir):
        lines.append(
            f"command: all trials would write into {cfg.output_dir}; add run_name={file.name}-${{oc.env:{RUN_ID}}}"
        )
    if cfg.resume != "auto":
        lines.append("command: add resume=auto, or an interrupted trial starts from nothing")
    if cfg.seeds:
        lines.append("seeds: a trial is one run; make seed a parameter of the sweep")
    loggers = (cfg.get("logger") or {}).values()
    if not any(isinstance(node, DictConfig) and node.get("_target_") == LOG for node in loggers):
        lines.append("logger: a trial is judged by its metrics.csv; say logger=csv or logger=default")
    return lines


def _with_value(line: str, values: Mapping[str, Any]) -> str:
    """The value of the parameter that a message is about."""
    key = line.partition(":")[0]
    said = line.removesuffix(f" ({COMMAND_LINE})")
    for name, value in values.items():
        if key == name or key.startswith(f"{name}."):
            return f"parameter {said}" if repr(value) in said else f"parameter {name}, value {value!r}: {said}"
    return line
