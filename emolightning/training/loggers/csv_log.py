"""`metrics.csv`: every logged number, on disk at once, kept over a resume. Lightning's own logger deletes it then."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from emolightning.files.writing import writing, written_whole
from emolightning.training.loggers.logged_rows import FILE, number_of, read_rows


class CsvLog(Logger):
    """One row per logging call: `epoch`, `step`, and a column for each number ever logged.

    Args:
        folder: the run folder.
    """

    def __init__(self, *, folder: str):
        super().__init__()
        self.path = Path(folder) / FILE
        self._columns: list[str] | None = None

    @property
    def name(self) -> str:
        """Lightning asks for one."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one file per run folder."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """They are in config.yaml."""

    @rank_zero_only
    def begin(self, step: int, *, coming: Mapping[str, Any] | None = None) -> None:
        """Drop the rows that a run which starts with `step` is about to repeat; called again it does nothing.

        Args:
            step: of the next row.
            coming: the row of the step before, which a killed run may not have written.
        """
        if self._columns is not None:
            return
        self._start(step)
        if coming is not None and not self._has(coming):
            self._write(dict(coming))

    def _has(self, row: Mapping[str, Any]) -> bool:
        """Whether the file has a row of this step with the same numbers; other rows of a step have others."""
        rows = read_rows(self.path.parent)
        return any(int(found["step"]) == row["step"] and all(found.get(name) for name in row) for found in rows)

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row; a new name adds a column.

        Raises:
            CannotWrite: what was in the file stays, and nothing of this row is.
        """
        row: dict[str, Any] = {"epoch": "", "step": step, **{name: float(value) for name, value in metrics.items()}}
        row["epoch"] = int(row["epoch"]) if row["epoch"] != "" else ""
        self.begin(step or 0)
        self._write(row)

    def _write(self, row: dict[str, Any]) -> None:
        assert self._columns is not None
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite(read_rows(self.path.parent))
        with writing(self.path):
            self._append(row)

    def _append(self, row: dict[str, Any]) -> None:
        assert self._columns is not None
        size = self.path.stat().st_size
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns, restval="").writerow(row)
        except OSError:
            os.truncate(self.path, size)  # Half a number would be read as another one.
            raise

    def _start(self, step: int) -> None:
        """Take over an existing file up to a step."""
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = read_rows(self.path.parent)
        self._columns = list(rows[0]) if rows else ["epoch", "step"]
        self._rewrite([row for row in rows if number_of(self.path.parent, row, "step") < step])

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        assert self._columns is not None
        with written_whole(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="")
            writer.writeheader()
            writer.writerows(rows)


def logged_before(folder: Path, step: int) -> list[dict[str, float]]:
    """Numbers of an earlier part of the run: the rows of `<folder>/metrics.csv` of steps below `step`."""
    rows = read_rows(folder)
    numbers = [{name: number_of(folder, row, name) for name, value in row.items() if value} for row in rows]
    return [row for row in numbers if row.get("step", step) < step]
