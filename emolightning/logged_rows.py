"""Reading `metrics.csv`, also while a run writes it, and after one was killed."""

import csv
import io
from pathlib import Path

FILE = "metrics.csv"
"""Of a run folder."""


def read_rows(folder: Path) -> list[dict[str, str]]:
    """The rows, as texts; none where there is no file. Half of one, as a killed process may leave it, is none.

    Args:
        folder: of the run.
    """
    path = folder / FILE
    if not path.exists():
        return []
    whole, end, _ = path.read_bytes().rpartition(b"\n")
    return list(csv.DictReader(io.StringIO((whole + end).decode("utf-8"), newline="")))
