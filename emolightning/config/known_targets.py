"""What a run folder or adapter folder from elsewhere may have built: the classes that `configs/` names, nothing else.

Hydra calls whatever stands behind `_target_`. In one's own configuration that is a feature; in a folder that somebody
shared it would be their code, run here.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emolightning.errors import UserError

TARGET = "_target_"
_LINE = re.compile(rf"^\s*{TARGET}:\s*(\S+)\s*$", flags=re.MULTILINE)


def known_targets(folder: Path) -> set[str]:
    """Dotted names behind `_target_` in all files of a folder of configurations."""
    return {name for path in folder.rglob("*.yaml") for name in _LINE.findall(path.read_text(encoding="utf-8"))}


def refuse_unknown_targets(saved: Any, source: Path, folder: Path) -> None:
    """Look at a saved configuration before any of it is built.

    Args:
        saved: its content, interpolations not resolved.
        source: its file.
        folder: `configs/`.

    Raises:
        UserError: it names something that no file of `configs/` names.
    """
    unknown = sorted({str(name) for name in _targets(saved)} - known_targets(folder))
    if unknown:
        raise UserError(
            f"{source}: names {', '.join(unknown)}, which no file of {folder.name}/ does; nothing of it was run. "
            f"Add a class of your own to {folder.name}/; do not use a folder from elsewhere that asks for another one"
        )


def _targets(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if TARGET in node:
            yield node[TARGET]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)
