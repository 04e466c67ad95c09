"""AffectGPT's questions and the sentences that answer them: protocol constants, kept word for word.

Source: MERTools@89120b7 `MER2026_Track2/my_affectgpt/datasets/datasets/base_dataset.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from emolightning.errors import UserError


class Task(NamedTuple):
    """A question, and the sentence that an answer is put into."""

    question: str
    answer: str


DESCRIPTION = Task(
    "Please infer the person's emotional state and provide your reasoning process.",
    "{answer}",
)

TASKS = {
    "emotion": Task(
        "Please select the label that can best describe the person's emotional state from the provided candidate "
        "labels: {labels}.",
        "The most likely label is {answer}.",
    ),
    "emotion_free": Task(
        "Please recognize the character's most likely emotional state.",
        "The character's emotional state is {answer}.",
    ),
    "ovlabel": Task(
        "Please recognize all possible emotional states of the character.",
        "The character's emotional state is {answer}.",
    ),
    "sentiment": Task(
        "Please select the most likely sentiment label that can best describe the person's emotional state: positive, "
        "negative, neutral.",
        "The character's sentiment state is {answer}.",
    ),
    "reason": DESCRIPTION,
    "reason_v2": DESCRIPTION,
}
"""Tag -> question. Upstream's `onehot` with candidates and without, `ovlabel`, `sentiment` and `description`."""


def question(task: str, labels: Sequence[str]) -> str:
    """The question of a task, with the labels that it offers in the order given: upstream's order is that of a `set`.

    Raises:
        UserError: a task that is not there.
    """
    if task not in TASKS:
        raise UserError(f"prompt.task: no question for {task!r}; choose from {list(TASKS)}")
    return TASKS[task].question.replace("{labels}", ",".join(labels))


def answer(task: str, text: str) -> str:
    """The sentence that is learned for an answer; of a task that is not upstream's the answer itself.

    >>> answer("ovlabel", "happy, surprised")
    "The character's emotional state is happy, surprised."
    """
    return TASKS[task].answer.replace("{answer}", text) if task in TASKS else text


def answer_to(prompt: str, text: str) -> str:
    """The sentence that answers what a prompt asks; the text itself where the question is nobody's.

    >>> answer_to(question("emotion", ["happy", "sad"]), "sad")
    'The most likely label is sad.'
    """
    for task in TASKS.values():
        if task.question.partition("{labels}")[0] in prompt:
            return task.answer.replace("{answer}", text)
    return text
