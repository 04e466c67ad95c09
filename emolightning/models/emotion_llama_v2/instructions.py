"""Instruction texts that published weights were trained on and evaluated with, word for word: `pools.json`.

Source: Emotion-LLaMA-v2, `minigpt4/datasets/datasets/`, commit 5f0a408: the classes of its first stage, of its second
one and of its evaluation. The file has them as stage -> task -> pools, each with its data set, upstream's name, the
labels that it offers in their order, and its sentences. A pool without labels or without a data set is for all.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from emolightning.errors import UserError

TASKS = ("emotion", "sentiment", "intent", "multi-label", "audio", "image", "video", "reason", "think", "think-multi")
"""Upstream's task tags."""

STAGES = {"train_stage2": "stage2", "upstream_eval": "eval", "upstream_eval_mer": "eval"}
"""Layout -> whose sentences are asked; those of stage 1 with the others."""

MER2023 = ("happy", "sad", "neutral", "angry", "worried", "surprise")


@cache
def pools() -> Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]:
    """Stage -> task -> pools."""
    return json.loads((Path(__file__).parent / "pools.json").read_text(encoding="utf-8"))


def instruction_pool(
    task: str, labels: Sequence[str], *, layout: str = "train", data: str | None = None
) -> tuple[str, ...]:
    """The sentences of a task: those that upstream asks about these labels, else MER2023's with these labels.

    Args:
        task: one of TASKS.
        labels: those that are offered.
        layout: of the sequence; upstream asks other things in its second stage and in evaluations.
        data: upstream's data set, where several offer the same labels; None takes the first.

    >>> instruction_pool("emotion", ["sad", "happy"])[1]
    'Identify the displayed emotion in the video: is it sad, or happy?'

    Raises:
        UserError: upstream does not ask that of these labels.
    """
    stage = STAGES.get(layout, "stage1")
    known = [pool for pool in pools()[stage].get(task, ()) if data in (None, pool["data"]) or not pool["data"]]
    wanted = {label.lower() for label in labels}
    for pool in sorted(known, key=lambda pool: not pool["data"]):  # Those for all come last.
        is_for_all = not pool["labels"] and (data is not None or not pool["data"])
        if is_for_all or (pool["labels"] and {*pool["labels"]} == wanted):
            return tuple(pool["sentences"])
    if task == "emotion" and data is None:
        (own,) = (pool for pool in pools()[stage][task] if (pool["data"], pool["pool"]) == GENERAL)
        return tuple(_with_labels(text, labels) for text in own["sentences"])
    offered = sorted({", ".join(pool["labels"]) for pool in known})
    said = f"only about: {'; '.join(offered)}" if offered else f"in none of {stage}'s data sets"
    raise UserError(f"prompt.task: Emotion-LLaMA-v2 asks {task!r} with prompt.layout={layout} {said}")


GENERAL = ("mer2023", "emotion_instruction_pool")
"""The pool whose labels can be exchanged for others."""


def _with_labels(sentence: str, labels: Sequence[str]) -> str:
    """A sentence of MER2023's with other labels, in their own order; in the sorted one where upstream sorts."""
    one = "|".join(MER2023)
    found = re.search(rf"(?:{one})(?:, (?:or )?(?:{one}))+", sentence)
    if found is None:
        raise ValueError(f"Expected a sentence with labels, but got {sentence!r}.")
    is_sorted = re.split(r", (?:or )?", found[0]) == sorted(MER2023)
    own = sorted(labels) if is_sorted else list(labels)
    last = f"or {own[-1]}" if ", or " in found[0] and len(own) > 1 else own[-1]
    return sentence[: found.start()] + ", ".join([*own[:-1], last]) + sentence[found.end() :]
