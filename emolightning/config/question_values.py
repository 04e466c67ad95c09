"""Questions that a run brings itself, before anything is asked: their file, their tasks and their places."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from emolightning.config.problems import Problem, not_one_of, suggestion
from emolightning.config.run_settings import RunConfig
from emolightning.config.saved_run import CONFIG_FILE, find_run_folder
from emolightning.config.sources import read_yaml, saved_run_file
from emolightning.errors import InputErrors, UserError
from emolightning.prompt.own_questions import SETTING, own_questions
from emolightning.prompt.questions import PLACES, QUOTED

OF_ANY_TASK = ("{labels}", *PLACES)

_WORD = r"\s*\w[\w ]*(?:[:!][\w.<>^]*)?\s*"
_IN_BRACES = re.compile(rf"\{{\{{{_WORD}\}}\}}|\{{{_WORD}\}}")
"""`{word}`, `{word:.2}`, or `{{word}}`, whose braces would stay around what is put in; no JSON, which may be asked."""


def check_questions(
    given: Any, *, tasks: Collection[str], kept: Mapping[str, Sequence[str]] | None = None
) -> list[Problem]:
    """What is wrong with the setting `prompt.questions`.

    Args:
        given: its plain value, or None.
        tasks: that the model can be asked.
        kept: task -> sentences that a model was trained with, which it is asked in as they are.
    """
    file = f"{given}: " if isinstance(given, str) else ""

    def of_task(task: str, said: str) -> Problem:
        return Problem(SETTING, f"{file}{task}: {said}") if file else Problem(f"{SETTING}.{task}", said)

    try:
        own = own_questions(given)
    except InputErrors as error:
        return [of_task(*line.split(": ", 1)) for line in error.problems]
    except UserError as error:
        return [Problem(SETTING, str(error).removeprefix(SETTING).lstrip("=: "))]
    problems = [Problem(SETTING, f"{file}{not_one_of(task, tasks)}") for task in own if task not in tasks]
    return problems + [
        of_task(task, said)
        for task, texts in own.items()
        for text in texts
        if text not in (kept or {}).get(task, ())
        for said in _strays(task, text)
    ]


def kept_questions(cfg: DictConfig) -> dict[str, list[str]]:
    """Task -> the sentences of the run that is evaluated, or that a training continues; of a new one none."""
    file = saved_run_file()
    try:
        if OmegaConf.get_type(cfg) is RunConfig:
            resume = cfg.resume
            file = find_run_folder(cfg.output_dir if resume == "auto" else resume) / CONFIG_FILE if resume else None
        prompt = read_yaml(file).get("prompt") if file else None
        kept = prompt.get("questions") if isinstance(prompt, Mapping) else None
        return own_questions(kept) if isinstance(kept, Mapping) else {}
    except (UserError, OmegaConfBaseException):  # What cannot be read is refused with its own setting.
        return {}


def _strays(task: str, text: str) -> list[str]:
    """Words in braces that nothing would be put in place of, so that a model would read the braces."""
    places = (*OF_ANY_TASK, *(f"{{{name}}}" for name in QUOTED.get(task, ())))
    strays = [word for word in dict.fromkeys(_IN_BRACES.findall(text)) if word not in places]
    return [f"{word} is no place; {suggestion(word, places)}" for word in strays]
