"""The command line of a trial: word for word the one that `wandb agent` makes of the same file and values."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from emolightning.config.foreign_files import SECRET_VARIABLE, not_data
from emolightning.config.known_targets import PARTIAL, TARGET
from emolightning.config.places import program
from emolightning.config.problems import suggestion
from emolightning.config.secrets import SECRET_NAME, redact
from emolightning.config.sources import override_key
from emolightning.runs.sweep.grammar import pasted

ARGUMENTS = {"${args_no_hyphens}": "", "${args_append_hydra}": "+", "${args_override_hydra}": "++"}
"""Macro -> what precedes each `name=value`."""

NOT_FOR_HYDRA = (
    "${args}",
    "${args_no_equals}",
    "${args_no_boolean_flags}",
    "${args_json}",
    "${args_json_file}",
)
OTHERS = ("${env}", "${interpreter}", "${program}")

ENVIRONMENT = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")


def check_command(command: Any, launcher: str = "") -> list[str]:
    """What is wrong with `command` of a sweep file.

    Args:
        command: as written.
        launcher: the program before `${program}` that the user lets it start, with its words.
    """
    if command is None:
        return [
            "is needed: W&B's own is --name=value, Hydra wants [${env}, ${interpreter}, ${program}, ${args_no_hyphens}]"
        ]
    if not isinstance(command, list) or not command:
        return [f"must be a list of words, not {command!r}"]
    words = [str(word) for word in command]
    problems = [f"{word} is no Hydra override; use ${{args_no_hyphens}}" for word in words if word in NOT_FOR_HYDRA]
    known = (*ARGUMENTS, *OTHERS)
    problems += [
        f"{word} is no macro of W&B, which would drop it; {suggestion(word, known)}"
        for word in words
        if re.fullmatch(r"\$\{\w+\}", word) and word not in (*known, *NOT_FOR_HYDRA)
    ]
    for name in [found for word in words for found in ENVIRONMENT.findall(word) if found not in os.environ]:
        problems.append(f"${{envvar:{name}}}: the environment has no {name}")
    if words.count("${program}") != 1:
        problems.append("must hold ${program} once")
    elif any(word.startswith("-") for word in words[words.index("${program}") + 1 :]):
        problems.append("words after ${program} are overrides, key=value; a trial is one run and takes no option")
    if not problems and sum(word in ARGUMENTS for word in words) != 1:
        problems.append("must hold ${args_no_hyphens} once, where the parameters go")
    return problems or _acts(words, launcher) or _not_to_be_started(words)


def _acts(words: Sequence[str], launcher: str) -> list[str]:
    """What a file from elsewhere would do beside training."""
    place = words.index("${program}")
    started = shlex.join(word for word in words[:place] if word not in OTHERS)
    problems = []
    if started != launcher:
        problems.append(
            f"starts {started or 'nothing'} before ${{program}}, and launcher is {launcher or 'not given'}; if that is "
            f"what you want, say launcher={shlex.quote(started)}"
        )
    overridden = (word.partition("=") for word in words[place + 1 :] if word not in ARGUMENTS)
    return problems + [line for key, _, value in overridden for line in not_an_override(key, value)]


def not_an_override(key: str, value: Any) -> list[str]:
    """What an override, or a parameter, of a sweep file may not say; somebody else may have written it."""
    name, text = override_key(f"{key}="), str(value)
    if TARGET in name or TARGET in text:
        return [f"{name}: classes are named by configs/, or on the sweep's command line: {PARTIAL}.{TARGET}=CLASS"]
    if "@" in key:
        return [f"{key}: a sweep file cannot move a file to another place (@); type that on the sweep's command line"]
    if name.replace("/", ".").partition(".")[0] == "hydra":
        return [f"{name}: settings of Hydra itself can start programs; type them on the sweep's command line"]
    secrets = [variable for variable in ENVIRONMENT.findall(key + text) if SECRET_VARIABLE.search(variable)]
    if secrets and not SECRET_NAME.search(name):
        return [f"{name}: ${{envvar:{secrets[0]}}} would copy a secret into records; programs find it by themselves"]
    return not_data(name, ENVIRONMENT.sub("", text))


def _not_to_be_started(words: Sequence[str]) -> list[str]:
    first = command_line(words, {})[0]
    if shutil.which(first):
        return []
    return [f"{first}: no such program on PATH, or not executable; activate its environment, or say ${{interpreter}}"]


def overrides(command: Sequence[str], values: Mapping[str, Any], extra: Sequence[str] = ()) -> list[str]:
    """The words after the program.

    Args:
        command: of the file.
        values: parameter -> value of this trial.
        extra: overrides that all trials get in addition; the last word wins.
    """
    words = []
    for word in command[list(command).index("${program}") + 1 :]:
        if word in ARGUMENTS:
            words += [ARGUMENTS[word] + pasted(name, value) for name, value in values.items()]
        else:
            words.append(_from_environment(word))
    return [*words, *extra]


def command_line(command: Sequence[str], values: Mapping[str, Any], extra: Sequence[str] = ()) -> list[str]:
    """The whole command: this interpreter and this checkout's program replace the agent's `python` and `train.py`."""
    start = []
    for word in command[: list(command).index("${program}")]:
        if word == "${interpreter}":
            start.append(sys.executable)
        elif word != "${env}":  # `/usr/bin/env`, which only finds the interpreter
            start.append(_from_environment(word))
    return [*start, *program("train")[1:], *overrides(command, values, extra)]


def repeating_line(command: Sequence[str], values: Mapping[str, Any], extra: Sequence[str], run_id: str) -> str:
    """The line for a shell that repeats a trial in a new run folder; the user fills in its secrets."""
    start = command[: list(command).index("${program}")]
    words = ["python" if word == "${interpreter}" else word for word in start if word != "${env}"]
    line = [f"WANDB_RUN_ID={run_id}", *words, "train.py", *overrides(command, values, extra)]
    return shlex.join(redact(word) for word in line)  # before it is quoted: a secret may hold spaces and quotes


def _from_environment(word: str) -> str:
    return ENVIRONMENT.sub(lambda found: os.environ[found[1]], word)
