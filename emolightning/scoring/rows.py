"""Rows of a table from anywhere: the columns asked for as texts, each row with its line, every problem at once."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.config.problems import absent
from emolightning.data.tables.columns import column_faults
from emolightning.data.tables.reading import Problem, described, read_table
from emolightning.errors import InputErrors, UserError

HALF = re.compile("[\ud800-\udfff]")
"""Half of a character that UTF-16 writes in two."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file."""

    line: int
    """Where it begins, counted from 1."""
    values: tuple[str | None, ...]
    """Texts of the columns asked for, as they are written; None for JSON's null."""


def read_rows(
    path: Path,
    columns: Sequence[str],
    *,
    optional: Collection[str] = (),
    settings: Mapping[str, str] | None = None,
) -> list[Row]:
    """The rows of a file, of which only the columns asked for are kept.

    Args:
        path: see `emolightning.data.tables`.
        columns: names as the file spells them.
        optional: those of them that may be absent, with None for each value.
        settings: column -> the setting that names it, for messages.

    Raises:
        UserError: there is no such file, or it holds no table.
        InputErrors: everything that is wrong in it, by line; also a file without rows.
    """
    if not path.is_file():
        raise UserError(f"{path}: {absent(path, 'file')}")
    problems: list[Problem] = []
    required = [column for column in columns if column not in optional]
    rows = []
    for row in read_table(path, partial(column_faults, required, settings=settings), problems):
        values = [_text(column, row.values.get(column), row.line, problems) for column in columns]
        rows.append(Row(row.line, tuple(values)))
    if not rows and not problems:
        problems.append(
            (1, f"there are no rows in the file; it needs the columns {', '.join(dict.fromkeys(required))}")
        )
    if problems:
        raise InputErrors(str(path), described(problems))
    return rows


def _text(column: str, value: Any, line: int, problems: list[Problem]) -> str | None:
    """The value as text, a list of texts as `[a, b]`; what is neither is a problem."""
    if isinstance(value, str):
        half = None if value.isascii() else HALF.search(value)
        if half is None:
            return value
        problems.append(
            (line, f"{column} holds half of a character, {ascii(half[0])}: the file was cut or badly encoded")
        )
        return None
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return f"[{', '.join(value)}]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    problems.append((line, f"{column} {str(value)[:80]!r} is a JSON {type(value).__name__}, not a text"))
    return None
