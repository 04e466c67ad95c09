"""What `--help` prints: the command, our settings and the options of every group, read where they are declared."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emolightning import config
from emolightning.config_sources import read_yaml

FLAGS = """
--help                this text
--cfg job [--resolve] print the composed configuration and stop
--info defaults       which files it is composed of, in which order
""".strip()
"""Hydra's own, as far as a user needs them."""


def help_text(main: Callable[..., Any], config_name: str, folder: Path, command: str) -> str:
    """The help of one command.

    Args:
        main: its function; its module's docstring, or else its own, says what it does and gives examples.
        config_name: the primary config, `train` or `eval`.
        folder: `configs/`.
        command: how the command is called, e.g. `python train.py`.
    """
    about = sys.modules[main.__module__].__doc__ or inspect.getdoc(main) or ""
    defaults = read_yaml(folder / f"{config_name}.yaml").get("defaults") or []
    schema = config.EvalConfig if "eval_schema" in defaults else config.RunConfig
    chosen = {key: value for entry in defaults if isinstance(entry, dict) for key, value in entry.items()}
    parts = [
        f"usage: {command} [group=option ...] [key=value ...]",
        textwrap.dedent(about).strip(),
        "Settings (key=default)\n" + _indented(_setting_lines(schema.__name__)),
        "Groups (group=option, * is the default)\n" + _indented(_group_lines(folder, chosen)),
        "Keys of a chosen option are set in the same way: data.batch_size=4; one that it lacks is added: +key=value.",
        "Flags\n" + _indented(line for line in FLAGS.splitlines()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _indented(lines: Iterator[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _setting_lines(schema: str, prefix: str = "") -> Iterator[str]:
    """One line a setting, with the docstring that follows the field in `config.py`."""
    classes = {node.name: node for node in ast.parse(inspect.getsource(config)).body if isinstance(node, ast.ClassDef)}
    for base in classes[schema].bases:
        yield from _setting_lines(ast.unparse(base), prefix)
    body = classes[schema].body
    for item, following in zip(body, body[1:], strict=False):
        if not isinstance(item, ast.AnnAssign):
            continue
        name, kind = f"{prefix}{ast.unparse(item.target)}", ast.unparse(item.annotation)
        if kind in classes:
            yield from _setting_lines(kind, f"{name}.")
        elif kind != "Any":
            yield f"{f'{name}={_default(item.value)}':<44} {_text(following)}"


def _text(docstring: ast.stmt) -> str:
    value = docstring.value if isinstance(docstring, ast.Expr) else None
    return str(value.value) if isinstance(value, ast.Constant) else ""


def _default(value: ast.expr | None) -> str:
    if isinstance(value, ast.Constant):
        return "null" if value.value is None else str(value.value)
    if isinstance(value, ast.Call):
        made = eval(compile(ast.Expression(value.keywords[0].value), "config", "eval"), vars(config))()
        return f"[{','.join(made)}]"
    return "..."


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
