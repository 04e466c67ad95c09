"""Settings that are dicts: their keys are the user's, so the command line may name new ones without a `+`."""

import re
from collections.abc import Sequence
from typing import Any, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf

from emolightning.config.definitions import MissingTarget, last_name
from emolightning.config.errors import CONFIG_ERRORS, Launch
from emolightning.config.signatures import Argument, alternatives, read_signature
from emolightning.config.sources import override_key

DICTS = ("dict", "Dict", "Mapping", "MutableMapping")


def new_keys(error: Exception, launch: Launch) -> set[str]:
    """The overrides that need a `++` because they may be new to a dict, after Hydra has refused one as unknown."""
    if not re.match("Could not override", str(error)):
        return set()
    cfg = _composed(launch)
    return set() if cfg is None else {word for word in launch.overrides if _is_in_dict(word, cfg)}


def _composed(launch: Launch) -> DictConfig | None:
    """What the chosen groups alone give."""
    groups = set(launch.groups())
    chosen = [word for word in launch.overrides if override_key(word).partition("/")[0] in groups and "=" in word]
    try:
        return launch.compose(chosen)
    except CONFIG_ERRORS:
        return None


def _is_in_dict(word: str, cfg: DictConfig) -> bool:
    """Whether an override changes a dict, or a key of one."""
    if word.startswith(("+", "~")) or "=" not in word:
        return False
    node: Any = cfg
    for name in override_key(word).split("."):
        if not isinstance(node, DictConfig) or name not in node or OmegaConf.is_missing(node, name):
            return False
        value = node[name] if not OmegaConf.is_interpolation(node, name) else None
        if _declares_dict(node, name) and not (isinstance(value, DictConfig) and "_target_" in value):
            return True
        node = value
    return False


def _declares_dict(node: DictConfig, name: str) -> bool:
    """Whether our own setting, or the argument of the object that the node describes, is a dict."""
    schema = OmegaConf.get_type(node)
    if schema is not dict and name in (hints := get_type_hints(schema)):
        return get_origin(hints[name]) is dict
    target = node.get("_target_")
    try:
        signature = read_signature(target) if isinstance(target, str) else None
    except MissingTarget:
        return False
    return signature is not None and name in signature.arguments and is_dict(signature.arguments[name])


def is_dict(argument: Argument) -> bool:
    """Whether an argument is annotated as a dict, possibly None, and as nothing else."""
    kinds: Sequence[str] = [last_name(part) for part in alternatives(argument.annotation)]
    return bool(kinds) and set(kinds) <= {*DICTS, "None", ""} and bool(set(kinds) & set(DICTS))
