"""Questions that a run brings itself: texts by task, spelt out or in a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_plain_yaml

SETTING = "prompt.questions"


def own_questions(given: Any) -> dict[str, list[str]]:
    """Task -> its sentences.

    Args:
        given: a mapping of tasks to a sentence or a list of them; the YAML or JSON file of one; or None.

    Raises:
        UserError: the file cannot be read, or it says something else.
    """
    if given is None:
        return {}
    subject = f"{SETTING}={given}" if isinstance(given, str) else SETTING
    if isinstance(given, str) and not Path(given).is_file():
        raise UserError(f"{subject}: no such file; give a YAML file with a sentence, or a list of them, for each task")
    content = read_plain_yaml(Path(given)) if isinstance(given, str) else given
    if not isinstance(content, Mapping):
        raise UserError(f"{subject}: must be a mapping of tasks to questions, such as {{valence: How pleased is she?}}")
    found, problems = {}, []
    for task, texts in content.items():
        sentences = [texts] if isinstance(texts, str) else texts
        is_list = isinstance(sentences, list | tuple) and len(sentences) > 0
        if not is_list or not all(isinstance(text, str) and text.strip() for text in sentences):
            problems.append(f"{task}: {texts!r} is no question; write a sentence, or a list of sentences")
        else:
            found[str(task)] = [text.strip() for text in sentences]
    if problems:
        raise InputErrors(subject, problems)
    return found
