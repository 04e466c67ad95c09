"""The model families, found by their folders: the check of a configuration asks them what their inputs are called.

Rooms below `models` know a family only through what they are given; this one finds it by name, as it finds the class
that `_target_` names. A family's module imports nothing heavy.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from emolightning.config.places import PACKAGE
from emolightning.records.inputs import Inputs

MODELS = "emolightning.models"

DEFAULT = "emotion_llama"
"""The family of a class that is in no family's folder."""


@cache
def families() -> Mapping[str, Any]:
    """Folder of `models/` -> its `emolightning.models.family.Family`."""
    names = sorted(path.parent.name for path in (PACKAGE / "models").glob("*/family.py"))
    return {name: import_module(f"{MODELS}.{name}.family").FAMILY for name in names}


def family_of(model: Any) -> Any:
    """The family whose folder the class of a model group is in.

    Args:
        model: the group, as a config or as plain values; one that is no family's is taken for Emotion-LLaMA's.
    """
    target = model.get("_target_") if isinstance(model, Mapping) or hasattr(model, "get") else None
    folder = str(target).removeprefix(f"{MODELS}.").partition(".")[0]
    return families().get(folder) or families()[DEFAULT]


@cache
def all_inputs() -> Inputs:
    """The inputs of all families by name."""
    return {name: about for family in families().values() for name, about in family.inputs.items()}
