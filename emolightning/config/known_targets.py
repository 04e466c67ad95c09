"""Which classes a configuration may have built: those that `configs/` names under the same key, and no others.

Hydra calls whatever `_target_` names. In a run folder, an adapter folder, or a YAML file that somebody shared
that would be their code, run here. A class of one's own is allowed by an act that nobody else can do: its file lies in
`configs/` or in a folder of EMOLIGHTNING_CONFIGS, or `KEY._target_=CLASS` is typed on the command line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from emolightning.config.corpora import is_one
from emolightning.config.foreign_files import trusted_folders
from emolightning.config.problems import Problem
from emolightning.config.sources import override_key, package_of
from emolightning.files.documents import read_plain_yaml

TARGET = "_target_"
ANY = "*"
DIRECTIONS = ("_args_", "_convert_", "_partial_", "_recursive_")
"""Hydra's other words. Positional arguments have no names to check, and what is built later is not checked here."""

PARTIAL = "optimizer"
"""The one object that gets its parameters later."""

_PLACED = re.compile(r"^\s*-\s*(?:override\s+)?/?(\w+)@(?:_global_\.)?(\w+):", flags=re.MULTILINE)
"""`- data@against: null`: what the group `data` offers may be at `against`, too."""

_REFERRED = re.compile(r"^(\w+):\s*\$\{(\w+)\}\s*$", flags=re.MULTILINE)
"""`judge: ${judge}`: what the group `judge` offers becomes a part of this one."""

Classes = Mapping[str, set[str]]
"""Key of an object, e.g. `model.vision`, or `callbacks.*` where the names are free -> dotted names of classes."""


@cache
def _known_classes(folder: Path) -> Classes:
    return known_classes(folder)


def allowed_classes(words: Iterable[str]) -> list[Classes]:
    """What the trusted folders name, and the user's own command line."""
    return [*map(_known_classes, trusted_folders()), typed_classes(words)]


def known_classes(folder: Path) -> Classes:
    """Classes that the files of a folder of configurations name, by the key that each is built for."""
    named: dict[str, set[str]] = {}
    more: list[tuple[str, str]] = []
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        group = ".".join(path.relative_to(folder).parent.parts)
        key = package_of(path, group)
        more += [(place, other) for other, place in _PLACED.findall(text)]
        more += [(f"{key}.{name}", other) for name, other in _REFERRED.findall(text)]
        if TARGET in text:
            for place, node in objects(read_plain_yaml(path), key):
                named.setdefault(place, set()).add(str(node[TARGET]))
                if place.count(".") == 1 and key == group:  # `callbacks/train.yaml` has one for each name.
                    named.setdefault(f"{key}.{ANY}", set()).add(str(node[TARGET]))
    for key in [key for key in named if key.endswith(f".{ANY}") and key.removesuffix(f".{ANY}") in named]:
        del named[key]  # The group is an object itself, whose parts have names of their own.
    for key, other in more:
        named.setdefault(key, set()).update(named.get(other, ()))
    return named


def typed_classes(words: Iterable[str]) -> Classes:
    """The classes that a command line names itself, by key."""
    typed: dict[str, set[str]] = {}
    for word in words:
        if TARGET not in word or "=" not in word:
            continue
        try:
            value: Any = OverridesParser.create().parse_overrides([word])[0].value()
        except HydraException:
            continue  # Hydra refuses it as well.
        key = override_key(word)
        if key.endswith(f".{TARGET}"):
            key, value = key.removesuffix(f".{TARGET}"), {TARGET: value}
        for place, node in objects(value, key):
            typed.setdefault(place, set()).add(str(node[TARGET]))
    return typed


def foreign_objects(node: Any, key: str, allowed: Iterable[Classes]) -> list[Problem]:
    """What may not be built of a node of a configuration: classes that nobody allowed, and Hydra's ways around them.

    Args:
        node: plain values.
        key: where it is; an empty one is the whole configuration.
        allowed: results of `allowed_classes`.
    """
    problems, classes = [], list(allowed)
    for place, target in objects(node, key):
        first, _, rest = ("data" if is_one(place) else place).partition(".")
        free = f"{first}.{ANY}{''.join(rest.partition('.')[1:])}"
        name = target[TARGET]
        places = (place, free, first) if is_one(place) else (place, free)
        if not isinstance(name, str) or not any(name in known.get(at, ()) for known in classes for at in places):
            problems.append(Problem(f"{place}.{TARGET}", f"{name!r} {_remedy(first, place)}"))
        wrong = [word for word in DIRECTIONS if word in target and not (word == "_partial_" and place == PARTIAL)]
        problems += [Problem(f"{place}.{word}", "is not for configurations; leave it out") for word in wrong]
    return problems


def not_plain(node: Any, key: str) -> list[Problem]:
    """Values that are no numbers or texts, and texts that would be computed once more when they are built from."""
    if isinstance(node, Mapping):
        return [problem for name, value in node.items() for problem in not_plain(value, f"{key}.{name}")]
    if isinstance(node, list | tuple):
        return [problem for number, value in enumerate(node) for problem in not_plain(value, f"{key}.{number}")]
    if isinstance(node, str) and "${" in node:
        return [Problem(key, f"{node!r} must not hold ${{ once it is resolved")]
    return [] if node is None or isinstance(node, str | int | float) else [Problem(key, f"must be plain, not {node!r}")]


def _remedy(first: str, place: str) -> str:
    return (
        f"is no class that configs/ names for {place}, so nothing was built. Do not use a file from elsewhere that "
        f"asks for it; a class of your own needs its YAML file in configs/{first}/, or {place}.{TARGET}=CLASS typed "
        "on the command line"
    )


def objects(node: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each node with a `_target_`, outermost first, and its dotted key."""
    if isinstance(node, Mapping) and TARGET in node:
        yield key, node
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list | tuple) else ()
    for name, value in items:
        yield from objects(value, f"{key}.{name}" if key else str(name))
