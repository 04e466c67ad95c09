"""Reading `metrics.csv`, also while a run writes it, and after one was killed."""

import csv
import io
from pathlib import Path

from emolightning.files.documents import DamagedFile

FILE = "metrics.csv"
"""Name of the file in a run folder."""


def read_rows(folder: Path) -> list[dict[str, str]]:
    """The rows, as texts; none where there is no file. Half of one, as a killed process may leave it, is none.

    Args:
        folder: of the run.

    Raises:
        DamagedFile: it is no table of texts.
    """
    path = folder / FILE
    if not path.exists():
        return []
    whole, end, _ = path.read_bytes().rpartition(b"\n")
    try:
        rows = list(csv.DictReader(io.StringIO((whole + end).decode("utf-8"), newline="")))
    except (ValueError, csv.Error) as error:
        raise DamagedFile(path, f"it is no table of numbers ({error})") from None
    if any(None in row for row in rows):
        raise DamagedFile(path, "a row has more cells than the header")
    return rows


def number_of(folder: Path, row: dict[str, str], name: str) -> float:
    """The number in a cell of `read_rows`.

    Raises:
        DamagedFile: it is none.
    """
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError):
        raise DamagedFile(folder / FILE, f"{name} is {str(row.get(name))[:80]!r}, not a number") from None
