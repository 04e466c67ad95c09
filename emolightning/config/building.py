"""Objects of a configuration, built in one place: what may be named is checked, what a library refuses is explained."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.config.check import unknown_arguments
from emolightning.config.known_targets import allowed_classes, foreign_objects, not_plain
from emolightning.errors import InputErrors, UserError

OUR_FOLDERS = tuple(Path(__file__).resolve().parents[2] / name for name in ("emolightning", "callbacks", "benchmarks"))
"""Code whose exceptions are ours to mend, traceback included."""

REFUSALS = ("ValueError", "TypeError", "MisconfigurationException", "ImportError", "UsageError")
"""Exceptions of a library that mean a setting; by name, since some are defined beside torch."""

_NESTED = re.compile(r"^full_key: (\S+)$", flags=re.MULTILINE)


def build(node: Any, key: str, **objects: Any) -> Any:
    """The object that a node of the configuration describes, with all that is nested in it.

    Args:
        node: a node with `_target_`, as a config or as plain values; None is built as None.
        key: where it is in the configuration, e.g. `trainer`.
        **objects: arguments that are no settings.

    Raises:
        UserError: it names what may not be built, or a library refuses one of its values.
    """
    plain = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig | ListConfig) else node
    require_allowed(plain, key)
    try:
        return instantiate(plain, _convert_="all", **objects)
    except InstantiationException as error:
        cause, nested = _innermost(error)
        place = f"{key}.{nested}" if nested else key
        if isinstance(cause, UserError):
            raise cause from None
        if not is_refusal(cause):
            raise
        raise UserError(f"{place}: {_named(plain, nested)} refuses its settings: {sentence_of(cause)}") from error


def require_allowed(plain: Any, key: str) -> None:
    """Refuse a node that names what may not be built, looking at the very values that are built from.

    Args:
        plain: the node as plain values, interpolations resolved.
        key: where it is in the configuration.

    Raises:
        InputErrors: classes that nobody allowed, arguments that a class does not have, values that are not plain.
    """
    words = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
    problems = foreign_objects(plain, key, allowed_classes(words)) or [
        *unknown_arguments(plain, key),
        *not_plain(plain, key),
    ]
    if problems:
        raise InputErrors("configuration", [str(problem) for problem in problems])


def is_refusal(error: BaseException) -> bool:
    """Whether a library refuses what it was given: its own exception for that, not raised by our code."""
    if not {kind.__name__ for kind in type(error).__mro__} & set(REFUSALS):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    raised_in = Path(trace.tb_frame.f_code.co_filename)
    return not any(raised_in.is_relative_to(folder) for folder in OUR_FOLDERS)


def sentence_of(error: BaseException) -> str:
    """What an exception says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _innermost(error: InstantiationException) -> tuple[BaseException, str]:
    """What the constructor raised, and the key below the node where that was."""
    nested, cause = "", error.__cause__ or error
    found = _NESTED.findall(str(error))
    nested = found[-1] if found else ""
    while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
        nested = (_NESTED.findall(str(cause)) or [nested])[-1]
        cause = cause.__cause__
    return cause, nested


def _named(plain: Any, nested: str) -> str:
    node = plain
    for part in filter(None, nested.split(".")):
        node = node.get(part) if isinstance(node, Mapping) else None
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return str(target) if target else "it"
