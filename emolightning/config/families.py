"""The model families, found by their folders: the check of a configuration asks them what their inputs are called.

Rooms below `models` know a family only through what they are given; this one finds it by name, as it finds the class
that `_target_` names. A family's module imports nothing heavy.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from emolightning.config.places import PACKAGE
from emolightning.errors import UserError
from emolightning.records.inputs import Inputs, active_inputs

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


def require_run(model: Any, checkpoint: str | None) -> None:
    """Most weights come from a run, and a model that runs elsewhere has none.

    Raises:
        UserError: one of them is not so.
    """
    weights = family_of(model).weights
    if weights == "run" and checkpoint is None:
        raise UserError(
            "checkpoint is required: say checkpoint=RUN, the folder of a trained run; its model comes with it"
        )
    if weights == "elsewhere" and checkpoint is not None:
        raise UserError("checkpoint and model=chat/server exclude each other: a model on a server has no weights here")


def require_trainable(model: Any) -> None:
    """Refuse to train what runs elsewhere.

    Raises:
        UserError: says what to do instead.
    """
    if family_of(model).weights == "elsewhere":
        raise UserError(
            "model=chat/server: a model on a server cannot be trained from here; ask it with `emolightning eval "
            "model=chat/server ...`, or train another model=..."
        )


def trained_parts(cfg: DictConfig) -> Mapping[str, str] | None:
    """Part of the model -> how it trains; None where other settings are wrong, which others name."""
    try:
        model: Any = OmegaConf.to_container(cfg.model, resolve=True)
        switches: Any = OmegaConf.to_container(cfg.inputs)
        family = family_of(cfg.model)
        inputs = active_inputs(family.takes(model), list(cfg.modalities), switches)
        return family.trained(model, tuple(inputs))
    except (OmegaConfBaseException, UserError, AttributeError, TypeError):
        return None


@cache
def all_inputs() -> Inputs:
    """The inputs of all families by name."""
    return {name: about for family in families().values() for name, about in family.inputs.items()}
