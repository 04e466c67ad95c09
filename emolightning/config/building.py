"""Objects of a configuration, built in one place: what may be named is checked, what a library refuses is explained."""

import itertools
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.config.check import unknown_arguments
from emolightning.config.known_targets import allowed_classes, foreign_objects, not_plain
from emolightning.config.places import PACKAGE, ROOT
from emolightning.config.sources import Sources
from emolightning.errors import InputErrors, UserError

OUR_FOLDERS = (PACKAGE, ROOT / "callbacks", ROOT / "speed")
"""Code whose exceptions are ours to mend, traceback included."""

REFUSALS = ("ValueError", "MisconfigurationException", "UsageError", "ImportError", "StrictDataclassError")
"""Exceptions by which libraries refuse what they are given; by name, since some are defined beside torch."""

LIGHTNING = ("pytorch_lightning", "lightning_fabric")
"""Packages that look at some settings of a trainer only when it runs."""

NO_REFUSALS = ("OutOfMemoryError",)
"""What a constructor may raise whatever its settings are."""

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
    for name in objects:
        if isinstance(plain, Mapping) and name in plain:
            raise UserError(f"{key}.{name}: is filled in by the program; leave it out")
    try:
        return instantiate(plain, _convert_="all", **objects)
    except InstantiationException as error:
        cause, nested = _innermost(error)
        if isinstance(cause, UserError):
            raise cause from None
        if not is_refusal(cause):
            raise
        place = f"{key}.{nested}" if nested else key
        raise UserError(f"{place}: {_named(plain, nested)} refuses its settings: {sentence_of(cause)}") from error


@contextmanager
def explained_refusals(key: str, *libraries: str) -> Iterator[None]:
    """Inside, what a library refuses when its object is used, not when it is built, is a UserError as well.

    Args:
        key: of the object's settings, e.g. `optimizer`.
        *libraries: in a run, packages whose refusals are meant, e.g. `pytorch_lightning`; none where an object is made.

    Raises:
        UserError: a library refuses a setting.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not is_refusal(error, libraries):
            raise
        raise UserError(f"{key}: {sentence_of(error)}") from error


def require_allowed(plain: Any, key: str) -> None:
    """Refuse a node that names what may not be built, looking at the very values that are built from.

    Args:
        plain: the node as plain values, interpolations resolved.
        key: where it is in the configuration.

    Raises:
        InputErrors: classes that nobody allowed, arguments that a class does not have, values that are not plain.
    """
    sources = Sources.from_hydra()
    problems = foreign_objects(plain, key, allowed_classes(sources.overrides if sources else ())) or [
        *unknown_arguments(plain, key),
        *not_plain(plain, key),
    ]
    if problems:
        raise InputErrors("configuration", [str(problem) for problem in problems])


def is_refusal(error: BaseException, libraries: Sequence[str] = ()) -> bool:
    """Whether a library refuses what it was given.

    Any exception of a constructor that our code does not call itself; below our own code, and in a run, only one that
    is made to refuse a value, for everything else may be a mistake of ours and keeps its traceback.

    Args:
        error: as caught.
        libraries: in a run, the packages that may refuse; none where an object is made.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    frames = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    called = list(itertools.dropwhile(_is_ours, frames))  # Without the frames that lead to where it was caught.
    if not called or _is_ours(called[-1]) or kinds & set(NO_REFUSALS):
        return False
    is_below_ours, is_made_for_it = any(map(_is_ours, called)), bool(kinds & set(REFUSALS))
    is_made_for_it |= type(error) is RuntimeError and bool(libraries)  # Lightning says so, too; torch's have own types.
    if libraries:
        return not is_below_ours and is_made_for_it and bool(set(libraries) & set(called[-1].parts))
    return not is_below_ours or is_made_for_it


def _is_ours(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in OUR_FOLDERS)


def sentence_of(error: BaseException) -> str:
    """What an exception says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _innermost(error: InstantiationException) -> tuple[BaseException, str]:
    """What the constructor raised, and the key below the node where that was."""
    cause: BaseException = error
    nested = ""
    while isinstance(cause, InstantiationException):
        nested = (_NESTED.findall(str(cause)) or [nested])[-1]
        if cause.__cause__ is None:
            break
        cause = cause.__cause__
    return cause, nested


def _named(plain: Any, nested: str) -> str:
    node = plain
    for part in filter(None, nested.split(".")):
        node = node.get(part) if isinstance(node, Mapping) else None
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return str(target) if target else "it"
