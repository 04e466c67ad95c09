"""A table from anywhere -> its rows, each with its line; every problem of the file is collected."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emolightning.data.tables.delimited import delimited_records
from emolightning.data.tables.kinds import kind_of
from emolightning.data.tables.objects import object_rows
from emolightning.data.tables.texts import Lines
from emolightning.data.tables.workbooks import workbook_records
from emolightning.errors import UserError

Problem = tuple[int, str]
"""Line of the file, counted from 1, and what is wrong there."""

Faults = Callable[[Sequence[str]], list[str]]
"""Names of columns -> what is wrong with them."""

SHOWN = 5
"""Lines that a problem of many rows names."""


class Row(NamedTuple):
    """One row."""

    line: int
    """Where it begins, counted from 1."""
    values: dict[str, Any]
    """Column -> text as it is written; from JSON also None, numbers and lists."""


def read_table(path: Path, faults: Faults, problems: list[Problem]) -> Iterator[Row]:
    """Yield the rows of a table; what is wrong with others is added to `problems`, while rows are taken.

    Args:
        path: CSV, also with tabs or semicolons, JSON or JSONL, or an Excel workbook; the content decides.
        faults: says what is wrong with the columns; it is asked once for a header, and for each set of keys in JSON.
        problems: gets line and text of everything that is wrong.

    Raises:
        UserError: there is no such file, or it is of a kind that holds no table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    data = path.read_bytes()
    kind = kind_of(path, data)
    if kind == "workbook":
        yield from _rows(workbook_records(path, problems), faults, problems)
        return
    lines = Lines(data)
    if kind == "json":
        for line, values in object_rows(lines, faults, problems):
            if line not in lines.broken:
                yield Row(line, values)
    else:
        records = delimited_records(lines, path, lambda names: not faults(_header(names)), problems)
        # A row with undecodable bytes has its problem already; what else it seems to say would be guesswork.
        sound = (
            record
            for record in records
            if not lines.broken or lines.broken.keys().isdisjoint(range(record[0], record[1] + 1))
        )
        yield from _rows(sound, faults, problems)
    problems += lines.problems()


def described(problems: Iterable[Problem]) -> list[str]:
    """One line for each problem in the order of the file; those that say the same are one.

    >>> described([(7, "no label"), (3, "no label"), (4, "no name")])
    ['lines 3, 7: no label', 'line 4: no name']
    """
    lines: dict[str, list[int]] = {}
    for line, text in sorted(problems, key=lambda problem: problem[0]):
        lines.setdefault(text, []).append(line)
    return [f"{_places(list(dict.fromkeys(numbers)))}: {text}" for text, numbers in lines.items()]


def _places(lines: Sequence[int]) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}"
    shown = ", ".join(map(str, lines[:SHOWN]))
    return f"lines {shown}" + (f", ... ({len(lines)} rows)" if len(lines) > SHOWN else "")


def _rows(records: Iterable[tuple[int, int, list[str]]], faults: Faults, problems: list[Problem]) -> Iterator[Row]:
    """The rows below the header; none if the header is of no use."""
    records = iter(records)
    line, _, fields = next(records, (0, 0, None))
    if fields is None:
        return
    header = _header(fields)
    found = faults(header)
    problems += [(line, fault) for fault in found]
    if found:
        return
    width = len(header)
    for line, _, fields in records:
        if len(fields) != width:
            if len(fields) < width or "".join(fields[width:]).strip():
                hint = "put a text with a comma in double quotes" if len(fields) > width else "give every column"
                problems.append((line, f"{len(fields)} fields where the header has {width}: {fields}; {hint}"))
                continue
            fields = fields[:width]
        yield Row(line, dict(zip(header, fields, strict=False)))


def _header(fields: Sequence[str]) -> list[str]:
    """The names; a spreadsheet that was once wider leaves nameless columns at the end."""
    names = [field.strip() for field in fields]
    while names and not names[-1]:
        names.pop()
    return names
