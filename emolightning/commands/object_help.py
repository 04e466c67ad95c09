"""The arguments of the objects that a command line chooses, for `--help`: type, value and description."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from emolightning.config.check import HYDRA_KEYS, objects
from emolightning.config.definitions import MissingTarget
from emolightning.config.documentation import first_sentence
from emolightning.config.shared_keys import docs_of, signature_of
from emolightning.config.signatures import Argument, Signature
from emolightning.config.values import CHOICES

OURS = ("emolightning", "callbacks")
FILLED_IN = {"trainer": ("logger", "callbacks", "plugins", "default_root_dir"), "optimizer": ("params",)}
"""Arguments of libraries' objects that the program gives them."""

LONGEST = 110
"""Characters of a library's description."""


def object_lines(cfg: DictConfig) -> Iterator[str]:
    """A line for each object of a composed configuration, and one for each of its arguments.

    Objects of this project have all that can be set in their YAML files; those of libraries take more, with a `+`.
    """
    written: Any = OmegaConf.to_container(cfg, resolve=False)
    ours = {name: node for name, node in written.items() if name != "hydra"}
    for key, node in objects(ours, ""):
        signature, docs = _signature(key, node["_target_"]), docs_of(key, node["_target_"])
        yield f"{key}: {node['_target_']}"
        for name in _names(key, node, signature):
            argument = signature.arguments.get(name, Argument())
            kinds, text = _kinds(f"{key}.{name}", argument), docs.get(name, "")
            about = f"{f'({kinds}) ' if kinds else ''}{text if _is_ours(node) else _cut(text)}"
            for word in (
                _words(cfg, f"{key}.{name}", node.get(name))
                if name in node
                else [f"+{key}.{name}={_default(argument)}"]
            ):
                yield f"  {word:<42} {about}".rstrip()
                about = ""


def _signature(key: str, target: Any) -> Signature:
    try:
        return (signature_of(key, target) if isinstance(target, str) else None) or Signature({})
    except MissingTarget:  # The check of a run says so.
        return Signature({})


def _names(key: str, node: Mapping[str, Any], signature: Signature) -> list[str]:
    """Arguments that are values, those of the YAML file first."""
    own = [name for name, value in node.items() if name not in HYDRA_KEYS and not _is_object(value)]
    filled_in = FILLED_IN.get(key, ())
    return own + [name for name in signature.arguments if name not in (*node, *filled_in) and not _is_ours(node)]


def _is_ours(node: Mapping[str, Any]) -> bool:
    return str(node["_target_"]).partition(".")[0] in OURS


def _words(cfg: DictConfig, key: str, value: Any) -> list[str]:
    """A setting with its value; of a dict one for each of its keys."""
    if isinstance(value, Mapping) and value:
        return [word for name, item in value.items() for word in _words(cfg, f"{key}.{name}", item)]
    return [f"{key}={_value(cfg, key)}"]


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _value(cfg: DictConfig, key: str) -> str:
    try:
        value = OmegaConf.select(cfg, key, throw_on_missing=False)
    except OmegaConfBaseException:  # Depends on what is missing.
        value = "???"
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if value is None and OmegaConf.is_missing(OmegaConf.select(cfg, key.rpartition(".")[0]), key.rpartition(".")[2]):
        return "???"
    return shown(value)


def shown(value: Any) -> str:
    """A value as one would type it."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}: {shown(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown, value))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _default(argument: Argument) -> str:
    if argument.default is None:
        return "..."
    return shown(
        argument.default.value if isinstance(argument.default, ast.Constant) else ast.unparse(argument.default)
    )


def _kinds(key: str, argument: Argument) -> str:
    """The annotation in short: allowed words, or types without their modules."""
    words = list(dict.fromkeys(map(str, CHOICES.get(key, argument.literals()))))
    words += ["true", "false"] if words and "bool" in str(argument) else []
    if words and len(words) <= 8:
        return " | ".join(words)
    text = str(argument) if argument.annotation else ""
    text = re.sub(r"^Optional\[(.*)\]$", r"\1 | None", text)
    text = re.sub(r"Union\[(.*)\]", lambda match: _joined(match[1]), text)
    return re.sub(r"\b[\w]+\.(?=\w)", "", text).replace("'", "")


def _joined(inside: str) -> str:
    """`int, dict[str, int]` -> `int | dict[str, int]`."""
    parts, depth = [""], 0
    for letter in inside:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return " | ".join(part.strip() for part in parts)


def _cut(text: str) -> str:
    said = first_sentence(text)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3].rsplit(' ', 1)[0]} ..."
