"""What `--help` prints: the command, our settings and the options of every group, read where they are declared."""

import ast
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.config.definitions import Definition, MissingTarget, find_definition, parent_class
from emolightning.config.schema import SCHEMAS
from emolightning.config.sources import read_yaml

FLAGS = """
--help                this text
--cfg job [--resolve] print the composed configuration and stop
--info defaults       which files it is composed of, in which order
""".strip()
"""Hydra's own, as far as a user needs them."""


def help_text(main: Callable[..., Any], config_name: str, folder: Path, command: str, words: Sequence[str] = ()) -> str:
    """The help of one command.

    Args:
        main: its function; its module's docstring, or else its own, says what it does and gives examples.
        config_name: the primary config, `train` or `eval`.
        folder: `configs/`.
        command: how the command is called, e.g. `python train.py`.
        words: the command line; the keys of options that it chooses are shown as well.
    """
    function = main.func if isinstance(main, partial) else main
    about = sys.modules[function.__module__].__doc__ or inspect.getdoc(function) or ""
    defaults = read_yaml(folder / f"{config_name}.yaml").get("defaults") or []
    (schema,) = [SCHEMAS[entry] for entry in defaults if isinstance(entry, str) and entry in SCHEMAS]
    chosen = {key: value for entry in defaults if isinstance(entry, dict) for key, value in entry.items()}
    parts = [
        f"usage: {command} [group=option ...] [key=value ...]",
        textwrap.dedent(about).strip(),
        "Settings (key=default)\n" + _indented(_setting_lines(schema())),
        "Groups (group=option, * is the default)\n" + _indented(_group_lines(folder, chosen)) if chosen else "",
        *_keys_of_options(folder, chosen, words),
        "Keys of a chosen option are set in the same way: data.batch_size=4; one that it lacks is added: +key=value. "
        "`data=custom --help` shows those of data=custom."
        if chosen
        else "",
        "Flags\n" + _indented(line for line in FLAGS.splitlines()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _indented(lines: Iterator[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _setting_lines(defaults: Any, prefix: str = "") -> Iterator[str]:
    """One line a setting of a schema's instance, with the docstring that follows the field."""
    own_first = [name for schema in type(defaults).__mro__[:-1] for name in schema.__dict__["__annotations__"]]
    docs = {name: doc for schema in type(defaults).__mro__[:-1] for name, doc in _field_docs(schema).items()}
    for name in own_first:
        value = getattr(defaults, name)
        if is_dataclass(value):
            yield from _setting_lines(value, f"{prefix}{name}.")
        elif type(defaults).__dataclass_fields__[name].type is not Any:  # those are the groups
            yield f"{f'{prefix}{name}={_shown(value)}':<44} {docs[name]}"


def _field_docs(schema: type) -> dict[str, str]:
    (node,) = ast.parse(inspect.getsource(schema)).body
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {
        ast.unparse(item.target): str(following.value.value)
        for item, following in itertools.pairwise(body)
        if isinstance(item, ast.AnnAssign)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }


def _shown(value: Any) -> str:
    """As one would type it; of `${oc.env:X,y}` only y, since the text beside it names the variable."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    text = {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))
    return re.sub(r"\$\{oc\.env:\w+,(\w+)\}", r"\1", text)


def _group_lines(folder: Path, chosen: dict[str, Any]) -> Iterator[str]:
    for group, default in chosen.items():
        for path in sorted((folder / group).glob("*.yaml")):
            mark = "*" if path.stem == default else " "
            yield f"{mark} {f'{group}={path.stem}':<42} {_header(path)}"


def _header(path: Path) -> str:
    """The first comment of a file that is not an instruction to Hydra."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
        if line.strip() and not line.startswith("#"):
            break
    return ""


def _keys_of_options(folder: Path, groups: Mapping[str, Any], words: Sequence[str]) -> Iterator[str]:
    """A section for each option that the command line chooses."""
    for group, _, option in (word.partition("=") for word in words):
        path = folder / group / f"{option}.yaml"
        if group in groups and path.is_file():
            yield f"Keys of {group}={option} (key=default)\n" + _indented(_key_lines(group, path))


def _key_lines(group: str, path: Path) -> Iterator[str]:
    content = read_yaml(path)
    docs = _argument_docs(str(content.get("_target_")))
    for name, value in content.items():
        if name in ("defaults", "_target_"):
            continue
        shown = [(f"{group}.{name}.{key}", item) for key, item in value.items()] if isinstance(value, dict) else []
        for key, item in shown or [(f"{group}.{name}", value)]:
            yield f"{f'{key}={_shown(item)}':<44} {docs.get(name, '')}".rstrip()
            docs[name] = ""


def _argument_docs(target: str) -> dict[str, str]:
    """What the docstrings of a class and of those that it is made from say of each argument, read from the source."""
    try:
        found = find_definition(target)
    except MissingTarget:
        return {}
    docs: dict[str, str] = {}
    while found is not None and isinstance(found.node, ast.ClassDef):
        text = inspect.cleandoc(ast.get_docstring(found.node) or "").partition("Args:\n")[2]
        for name, said in re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", text, flags=re.MULTILINE):
            docs.setdefault(name, " ".join(said.split()))
        found = _first_parent(found)
    return docs


def _first_parent(found: Definition) -> Definition | None:
    assert isinstance(found.node, ast.ClassDef)
    try:
        return next((parent_class(base, found.module) for base in found.node.bases), None)
    except MissingTarget:
        return None
