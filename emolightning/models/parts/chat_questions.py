"""What a chat model is asked. Answers depend on every word: a change needs a new version."""

from collections.abc import Sequence

from emolightning.config.problems import not_one_of
from emolightning.errors import UserError
from emolightning.prompt.questions import with_labels

VERSION = 1

TASKS = {
    "emotion": "Which emotion does the person in this clip show? Answer with one of these words and nothing else: "
    "{labels}.",
    "reason": "Which emotions does the person in this clip show, and which clues show them? Describe facial "
    "expression, gestures, tone of voice and words as far as you see and hear them, then name the emotions.",
}
"""Task -> its question."""


def question_of(task: str, labels: Sequence[str]) -> str:
    """The question of a task.

    >>> question_of("emotion", ["happy", "sad"]).partition("else: ")[2]
    'happy, sad.'

    Raises:
        UserError: there is none.
    """
    if task not in TASKS:
        raise UserError(f"prompt.task: {not_one_of(task, TASKS)}")
    return with_labels(TASKS[task], labels)


def told(transcript: str) -> str:
    """A sentence before the question, where a transcript is known."""
    return f"The person in this clip says: {transcript}"
