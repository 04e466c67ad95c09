"""Truths of `score` in a benchmark's own label file, read as the data modules read it.

The `reader.py` of a benchmark may have `read_truths(path, problems, benchmark=..., split=...)`, which gives a
`LabelRow` for each clip, several labels side by side, and adds what is wrong to `problems`; without it, the files are
read as those that several benchmarks share.
"""

from collections.abc import Sequence, Set
from pathlib import Path

from emolightning.benchmarks.registry import official_benchmarks, reader_of
from emolightning.data.readers.label_files import LabelRow, read_label_file
from emolightning.data.tables.kinds import TABLE_SUFFIXES
from emolightning.data.tables.reading import read_table
from emolightning.errors import InputErrors, UserError
from emolightning.scoring.predictions import Columns
from emolightning.scoring.rows import Row


def official_truth(path: Path, columns: Columns, *, benchmark: str | None, split: str) -> list[Row] | None:
    """Id, label and, if asked for, valence of each clip; None for a table that is read by names of its columns.

    Args:
        path: the truth file.
        columns: names; a text file that has those of id and truth is read by them, unless they are the benchmark's own
            and its labels are numbers.
        benchmark: whose file it is, if that was said.
        split: the part of an archive; `train` and `val` are its training clips.

    Raises:
        UserError: an archive of several sets without a benchmark, or a file of labels where truths are none.
        InputErrors: everything that is wrong in the file.
    """
    if not path.is_file() or not _is_official(path, columns, benchmark):
        return None
    if benchmark is not None and official_benchmarks()[benchmark].kind not in ("classification", "multi_label"):
        raise UserError(
            f"truth={path} is read as labels of each clip, but benchmark={benchmark} is not scored by labels; give the "
            "truth as a CSV or JSONL table"
        )
    if columns.arousal_truth is not None:
        raise UserError(
            f"columns.arousal_truth={columns.arousal_truth}: {path} is a benchmark's own file of labels, which has no "
            "arousal; give the truth as a table with the columns id, truth and this one"
        )
    if asked := columns.about_clips():
        setting = "annotators" if columns.annotators else "cluster" if columns.cluster else "slices"
        raise UserError(
            f"{setting}: {path} is a benchmark's own file of labels, which has no column {asked[0]!r}; give the truth "
            "as a table with the columns id, truth and this one"
        )
    problems: list[str] = []
    found = _read(path, problems, benchmark, split)
    if problems or not found:
        raise InputErrors(
            str(path), problems or ["the file has no clips; give one with an id and a label for each clip"]
        )
    return [Row(number, _values(row, columns)) for number, row in enumerate(found, start=1)]


def _is_official(path: Path, columns: Columns, benchmark: str | None) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (*TABLE_SUFFIXES, ".txt"):
        return suffix == ".npz"
    wanted = {columns.truth_id or columns.id, columns.truth}
    official = official_benchmarks()[benchmark] if benchmark is not None else None
    own = official.truth_columns if official else frozenset()
    header = _header(path, [wanted, own or wanted])
    if wanted <= header:
        return official is not None and official.truth_is_coded and wanted == own
    return suffix == ".txt" or (bool(own) and own <= header)


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
            raise UserError(f"{error}; say benchmark=NAME, the benchmark of this file") from None
    read = getattr(reader_of(benchmark), "read_truths", None)
    if read is None:
        return read_label_file(path, problems)
    return read(path, problems, benchmark=benchmark, split=split)


def _values(row: LabelRow, columns: Columns) -> tuple[str | None, ...]:
    if columns.valence_truth is None:
        return row.name, row.label
    return row.name, row.label, None if row.valence is None else repr(row.valence)
