"""The rows of a custom annotation file as texts by our names of its columns, one after the other."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

from emolightning.data.readers.custom_columns import COLUMNS, DIMENSIONS, OPTIONAL_COLUMNS, CustomColumns
from emolightning.data.readers.pieces import END, START
from emolightning.data.tables.reading import Problem, Row, read_table

USED = {*COLUMNS, *OPTIONAL_COLUMNS}


class CustomRows:
    """The rows of the file as texts by our names of the columns.

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

    def rows(self, problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield line and texts, without the spaces around them; of a row in which one is none a problem is added."""
        known: tuple[str, ...] = ()
        for row in read_table(self.path, partial(self.names.faults, required=self.required), problems):
            order = self.names.order(tuple(row.values))
            texts, faults = _texts(order, row)
            problems += [(row.line, fault) for fault in faults]
            if faults:
                continue
            self.num_rows += 1
            if known != tuple(texts):
                known = tuple(texts)
                self.columns.update(known)
            yield row.line, texts

    def rows_at(self, lines: Collection[int]) -> dict[int, dict[str, str]]:
        """Line -> texts of some rows, which are read once more: to keep all of them takes more memory than clips."""
        return {line: texts for line, texts in self.rows([]) if line in lines}


def _texts(order: Sequence[tuple[str, str]], row: Row) -> tuple[dict[str, str], list[str]]:
    """Our names with the values as texts, and what is wrong with values that are none."""
    texts, faults = {}, []
    for name, column in order:
        value = row.values[column]
        if isinstance(value, str):
            texts[name] = value.strip()
            continue
        # Numbers are let through since subjects and file names often are.
        numbers = str | int | float | None if name in (START, END, *DIMENSIONS) else str | int | None
        if name in USED and not isinstance(value, numbers):
            faults.append(f"{name} {value!r} is not a text")
        texts[name] = "" if value is None else str(value).strip()
    return texts, faults
