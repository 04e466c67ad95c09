"""Files that give each clip a label: row files, CSV tables and archives, one record for all of them.

A row file has `name label`, or `name frames label` and perhaps a valence (`N C E [V]`), separated by single spaces. A
table has `name`, `discrete` and perhaps `valence`. Archives: see `emolightning.data.readers.label_npz`.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from emolightning.data.readers.label_npz import read_label_npz
from emolightning.data.readers.tables import read_table, read_text
from emolightning.data.readers.values import BadValue
from emolightning.data.tables.kinds import TABLE_SUFFIXES

NO_VALENCE = -10
"""MER2023's code for a clip without valence; it must never get into a mean."""
LOWEST, HIGHEST = -5, 5


@dataclass(frozen=True)
class LabelRow:
    """What a file says about one clip."""

    name: str
    label: str
    where: str
    """`line 7`, or the place in an archive."""
    valence: float | None = None


def read_label_file(path: Path, problems: list[str], *, corpus: str | None = None) -> list[LabelRow]:
    """The rows of a `.npz`, a table, or a row file; what is wrong with others is added to `problems`.

    Args:
        path: the suffix says which kind it is.
        problems: of its rows.
        corpus: the set of clips wanted from an archive of several.

    Raises:
        UserError: not there, or not such a file.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path, problems, corpus)
    is_table = path.suffix.lower() in TABLE_SUFFIXES
    return _read_table(path, problems) if is_table else _read_rows(path, problems)


def valence_of(text: object) -> float | None:
    """-5 to 5; None for an empty cell and for the code -10.

    >>> valence_of("-1.174107"), valence_of("-10"), valence_of("")
    (-1.174107, None, None)

    Raises:
        BadValue: anything else.
    """
    if text is None or text == "":
        return None
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if value == NO_VALENCE:
        return None
    if not LOWEST <= value <= HIGHEST:
        raise BadValue(
            f"valence {str(text)[:40]!r} is not a number from {LOWEST} to {HIGHEST}, nor {NO_VALENCE} for none"
        )
    return value


def _read_rows(path: Path, problems: list[str]) -> list[LabelRow]:
    rows: list[LabelRow] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields, where = line.split(" "), f"line {number}"
        if len(fields) not in (2, 3, 4) or "" in fields or "\t" in line:
            problems.append(
                f"{where}: {line!r} is not `name label` or `name frames label [valence]` with single spaces"
            )
            continue
        label = fields[1] if len(fields) == 2 else fields[2]
        _add(rows, problems, fields[0], label, where, fields[3] if len(fields) == 4 else None)
    if not rows and not problems:
        problems.append("the file is empty")
    return rows


def _read_table(path: Path, problems: list[str]) -> list[LabelRow]:
    rows: list[LabelRow] = []
    for record in read_table(path, ["name", "discrete"], problems):
        values = record.values
        _add(rows, problems, values["name"], values["discrete"], record.where, values.get("valence"))
    return rows


def _read_npz(path: Path, problems: list[str], corpus: str | None) -> list[LabelRow]:
    rows: list[LabelRow] = []
    for number, (name, label, valence) in enumerate(read_label_npz(path, corpus), start=1):
        _add(rows, problems, name, label, f"clip {number}", valence)
    return rows


def _add(rows: list[LabelRow], problems: list[str], name: str, label: str, where: str, valence: object) -> None:
    try:
        rows.append(LabelRow(name, label, where, valence_of(valence)))
    except BadValue as error:
        problems.append(f"{where}: {error}")
