"""The model card of an adapter folder: what it is, what it needs, and whether it can be of use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

RANDOM_BASE = "random base weights: a demonstration, not a usable model"
"""Said of every run whose language model was drawn instead of loaded."""


def has_random_base(model: Mapping[str, Any]) -> bool:
    """Whether settings of a model name no folder for its language model."""
    language = model.get("language")
    return isinstance(language, Mapping) and language.get("path") is None


def model_card(description: Mapping[str, Any]) -> str:
    """Markdown from what `emolightning.json` says; lines about what it does not say are left out.

    Args:
        description: settings of the model, inputs, labels ...
    """
    model = description.get("model") or {}
    lines = ["# Adapter of EmoLightning", ""]
    if has_random_base(model):
        lines += [f"**{RANDOM_BASE[0].upper()}{RANDOM_BASE[1:]}.** Its answers say nothing about real emotion.", ""]
    elif language := model.get("language"):
        lines += [f"Base: `{Path(str(language.get('path'))).name}`. The weights here are of no use without it.", ""]
    for title, key in (("Inputs", "inputs"), ("Labels", "labels"), ("The question offers", "offered")):
        if description.get(key):
            lines += [f"{title}: {', '.join(description[key])}", ""]
    lines.append("Evaluate with `python eval.py checkpoint=FOLDER data=...`; `emolightning.json` has all settings.")
    return "\n".join(lines) + "\n"
