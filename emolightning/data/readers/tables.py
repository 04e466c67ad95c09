"""Tables as benchmarks publish them: rows with their lines, clips made of them, every problem of a file at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.values import BadValue
from emolightning.data.tables import texts
from emolightning.data.tables.reading import Faults, Problem, described
from emolightning.data.tables.reading import read_table as read_any_table
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip


@dataclass(frozen=True)
class Record:
    """One row below the header."""

    where: str
    """`line 7`."""
    values: dict[str, str]
    """Column -> text without the spaces around it."""


def read_text(path: Path) -> str:
    """The whole file.

    Raises:
        UserError: it is not there, or cannot be decoded.
    """
    _require(path)
    return texts.read_text(path)


def read_table(path: Path, required: Sequence[str] | Faults, problems: list[str]) -> list[Record]:
    """The rows; what is wrong with others is added to `problems`. Columns that are not required may be there as well.

    Args:
        path: see `emolightning.data.tables`.
        required: names of columns, or what says what is wrong with those of the file.
        problems: of its rows.

    Raises:
        UserError: the file is not there, or holds no table.
        InputErrors: a required column is missing, or nothing can be read.
    """
    _require(path)
    found: list[Problem] = []
    faults = required if callable(required) else partial(_column_faults, required)
    records = [
        Record(f"line {row.line}", {name: _text(value) for name, value in row.values.items()})
        for row in read_any_table(path, faults, found)
    ]
    if not records:
        needed = "" if callable(required) else f"; it needs a header with {', '.join(required)}"
        raise InputErrors(str(path), described(found) or [f"the file is empty{needed}"])
    problems += described(found)
    return records


def _column_faults(required: Sequence[str], found: Sequence[str]) -> list[str]:
    is_enough = all(found.count(column) == 1 for column in required)
    return [] if is_enough else [f"columns {list(found)}: needs each of {list(required)} once"]


def _require(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path}: no such file; set data.root to the folder that holds the benchmark's files")


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


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
        RowErrors: everything that is wrong, by line, with the other clips; also clips that are there twice.
    """
    clips: dict[str, Clip] = {}
    for row in rows:
        try:
            clip = build(row)
        except BadValue as error:
            problems.append(f"{row.where}: {error}")
            continue
        if clip.id in clips:
            first = clips[clip.id]
            problems.append(f"{row.where}: {clip.id} is there twice ({first.source}){_what_to_do(first, clip)}")
        clips.setdefault(clip.id, clip)
    if problems or not clips:
        raise RowErrors([(str(path), problems or ["there are no clips in the file"])], list(clips.values()))
    return list(clips.values())


def read_all(reads: Iterable[Callable[[], list[Clip]]]) -> list[Clip]:
    """The clips of several files.

    Raises:
        RowErrors: what is wrong with any of them.
    """
    clips, files = [], []
    for read in reads:
        try:
            clips += read()
        except RowErrors as error:
            clips += error.clips
            files += error.files
    if files:
        raise RowErrors(files, clips)
    return clips


def refuse_twice(clips: Iterable[Clip]) -> None:
    """One clip in two files: counted twice, or trained on and tested on.

    Raises:
        InputErrors: names both places.
    """
    first: dict[str, Clip] = {}
    problems = []
    for clip in clips:
        if clip.id in first:
            advice = _what_to_do(first[clip.id], clip)
            problems.append(f"{clip.source}: {clip.id!r} is in {first[clip.id].source} as well{advice}")
        first.setdefault(clip.id, clip)
    if problems:
        raise InputErrors("annotation files", problems)


def _what_to_do(first: Clip, again: Clip) -> str:
    if first.label != again.label:
        return f", with another label, {first.label!r} and {again.label!r}: find out which of them is right"
    return "; take one of the two out"
