"""Rows of a CSV or JSONL file from anywhere: the columns asked for, each row with its line, every problem at once."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.config.problems import closest
from emolightning.errors import InputErrors, UserError

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file."""

    line: int
    """Where it begins, counted from 1."""
    values: tuple[str | None, ...]
    """Texts of the columns asked for, as they are written; None for JSON's null."""


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a file, of which only the columns asked for are kept.

    Args:
        path: `.jsonl`, `.json` or `.ndjson` is one JSON object a line, any other suffix is CSV with a header; UTF-8.
        columns: names as the file spells them.

    Raises:
        UserError: there is no such file.
        InputErrors: everything that is wrong in it, by line; also a file without rows.
    """
    if not path.is_file():
        siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = closest(path.name, siblings)
        raise UserError(f"{path}: no such file{f'; did you mean {path.parent / near}?' if near else ''}")
    if path.suffix.lower() == ".npz":
        raise UserError(f"{path}: is an archive of arrays, not a table; give a CSV or JSONL file")
    problems: list[tuple[int, str]] = []
    with path.open("rb") as file:
        lines = _decoded(file, problems)
        read = _json_rows if path.suffix.lower() in JSON_SUFFIXES else _csv_rows
        rows = list(read(lines, list(columns), problems))
    if not rows and not problems:
        problems.append((1, f"there are no rows in the file; it needs the columns {', '.join(columns)}"))
    if problems:
        raise InputErrors(str(path), [f"line {line}: {text}" for line, text in sorted(problems)])
    return rows


def _decoded(file: Iterator[bytes], problems: list[tuple[int, str]]) -> Iterator[str]:
    """The lines as text; of one that is not UTF-8 a problem, and what can be read of it."""
    for number, raw in enumerate(file, start=1):
        if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            problems.append((1, "the file is UTF-16, it must be UTF-8; save it again as 'CSV UTF-8'"))
            return
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            problems.append((number, f"byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8; save as UTF-8"))
            yield raw.decode(errors="replace")


def _csv_rows(lines: Iterator[str], columns: list[str], problems: list[tuple[int, str]]) -> Iterator[Row]:
    records = _csv_records(lines, problems)
    line, fields = next(records, (0, None))
    if fields is None:
        return
    header = [field.strip() for field in fields]
    faults = _column_faults(columns, header)
    problems += [(line, fault) for fault in faults]
    if faults:
        return
    places, width = [header.index(column) for column in columns], len(header)
    for line, fields in records:
        if len(fields) != width:
            hint = "put a text with a comma in double quotes" if len(fields) > width else "give every column"
            problems.append((line, f"{len(fields)} fields where the header has {width}; {hint}"))
        else:
            yield Row(line, tuple([fields[place] for place in places]))


def _csv_records(lines: Iterator[str], problems: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """First line and fields of every record that is not blank; a quoted text may go over several lines."""
    # strict: a stray quote would otherwise be glued into the text, or swallow the rows that follow, without a word.
    reader = csv.reader(lines, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append((line, f"not readable as CSV: {error}; write a quote inside a quoted text twice"))
            continue
        if len(fields) > 1 or "".join(fields).strip():
            yield line, fields


def _json_rows(lines: Iterator[str], columns: list[str], problems: list[tuple[int, str]]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append((number, f"not readable as JSON: {error}; write one object a line (JSONL)"))
            continue
        if not isinstance(entry, dict):
            problems.append((number, f"a JSON {type(entry).__name__} where an object belongs; one object a line"))
            continue
        faults = _column_faults(columns, list(entry))
        if not faults:
            values, faults = _texts(entry, columns)
            yield Row(number, values)
        problems += [(number, fault) for fault in faults]


def _texts(entry: dict[str, Any], columns: list[str]) -> tuple[tuple[str | None, ...], list[str]]:
    """The values as text, a list of texts as `[a, b]`; and what is neither."""
    values: list[str | None] = []
    faults = []
    for column in columns:
        value = entry[column]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = f"[{', '.join(value)}]"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        elif not isinstance(value, str | None):
            faults.append(f"{column} {str(value)[:80]!r} is a JSON {type(value).__name__}, not a text")
            value = None
        values.append(value)
    return tuple(values), faults


def _column_faults(columns: list[str], found: list[str]) -> list[str]:
    faults = [f"column {column!r} is there twice" for column in columns if found.count(column) > 1]
    for column in columns:
        if column not in found:
            near = closest(column, found)
            hint = f"did you mean {near!r}?" if near else f"the file has {found[:12]}"
            faults.append(f"no column {column!r}; {hint}")
    return faults
