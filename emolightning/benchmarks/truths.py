"""Truths of `score` in a benchmark's own label file, read as the data modules read it."""

from collections.abc import Sequence, Set
from pathlib import Path

from emolightning.benchmarks.official import BENCHMARKS
from emolightning.data.readers.label_files import LabelRow, read_label_file
from emolightning.data.tables.kinds import TABLE_SUFFIXES
from emolightning.data.tables.reading import read_table
from emolightning.errors import InputErrors, UserError
from emolightning.scoring.predictions import Columns
from emolightning.scoring.rows import Row

OFFICIAL = {"dfew": {"video_name", "label"}, "mer": {"name", "discrete"}}
"""How the name of a benchmark begins -> columns of its official CSV files."""


def official_truth(path: Path, columns: Columns, *, benchmark: str | None, split: str) -> list[Row] | None:
    """Id, label and, if asked for, valence of each clip; None for a table that is read by names of its columns.

    Args:
        path: the truth file.
        columns: names; a text file that has those of id and truth is read by them, unless they are DFEW's own, whose
            labels are numbers.
        benchmark: whose file it is, if that was said.
        split: the part of an archive; `train` and `val` are its training clips.

    Raises:
        UserError: an archive of several sets without a benchmark, or a file of labels where truths are none.
        InputErrors: everything that is wrong in the file.
    """
    if not path.is_file() or not _is_official(path, columns, benchmark):
        return None
    if benchmark is not None and BENCHMARKS[benchmark].kind != "classification":
        raise UserError(f"truth={path}: is a file of labels, and {benchmark} has none; give a CSV or JSONL file")
    problems: list[str] = []
    found = _read(path, problems, benchmark, split)
    if problems or not found:
        raise InputErrors(str(path), problems or ["there are no clips in the file"])
    return [Row(number, _values(row, columns)) for number, row in enumerate(found, start=1)]


def _is_official(path: Path, columns: Columns, benchmark: str | None) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (*TABLE_SUFFIXES, ".txt"):
        return suffix == ".npz"
    wanted = {columns.truth_id or columns.id, columns.truth}
    official = next((names for start, names in OFFICIAL.items() if (benchmark or "").startswith(start)), None)
    header = _header(path, [wanted, official or wanted])
    if wanted <= header:
        return wanted == official == OFFICIAL["dfew"]
    return suffix == ".txt" or (official is not None and official <= header)


def _header(path: Path, accepted: Sequence[Set[str]]) -> set[str]:
    """The columns of a table that has all of one of these sets; none of any other file."""
    first = next(
        read_table(path, lambda found: [] if any(map(set(found).issuperset, accepted)) else ["other"], []), None
    )
    return set(first.values) if first else set()


def _read(path: Path, problems: list[str], benchmark: str | None, split: str) -> list[LabelRow]:
    if benchmark is None:
        try:
            return read_label_file(path, problems)
        except UserError as error:
            raise UserError(f"{error}; benchmark=NAME says whose file it is") from None
    # The data modules bring torch, which no other file of `score` needs.
    if benchmark.startswith("dfew"):
        from emolightning.benchmarks.dfew.reader import read_fold_labels

        if path.suffix.lower() == ".npz":
            raise UserError(f"truth={path}: DFEW has no label archive; give its CSV file, or another benchmark")
        return read_fold_labels(path, problems)
    from emolightning.benchmarks.mer.mer2023 import TRACKS

    track = TRACKS.get(benchmark.removeprefix("mer2023_"))
    corpus = "train_corpus" if split in ("train", "val") else track.corpus if track else None
    return read_label_file(path, problems, corpus=corpus)


def _values(row: LabelRow, columns: Columns) -> tuple[str | None, ...]:
    if columns.valence_truth is None:
        return row.name, row.label
    return row.name, row.label, None if row.valence is None else repr(row.valence)
