"""Rows of a table that are left out for what one of its columns says, all of them counted."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from emolightning.records.labels import spelling

SETTING = "data.drop"


class RowsLeftOut:
    """Tells which rows are left out.

    Args:
        given: column -> a value or several; rows that have one of them there are left out. None is an empty cell.
    """

    def __init__(self, given: Mapping[str, Any] | None):
        listed = {
            column: value if isinstance(value, list | tuple) else [value] for column, value in (given or {}).items()
        }
        self.values = {
            str(column).strip().lower(): {spelling("" if value is None else str(value)) for value in values}
            for column, values in listed.items()
        }
        self.counts: Counter[tuple[str, str]] = Counter()

    def kept(self, columns: Mapping[str, Sequence[str]], number: int) -> list[bool]:
        """Which of so many rows are kept; the others are counted, each for the first column that leaves it out."""
        kept = [True] * number
        for column, values in self.values.items():
            cells = columns.get(column, ())
            gone = {cell for cell in set(cells) if spelling(cell) in values}
            for place, cell in enumerate(cells) if gone else ():
                if kept[place] and cell in gone:
                    kept[place] = False
                    self.counts[column, spelling(cell)] += 1
        return kept

    def faults(self, columns: Collection[str]) -> list[str]:
        """Columns that the table does not have."""
        return [
            f"no column {column!r}, which {SETTING} names; columns found: {sorted(columns)}"
            for column in self.values
            if column not in columns
        ]

    def remarks(self) -> list[str]:
        """What was left out, and what no row has."""
        sentences = []
        if self.counts:
            each = ", ".join(f"{column} {value or 'empty'} {n}" for (column, value), n in sorted(self.counts.items()))
            sentences.append(f"{SETTING}: {self.counts.total()} rows are left out ({each})")
        idle = [f"{c} {v!r}" for c, values in self.values.items() for v in sorted(values) if not self.counts[c, v]]
        return [*sentences, *([f"{SETTING}: no row has {', '.join(idle)}"] if idle else [])]
