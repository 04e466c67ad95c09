"""The whole configuration against our settings and the signatures of the objects it names, before anything is built."""

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from emolightning.config.corpora import SETTING, SEVERAL, is_one
from emolightning.config.definitions import MissingTarget
from emolightning.config.known_targets import allowed_classes, foreign_objects, objects
from emolightning.config.places import said_of_others
from emolightning.config.problems import Problem, closest, not_one_of, suggestion
from emolightning.config.shared_keys import signature_of
from emolightning.config.signatures import UNKNOWN, Argument, Signature
from emolightning.config.sources import Sources
from emolightning.config.values import CHOICES, check_settings
from emolightning.errors import InputErrors, quoted_override

HYDRA_KEYS = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
MISSING_VALUE = "???"
YAML_WORDS = {"bool": ("true", "false"), "None": ("null",)}
"""Type -> its values as YAML writes them."""

NOT_FOUND = r"Interpolation key '([^']+)' not found"


class ConfigError(InputErrors):
    """Everything that is wrong with a configuration."""


def check_config(cfg: DictConfig, found: Iterable[Problem] = (), *, sources: Sources | None = None) -> None:
    """Refuse a configuration that no run can use, with all that is wrong with it.

    Args:
        cfg: as composed by Hydra; without its `hydra` node.
        found: problems that a command found by itself, to be listed with the others.
        sources: what it was composed of, to name files; taken from the running Hydra application if not given.

    Raises:
        ConfigError: values, keys, arguments of objects, required values, interpolations.
    """
    sources = sources or Sources.from_hydra()
    problems = list(dict.fromkeys([*find_problems(cfg, sources.overrides if sources else ()), *found]))
    if problems:
        raise ConfigError("configuration", [locate_problem(problem, sources) for problem in problems])


def find_problems(cfg: DictConfig, words: Iterable[str] = ()) -> list[Problem]:
    """Everything that is wrong with a configuration, none of it built.

    Args:
        cfg: as in `check_config`.
        words: the command line, which may name classes of the user's own.
    """
    if OmegaConf.is_missing(cfg, "checkpoint"):  # the rest comes from the checkpoint's run
        return [_required("checkpoint")]
    problems: list[Problem] = []
    plain = _plain(cfg, "", problems)
    problems = [_suggest_reference(problem, plain) for problem in problems]
    problems += check_settings(cfg)
    problems += [_required(key) for key, value in _leaves(plain, "") if value == MISSING_VALUE]
    foreign = foreign_objects(plain, "", allowed_classes(words))
    if foreign:  # Nothing of it is even imported.
        return foreign + problems
    unread = []
    told = {problem.key for problem in problems}
    for key, node in objects(plain, ""):
        signature = _read(node["_target_"], key, problems)
        if isinstance(signature, Signature):
            found = _check_object(key, node, signature)
            problems += [problem for problem in found if problem.key not in told]  # Ours say more than a type.
        elif signature is None:
            unread.append((key, node))
    if problems:  # Importing takes seconds, so what needs it waits until nothing else is wrong.
        return problems
    for key, node in unread:
        signature = _import_signature(node["_target_"], key, problems)
        if isinstance(signature, Signature):
            problems += _check_object(key, node, signature)
    return problems


def locate_problem(problem: Problem, sources: Sources | None) -> str:
    """One line: what, and in which file or whether on the command line."""
    place = sources.locate(problem.key) if sources else ""
    return f"{problem}{f' ({place})' if place else ''}"


def _required(key: str) -> Problem:
    return Problem(key, f"is required: say {key}=...")


def _plain(node: Any, prefix: str, problems: list[Problem]) -> Any:
    """The configuration as dicts, lists and resolved values; what cannot be resolved becomes a problem."""
    if isinstance(node, ListConfig):
        return [_item(node, index, f"{prefix}{index}", problems) for index in range(len(node))]
    if isinstance(node, DictConfig):
        return {str(key): _item(node, key, prefix + str(key), problems) for key in node}
    return node


def _item(node: DictConfig | ListConfig, key: Any, path: str, problems: list[Problem]) -> Any:
    if OmegaConf.is_missing(node, key):
        return MISSING_VALUE
    try:
        value = node[key]
        if OmegaConf.is_interpolation(node, key) and isinstance(value, DictConfig) and "_target_" in value:
            return UNKNOWN  # an object is checked at its own place
        return _plain(value, f"{path}.", problems)
    except InterpolationToMissingValueError:
        return UNKNOWN  # reported where it is missing
    except OmegaConfBaseException as error:
        written: Any = OmegaConf.to_container(node, resolve=False)
        sought = re.search(NOT_FOUND, str(error))
        if sought is None or sought[1] in str(written[key]):  # else it depends on the culprit, which is reported itself
            problems.append(Problem(path, f"{written[key]} cannot be resolved: {str(error).splitlines()[0]}"))
        return UNKNOWN


def _suggest_reference(problem: Problem, plain: dict[str, Any]) -> Problem:
    """The key that an interpolation to nowhere probably meant."""
    sought = re.search(NOT_FOUND, problem.message)
    near = closest(sought[1], (key for key, _ in _leaves(plain, ""))) if sought else None
    return Problem(problem.key, f"{problem.message}; did you mean {near}?") if near else problem


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read(target: Any, key: str, problems: list[Problem]) -> Signature | bool | None:
    """The signature; None if only importing can tell; False if a problem was reported instead."""
    if not isinstance(target, str) or target == MISSING_VALUE:
        return False
    try:
        return signature_of(key, target)
    except MissingTarget as error:
        near = closest(error.name, error.options)
        hint = f"; did you mean {near}?" if near else ""
        problems.append(Problem(f"{key}._target_", f"cannot find {target}: {error}{hint}"))
        return False


def _import_signature(target: str, key: str, problems: list[Problem]) -> Signature | bool:
    """Import the target to read its signature, for compiled and lazily built modules."""
    try:
        given = inspect.signature(_import_object(target)).parameters.values()
    except ImportError as error:
        problems.append(Problem(f"{key}._target_", f"cannot import {target}: {error}"))
        return False
    except (ValueError, TypeError):  # builtins that do not say what they take
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = {item.name: Argument() for item in given if item.kind not in kinds}
    return Signature(names, any(item.kind is inspect.Parameter.VAR_KEYWORD for item in given))


def _import_object(target: str) -> Any:
    """The longest importable prefix, then attributes."""
    parts = target.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise  # the module is there, something that it needs is not
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                raise ImportError(f"no {part} in {name}")
            found = getattr(found, part)
        return found
    raise ImportError(f"no module {parts[0]!r}")


def unknown_arguments(node: Any, key: str) -> list[Problem]:
    """Arguments that the classes in a node do not have, as far as their source tells.

    Args:
        node: plain values.
        key: where it is in the configuration.
    """
    problems: list[Problem] = []
    for place, target in objects(node, key):
        signature = _read(target["_target_"], place, problems)
        if isinstance(signature, Signature):
            problems += _check_names(place, target, signature)
    return problems


def _check_object(key: str, node: Mapping[str, Any], signature: Signature) -> list[Problem]:
    problems = _check_names(key, node, signature)
    for name, argument in signature.arguments.items():
        problems += _check_value(f"{key}.{name}", node[name], argument) if name in node else []
    return problems


def _check_names(key: str, node: Mapping[str, Any], signature: Signature) -> list[Problem]:
    unknown = [name for name in node if name not in (*HYDRA_KEYS, *signature.arguments) and not signature.takes_any]
    return [
        Problem(
            f"{key}.{name}",
            f"{node['_target_']} has no such argument; {said_elsewhere(key, name, node) or _nearest(name, signature)}",
        )
        for name in unknown
    ]


def said_elsewhere(key: str, name: str, node: Mapping[str, Any]) -> str:
    """Where a setting belongs that the object of a node does not have; nothing where no other one has it.

    Args:
        key: of the node.
        name: of the setting, inside of it.
        node: with its `_target_`.
    """
    others = said_of_others("data" if is_one(key) else key, str(name))
    is_for_one = others and node["_target_"] == SEVERAL
    return f"it is said of one of them: {SETTING}.NAME.{name}=..." if is_for_one else others


def _nearest(name: str, signature: Signature) -> str:
    return suggestion(name, [*signature.arguments, *(HYDRA_KEYS if str(name).startswith("_") else ())])


def _check_value(key: str, value: Any, argument: Argument) -> list[Problem]:
    if argument.accepts(value) or key in CHOICES:  # Those are checked with our own settings.
        return []
    allowed = [str(item) for item in argument.literals()]
    if allowed:
        return [Problem(key, not_one_of(value, allowed))]
    texts = _as_texts(value)
    hint = f"; as text: {quoted_override(key, texts)}" if argument.accepts(texts) else ""
    if isinstance(value, str) and argument.accepts([value]):
        hint = f"; as a list: {quoted_override(key, [value])}"
    return [Problem(key, f"must be {_in_yaml(argument)}, not {'null' if value is None else repr(value)}{hint}")]


def _in_yaml(argument: Argument) -> str:
    """Its types by the words that a YAML file has for them, e.g. `true, false or null`."""
    parts = [word for part in argument.types() for word in YAML_WORDS.get(part, (part,))]
    words = [re.sub(r"^(Sequence|Collection|Iterable)\[", "list[", part) for part in parts]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _as_texts(value: Any) -> Any:
    """What was written, where YAML or Hydra has made numbers or truth values of it."""
    if isinstance(value, list):
        return [_as_texts(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_texts(item) for name, item in value.items()}
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value
