"""A table from anywhere -> its rows, each with its line, or its columns; every problem of the file is collected."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

from emolightning.data.tables.delimited import Record, delimited_records
from emolightning.data.tables.kinds import kind_of
from emolightning.data.tables.objects import object_rows
from emolightning.data.tables.texts import Lines
from emolightning.data.tables.workbooks import workbook_records
from emolightning.errors import UserError

Problem = tuple[int, str]
"""Line of the file, counted from 1, and what is wrong there."""

Faults = Callable[[Sequence[str]], list[str]]
"""Names of columns -> what is wrong with them."""

BLOCK = 2048
"""Rows that are columns together: what is the same for many of them is done once, and they fit a processor's cache."""

ABSENT: Any = object()
"""In a column, where an object has no such key."""

SHOWN = 5
"""Lines that a problem of many rows names."""


class Row(NamedTuple):
    """One row."""

    line: int
    """Where it begins, counted from 1."""
    values: dict[str, Any]
    """Column -> text as it is written; from JSON also None, numbers and lists."""


class Block(NamedTuple):
    """Rows that come one after the other."""

    lines: Sequence[int]
    """Where each begins, counted from 1."""
    columns: Mapping[str, Sequence[Any]]
    """Column -> what each row has there, see Row; ABSENT where an object has no such key."""

    def only(self, kept: Sequence[bool]) -> "Block":
        """The rows that are kept."""
        if all(kept):
            return self
        columns = {name: list(compress(values, kept)) for name, values in self.columns.items()}
        return Block(list(compress(self.lines, kept)), columns)

    def rows(self) -> Iterator[Row]:
        """The same, row by row."""
        for line, *values in zip(self.lines, *self.columns.values(), strict=True):
            pairs = zip(self.columns, values, strict=True)
            yield Row(line, {name: value for name, value in pairs if value is not ABSENT})


def read_table(path: Path, faults: Faults, problems: list[Problem]) -> Iterator[Row]:
    """Yield the rows of a table one by one, see `read_blocks`."""
    for block in read_blocks(path, faults, problems):
        yield from block.rows()


def read_blocks(path: Path, faults: Faults, problems: list[Problem]) -> Iterator[Block]:
    """Yield the columns of a table; what is wrong with rows that are not among them is added to `problems`.

    Args:
        path: CSV, also with tabs or semicolons, JSON or JSONL, or an Excel workbook; the content decides.
        faults: says what is wrong with the columns; it is asked once for a header; in JSON for each set of keys, and
            for several sets together.
        problems: gets line and text of everything that is wrong.

    Raises:
        UserError: there is no such file, or it is of a kind that holds no table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    data = path.read_bytes()
    kind = kind_of(path, data)
    if kind == "workbook":
        yield from _blocks(workbook_records(path, problems), faults, problems)
        return
    lines = Lines(data)
    if kind == "json":
        objects = object_rows(lines, faults, problems)
        yield from _blocks_of_objects((one for one in objects if one[0] not in lines.broken), faults)
    else:
        records = delimited_records(lines, path, lambda names: not faults(_header(names)), problems)
        yield from _blocks(records if lines.are_sound else _decoded(records, lines), faults, problems)
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


def _decoded(records: Iterable[Record], lines: Lines) -> Iterator[Record]:
    """Those that can be read; a row with undecodable bytes has its problem, and what else it says is guesswork."""
    return (record for record in records if lines.broken.keys().isdisjoint(range(record[0], record[1] + 1)))


def _blocks(records: Iterable[Record], faults: Faults, problems: list[Problem]) -> Iterator[Block]:
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
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, _, fields in records:
        if len(fields) != width:
            if len(fields) < width or "".join(fields[width:]).strip():
                hint = "put a text with a comma in double quotes" if len(fields) > width else "give every column"
                problems.append((line, f"{len(fields)} fields where the header has {width}: {fields}; {hint}"))
                continue
            fields = fields[:width]
        lines.append(line)
        rows.append(fields)
        if len(rows) == BLOCK:
            yield Block(lines, dict(zip(header, zip(*rows, strict=True), strict=True)))
            lines, rows = [], []
    if rows:
        yield Block(lines, dict(zip(header, zip(*rows, strict=True), strict=True)))


def _blocks_of_objects(objects: Iterable[tuple[int, dict[str, Any]]], faults: Faults) -> Iterator[Block]:
    """Objects with other keys are of one block, unless these do not go together, as two spellings of a name."""
    keys, known = dict[str, None](), set[tuple[str, ...]]()
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    for line, values in objects:
        own = tuple(values)
        if own not in known:
            both = {**keys, **dict.fromkeys(own)}
            if rows and len(both) > len(keys) and faults(list(both)):
                yield _block_of_objects(lines, rows, keys)
                both, known, lines, rows = dict.fromkeys(own), set(), [], []
            keys = both
            known.add(own)
        lines.append(line)
        rows.append(values)
        if len(rows) == BLOCK:
            yield _block_of_objects(lines, rows, keys)
            keys, known, lines, rows = {}, set(), [], []
    if rows:
        yield _block_of_objects(lines, rows, keys)


def _block_of_objects(lines: list[int], rows: list[dict[str, Any]], keys: Iterable[str]) -> Block:
    return Block(lines, {key: [row.get(key, ABSENT) for row in rows] for key in keys})


def _header(fields: Sequence[str]) -> list[str]:
    """The names; a spreadsheet that was once wider leaves nameless columns at the end."""
    names = [field.strip() for field in fields]
    while names and not names[-1]:
        names.pop()
    return names
