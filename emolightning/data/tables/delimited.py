"""CSV and its relatives with tabs, semicolons or bars -> records of fields."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

SEPARATORS = (",", "\t", ";", "|")
TAB_SUFFIXES = (".tsv", ".tab")

Record = tuple[int, int, list[str]]
"""First line, last line and fields; a record has several lines where a quoted text has."""

_EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The first line by which Excel is told the separator."""


def delimited_records(
    lines: Iterable[str], path: Path, is_header: Callable[[list[str]], bool], problems: list[tuple[int, str]]
) -> Iterator[Record]:
    """Yield the records that are not blank, the header first.

    Args:
        lines: of the file, with their ends.
        path: its suffix is asked where several separators fit.
        is_header: says whether names are all that are needed; it decides between separators.
        problems: gets what is wrong, by line.
    """
    remaining = iter(lines)
    skipped: list[str] = []
    separator = None
    for line in remaining:
        named = _EXCEL.fullmatch(line) if not skipped else None
        skipped.append("\n" if named else line)
        if named:
            separator = named[1]
        elif line.strip():
            separator = separator or _separator(line, path, is_header)
            break
    yield from _records(chain(skipped, remaining), separator or ",", problems)


def _separator(header: str, path: Path, is_header: Callable[[list[str]], bool]) -> str:
    """The first one that finds all names that are needed, else the one that finds most."""
    by_suffix = "\t" if path.suffix.lower() in TAB_SUFFIXES else ","
    names = {separator: _fields(header, separator) for separator in (by_suffix, *SEPARATORS)}
    for separator, found in names.items():
        if is_header(found):
            return separator
    return max(names, key=lambda separator: len(names[separator]))


def _fields(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []


def _records(lines: Iterable[str], separator: str, problems: list[tuple[int, str]]) -> Iterator[Record]:
    # strict: a stray quote would otherwise be glued into the text, or swallow the rows that follow, without a word.
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != " ", strict=True)
    remedy = "end a quoted text with a quote right before the comma, and write a quote inside it twice"
    header_read, is_over, line = False, False, 1
    while not is_over:
        try:
            for fields in reader:
                last = reader.line_num
                if (fields and fields[0].strip()) or any(map(str.strip, fields)):
                    header_read = True
                    yield line, last, fields
                line = last + 1
            is_over = True
        except csv.Error as error:
            until = f" (read to line {reader.line_num})" if reader.line_num > line else ""
            problems.append((line, f"not readable as CSV{until}: {error}; {remedy}"))
            line, is_over = reader.line_num + 1, not header_read
