"""Instruction texts that published weights were trained on: protocol constants, kept word for word.

Source: Emotion-LLaMA, `minigpt4/datasets/datasets/first_face.py` (pools `emotion_instruction_pool`,
`reason_instruction_pool`; the sentences after the first are commented out there and name six labels).
"""

from collections.abc import Sequence

from emolightning.errors import UserError

PROMPT_ORDER = ("happy", "sad", "neutral", "angry", "worried", "surprise", "fear", "contempt", "doubt", "disgust")
"""Upstream's order of labels inside the question; it differs from the index order of the metrics.
`disgust`, which upstream never offers, is put after the others."""

EMOTION = (
    "Please determine which emotion label in the video represents: {list}.",
    "Identify the displayed emotion in the video: is it {choice}?",
    "Determine the emotional state shown in the video, choosing from {choice}.",
    "Please ascertain the specific emotion portrayed in the video, whether it be {choice}.",
    "Assess and label the emotion evident in the video: could it be {list}?",
)

REASON = (
    "Please analyze all the clues in the video and reason out the emotional label of the person in the video.",
    "What is the emotional state of the person in the video? Please tell me the reason.",
    "What are the facial expressions and vocal tone used in the video? What is the intended meaning behind his words? "
    "Which emotion does this reflect?",
    "Please integrate information from various modalities to infer the emotional category of the person in the video.",
    "Could you describe the emotion-related features of the individual in the video? "
    "What emotional category do they fall into?",
)

POOLS = {"emotion": EMOTION, "reason": REASON, "reason_v2": REASON}
"""Upstream's task tag -> its sentences."""


def instruction_pool(task: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The sentences of a task with the labels filled in, in the order given.

    >>> instruction_pool("emotion", prompt_order(["sad", "happy"]))[0]
    'Please determine which emotion label in the video represents: happy, sad.'

    Raises:
        UserError: a task without a pool.
    """
    if task not in POOLS:
        raise UserError(f"prompt.task: no instructions for {task!r}; choose from {list(POOLS)}")
    *others, last = labels
    choice = f"{', '.join(others)}, or {last}" if others else last
    return tuple(text.format(list=", ".join(labels), choice=choice) for text in POOLS[task])


def prompt_order(labels: Sequence[str]) -> list[str]:
    """Labels in upstream's order; words that upstream does not know keep their own order after them."""
    known = [label for label in PROMPT_ORDER if label in labels]
    return known + [label for label in labels if label not in PROMPT_ORDER]
