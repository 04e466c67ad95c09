"""Predictions and truths that belong together by their order: the first row with the first, and so on."""

from collections.abc import Callable, Sequence
from pathlib import Path

from emolightning.errors import InputErrors, UserError
from emolightning.scoring.rows import Row


def paired_by_row(
    said: Sequence[Row], truths: Sequence[Row], answers: Path, truth: Path, identity: Callable[[str], str]
) -> tuple[list[Row], list[Row]]:
    """The same rows, each with the name of its pair as its id.

    Args:
        said: an id or None, and the answer.
        truths: an id or None, and the truth.
        answers: the file of `said`.
        truth: the file of `truths`, perhaps the same.
        identity: an id as ids are compared.

    Raises:
        UserError: the numbers of rows differ.
        InputErrors: both files have ids, and rows that would be a pair are about different clips.
    """
    if len(said) != len(truths):
        raise UserError(
            f"pair_by=row: {answers} has {len(said)} rows and {truth} has {len(truths)}; rows are paired only where "
            "the numbers are equal; give both files ids, and say pair_by=id"
        )
    ids = [tuple(identity(row.values[0] or "") for row in pair) for pair in zip(said, truths, strict=True)]
    problems = [
        f"line {row.line}: is about {here!r}, and its pair in {truth}, line {other.line}, about {there!r}; pair_by=id "
        "pairs by these ids"
        for row, other, (here, there) in zip(said, truths, ids, strict=True)
        if here and there and here != there
    ]
    if problems:
        raise InputErrors(str(answers), problems)
    names = [there or here for here, there in ids]
    if "" in names or len(set(names)) < len(names):
        names = [f"{truth.stem} row {number}" for number in range(1, len(names) + 1)]
    return _named(said, names), _named(truths, names)


def _named(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    return [Row(row.line, (name, *row.values[1:])) for row, name in zip(rows, names, strict=True)]
