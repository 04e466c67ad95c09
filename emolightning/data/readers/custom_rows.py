"""The rows of a custom annotation file as columns of texts by our names."""

import math
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.data.readers.custom_columns import COLUMNS, DIMENSIONS, OPTIONAL_COLUMNS, CustomColumns
from emolightning.data.readers.pieces import END, START
from emolightning.data.tables.reading import ABSENT, Block, Problem, Row, read_blocks

USED = {*COLUMNS, *OPTIONAL_COLUMNS}


class CustomRows:
    """The rows of the file as columns of texts by our names.

    Args:
        path: see `read_custom`.
        names: of the columns.
        required: those that must be there.
    """

    def __init__(self, path: Path, names: CustomColumns, required: Collection[str]):
        self.path, self.names, self.required = path, names, required
        self.title = str(path)
        self.columns: set[str] = set()
        """Those of all rows; filled while rows are taken."""
        self.num_rows = 0

    def blocks(self, problems: list[Problem]) -> Iterator[tuple[range, Block]]:
        """Yield numbers of rows and their texts, without the spaces around them.

        Args:
            problems: gets what is wrong with rows in which a value is no text; these are left out.
        """
        self.num_rows, read = 0, {*USED, *self.names.of_people()}
        for block in read_blocks(self.path, partial(self.names.faults, required=self.required), problems):
            texts, faults = {}, list[tuple[int, str]]()
            for name, column in self.names.order(tuple(block.columns)):
                texts[name], wrong = _texts(name, block.columns[column], is_read=name in read)
                faults += wrong
            problems += [(block.lines[place], fault) for place, fault in sorted(faults, key=lambda each: each[0])]
            refused = {place for place, _ in faults}
            sound = Block(block.lines, texts)
            if refused:
                sound = sound.only([place not in refused for place in range(len(block.lines))])
            numbers = range(self.num_rows, self.num_rows + len(sound.lines))
            self.num_rows = numbers.stop
            if numbers:
                self.columns.update(texts)
                yield numbers, sound

    def rows_at(self, numbers: Collection[int]) -> dict[int, Row]:
        """Some rows by their numbers, read once more: to keep all of them takes more memory than clips."""
        rows = ((n, row) for some, block in self.blocks([]) for n, row in zip(some, block.rows(), strict=True))
        return {number: row for number, row in rows if number in numbers}


def _texts(name: str, values: Sequence[Any], *, is_read: bool) -> tuple[list[str], list[tuple[int, str]]]:
    """A column as texts, and what is wrong with values that are none, by their places."""
    try:
        return list(map(str.strip, values)), []
    except TypeError:  # from JSON
        # Numbers are let through since subjects and file names often are.
        numbers = str | int | float | None if name in (START, END, *DIMENSIONS) else str | int | None
        values = [_told(value, is_read=is_read) for value in values]
        texts = ["" if value is None else str(value).strip() for value in values]
        refused = enumerate(values) if name in USED else ()
        return texts, [
            (at, f"{name} {value!r} is not a text") for at, value in refused if not isinstance(value, numbers)
        ]


def _told(value: Any, *, is_read: bool) -> Any:
    """A value, or None where an object says nothing; programs write NaN for a missing value."""
    if value is ABSENT:
        return None
    if isinstance(value, float) and math.isnan(value):
        return "NaN" if is_read else None  # What reads the column refuses the word; nothing reads the others.
    return value
