"""What `--help` prints: the command, our settings and the options of every group, read where they are declared."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.commands.object_help import object_lines, shown
from emolightning.config.documentation import field_docs
from emolightning.config.schema import SCHEMAS
from emolightning.config.sources import option_files, option_name, read_yaml

FLAGS = """
--help                this text
--cfg job [--resolve] print the composed configuration and stop
--info defaults       which files it is composed of, in which order
""".strip()
"""Hydra's own, as far as a user needs them."""


def help_text(
    main: Callable[..., Any], config_name: str, folder: Path, command: str, cfg: DictConfig | None = None
) -> str:
    """The help of one command.

    Args:
        main: its function; its module's docstring, or else its own, says what it does and gives examples, and
            its module's `help_list`, where there is one, what there is to choose from.
        config_name: the primary config, `train` or `eval`.
        folder: `configs/`.
        command: how the command is called, e.g. `python train.py`.
        cfg: what its command line composes; its objects are listed.
    """
    function = main.func if isinstance(main, partial) else main
    module = sys.modules[function.__module__]
    about = module.__doc__ or inspect.getdoc(function) or ""
    defaults = read_yaml(folder / f"{config_name}.yaml").get("defaults") or []
    (schema,) = [SCHEMAS[entry] for entry in defaults if isinstance(entry, str) and entry in SCHEMAS]
    entries = [item for entry in defaults if isinstance(entry, dict) for item in entry.items()]
    chosen = {key: value for key, value in entries if not key.startswith("override ")}
    objects = list(object_lines(cfg)) if cfg is not None else []
    parts = [
        f"usage: {command} {'[group=option ...] ' if chosen else ''}[key=value ...]",
        textwrap.dedent(about).strip(),
        module.help_list() if hasattr(module, "help_list") else "",
        "Settings (key=default)\n" + _indented(_setting_lines(schema())),
        "Groups (group=option, * is the default)\n" + _indented(_group_lines(folder, chosen)) if chosen else "",
        "Objects of the chosen options (key=value; with a + where it is not set yet)\n" + _indented(iter(objects))
        if objects
        else "",
        "Flags\n" + _indented(line for line in FLAGS.splitlines()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _indented(lines: Iterator[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _setting_lines(defaults: Any, prefix: str = "") -> Iterator[str]:
    """One line a setting of a schema's instance, with the docstring that follows the field."""
    own_first = [name for schema in type(defaults).__mro__[:-1] for name in schema.__dict__["__annotations__"]]
    docs = {name: doc for schema in type(defaults).__mro__[:-1] for name, doc in schema_docs(schema).items()}
    for name in own_first:
        value = getattr(defaults, name)
        if is_dataclass(value):
            yield from _setting_lines(value, f"{prefix}{name}.")
        elif type(defaults).__dataclass_fields__[name].type is not Any:  # those are the groups
            yield f"{f'{prefix}{name}={default_text(value)}':<44} {' '.join(docs[name].split())}"


def schema_docs(schema: type) -> dict[str, str]:
    """Field -> the text below it, in one class of settings."""
    if found := {item.name: item.metadata["meaning"] for item in fields(schema) if "meaning" in item.metadata}:
        return found  # Of a class that was not written down but made.
    (node,) = ast.parse(inspect.getsource(schema)).body
    return field_docs(node) if isinstance(node, ast.ClassDef) else {}


def default_text(value: Any) -> str:
    """As one would type it; of `${oc.env:X,y}` only y, since the text beside it names the variable."""
    return re.sub(r"\$\{oc\.env:\w+,(\w+)\}", r"\1", shown(value))


def _group_lines(folder: Path, chosen: dict[str, Any]) -> Iterator[str]:
    for group, default in chosen.items():
        for path in option_files(folder, group):
            name = option_name(folder, group, path)
            mark = "*" if name == default else " "
            yield f"{mark} {f'{group}={name}':<42} {about_file(path)}"


def about_file(path: Path) -> str:
    """The first comment of a file that is not an instruction to Hydra."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
        if line.strip() and not line.startswith("#"):
            break
    return ""
