"""CSV files with a header, as benchmarks publish them: rows with their lines, every problem of a file at once."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from emolightning.data.values import BadValue
from emolightning.errors import InputErrors, UserError
from emolightning.records import Clip


@dataclass(frozen=True)
class Record:
    """One row below the header."""

    where: str
    """`line 7`."""
    values: dict[str, str]
    """Column -> text without the spaces around it."""


def read_text(path: Path) -> str:
    """The file, which must be UTF-8.

    Raises:
        UserError: not there, or not UTF-8.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; set data.root to the folder that holds the benchmark's files")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 ({error}); save it as UTF-8") from error


def read_table(path: Path, required: Sequence[str], problems: list[str]) -> list[Record]:
    """The rows; what is wrong with others is added to `problems`. Columns that are not required may be there as well.

    Raises:
        UserError: the file is not there, or not UTF-8.
        InputErrors: a required column is missing.
    """
    # Split at "\n" only: str.splitlines also cuts at characters that a text may contain, e.g. U+2028.
    lines = read_text(path).split("\n")
    reader = csv.reader((line + "\n" for line in lines), skipinitialspace=True, strict=True)
    header: list[str] | None = None
    records = []
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(f"line {reader.line_num}: not readable as CSV: {error}")
            continue
        if not "".join(fields).strip():
            continue
        if header is None:
            header = _header(path, fields, required)
        elif len(fields) != len(header):
            problems.append(f"line {reader.line_num}: {len(fields)} fields where the header has {len(header)}")
        else:
            values = dict(zip(header, map(str.strip, fields), strict=True))
            records.append(Record(f"line {reader.line_num}", values))
    if header is None:
        raise InputErrors(str(path), [f"the file is empty; needs a header with {', '.join(required)}"])
    return records


def _header(path: Path, fields: list[str], required: Sequence[str]) -> list[str]:
    header = [field.strip() for field in fields]
    missing = [column for column in required if header.count(column) != 1]
    if missing:
        raise InputErrors(str(path), [f"columns {header}: needs each of {list(required)} once"])
    return header


class Row(Protocol):
    """Anything that knows its line."""

    @property
    def where(self) -> str:
        """`line 7`."""
        ...


AnyRow = TypeVar("AnyRow", bound=Row)


def build_clips(path: Path, rows: Iterable[AnyRow], build: Callable[[AnyRow], Clip], problems: list[str]) -> list[Clip]:
    """The clips of one file.

    Args:
        path: for messages.
        rows: of the file.
        build: makes a clip of a row, or raises BadValue.
        problems: those that reading has found already.

    Raises:
        InputErrors: everything that is wrong, by line; also clips that are there twice.
    """
    clips: dict[str, Clip] = {}
    for row in rows:
        try:
            clip = build(row)
        except BadValue as error:
            problems.append(f"{row.where}: {error}")
            continue
        if clip.id in clips:
            problems.append(f"{row.where}: {clip.id} is there twice ({clips[clip.id].source}); keep one")
        clips.setdefault(clip.id, clip)
    if problems or not clips:
        raise InputErrors(str(path), problems or ["there are no clips in the file"])
    return list(clips.values())


def refuse_twice(clips: Iterable[Clip]) -> None:
    """One clip in two files: counted twice, or trained on and tested on.

    Raises:
        InputErrors: names both places.
    """
    first: dict[str, Clip] = {}
    problems = []
    for clip in clips:
        if clip.id in first:
            problems.append(f"{clip.source}: {clip.id!r} is in {first[clip.id].source} as well; keep one of the two")
        first.setdefault(clip.id, clip)
    if problems:
        raise InputErrors("annotation files", problems)
