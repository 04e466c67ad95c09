"""Questions that a run brings itself, before anything is asked: their file, their tasks and their places."""

import re
from collections.abc import Collection
from typing import Any

from emolightning.config.problems import Problem, not_one_of, suggestion
from emolightning.errors import InputErrors, UserError
from emolightning.prompt.own_questions import SETTING, own_questions
from emolightning.prompt.questions import PLACES, QUOTED

OF_ANY_TASK = ("{labels}", *PLACES)


def check_questions(given: Any, *, tasks: Collection[str]) -> list[Problem]:
    """What is wrong with the setting `prompt.questions`.

    Args:
        given: its plain value, or None.
        tasks: that the model can be asked.
    """
    try:
        own = own_questions(given)
    except InputErrors as error:
        return [Problem(error.subject, said) for said in error.problems]
    except UserError as error:
        return [Problem(SETTING, str(error).removeprefix(SETTING).lstrip("=: "))]
    problems = [Problem(SETTING, not_one_of(task, tasks)) for task in own if task not in tasks]
    return problems + [
        Problem(f"{SETTING}.{task}", said)
        for task, texts in own.items()
        for text in texts
        for said in _strays(task, text)
    ]


def _strays(task: str, text: str) -> list[str]:
    """Words in braces that nothing would be put in place of, so that a model would read the braces."""
    places = (*OF_ANY_TASK, *(f"{{{name}}}" for name in QUOTED.get(task, ())))
    strays = [word for word in dict.fromkeys(re.findall(r"\{\w+\}", text)) if word not in places]
    return [f"{word} is no place; {suggestion(word, places)}" for word in strays]
