"""Rows of a table of feature classifiers: which network reads which folders, and what was published for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emolightning.benchmarks.published.table import read_published
from emolightning.config.places import CONFIG_DIR
from emolightning.config.problems import not_one_of
from emolightning.data.readers.tables import read_table
from emolightning.errors import InputErrors, UserError, shown

INPUTS = ("speech", "words", "face")
"""Columns that name folders of vectors, and the inputs that they fill."""


@dataclass(frozen=True)
class Row:
    """One row."""

    model: str
    modality: str
    network: str
    folders: Mapping[str, str]
    """Input -> folder of its vectors."""
    remark: str = ""
    """What a reader of its score has to know."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.model.replace(' ', '_')}-{self.modality}"

    @property
    def words(self) -> list[str]:
        """The words of a command line that make it."""
        off = [f"inputs.{name}=false" for name in (*INPUTS, "motion") if name not in self.folders]
        return [f"model=fusion/{self.network}", *off, *(f"++features.{n}={f}" for n, f in self.folders.items())]


REMARK = "remark"
"""A column that a file need not have."""

COLUMNS = ("model", "modality", "network", *INPUTS)

KNOWN = {"mer2023": ("mer2023_semi", Path(__file__).parent / "mer2023" / "classifiers.csv")}
"""Name of a table -> the official set whose published scores it repeats, and its file."""


def read_rows(table: str) -> list[Row]:
    """The rows of a table.

    Args:
        table: one of KNOWN, or a file with the same columns.

    Raises:
        UserError: there is no such file.
        InputErrors: rows without a folder, or without a network that there is.
    """
    path = KNOWN[table][1] if table in KNOWN else Path(table)
    if not path.is_file():
        raise UserError(f"table={table}: no such file, and none of {', '.join(KNOWN)}")
    problems: list[str] = []

    def faults(found: Sequence[str]) -> list[str]:
        absent = [name for name in COLUMNS if name not in found]
        return [f"has no column {', '.join(absent)}"] if absent else []

    rows, networks = [], sorted(file.stem for file in (CONFIG_DIR / "model" / "fusion").glob("*.yaml"))
    for record in read_table(path, faults, problems):
        values = {name: (record.values[name] or "").strip() for name in COLUMNS}
        folders = {name: values[name] for name in INPUTS if values[name]}
        if not values["model"] or not values["network"] or not folders:
            problems.append(f"{record.where}: needs a model, a network and a folder of vectors")
        elif values["network"] not in networks:
            problems.append(f"{record.where}: network: {not_one_of(values['network'], networks)}")
        wrong = [name for name in folders.values() if ".." in name or "/" in name or "\\" in name]
        problems += [f"{record.where}: {shown(name)} is no name of a folder" for name in wrong]
        remark = (record.values.get(REMARK) or "").strip()
        rows.append(Row(values["model"], values["modality"], values["network"], folders, remark))
    if problems:
        raise InputErrors(str(path), problems)
    return rows


def published_value(table: str, row: Row) -> float | None:
    """Weighted F1 that was published for a row, as a fraction; None where there is none."""
    if table not in KNOWN:
        return None
    for score in read_published():
        is_same = (score.benchmark, score.model, score.modality) == (KNOWN[table][0], row.model, row.modality)
        if is_same and score.metric == "weighted_f1":
            return float(score.printed) / score.factor
    return None
