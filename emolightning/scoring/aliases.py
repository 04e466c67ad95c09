"""Words that mean a label: the project's own, none, and those of a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emolightning.errors import InputErrors, UserError
from emolightning.records.labels import nearest, spelling
from emolightning.scoring.reading import Parser
from emolightning.scoring.rows import read_rows

DEFAULT, NONE, REPLACE = "default", "none", "replace:"
WITH_ALIASES = ("words", "regex", "upstream_2026", "judge")
"""Parsers that know other words for a label; the one of 2026 only those of a file."""

COLUMNS = ("alias", "label")


def alias_table(name: str, labels: Sequence[str], parser: Parser) -> tuple[Mapping[str, str], bool]:
    """Word -> label; and whether the project's own words are known beside them.

    Args:
        name: `default`, `none`, a table with the columns alias and label, or `replace:` and such a table, which is then
            all that is known.
        labels: the vocabulary.
        parser: of the answers.

    Raises:
        UserError: a file for a parser without aliases, or no such file.
        InputErrors: what is wrong in the file.
    """
    if name == DEFAULT:
        return {}, True
    if name == NONE:
        return {}, False
    if parser not in WITH_ALIASES:
        raise UserError(f"aliases={name}: parser={parser} reads without aliases; use parser=words")
    path = Path(name.removeprefix(REPLACE))
    if not path.is_file():
        raise UserError(f"aliases={name}: is neither {DEFAULT} nor {NONE}, and there is no such file")
    table = _read_file(path, labels)
    return table, not name.startswith(REPLACE)


def described(name: str, parser: Parser) -> str:
    """What `metrics.json` calls the choice: no path.

    >>> described("tables/mine.csv", "words")
    'default, mine.csv'
    """
    if parser not in WITH_ALIASES or (parser, name) == ("upstream_2026", DEFAULT):
        return NONE
    if name in (DEFAULT, NONE):
        return name
    file = Path(name.removeprefix(REPLACE)).name
    return file if name.startswith(REPLACE) else f"{DEFAULT}, {file}"


def _read_file(path: Path, labels: Sequence[str]) -> dict[str, str]:
    spellings = {spelling(label): label for label in labels}
    table: dict[str, str] = {}
    problems = []
    for row in read_rows(path, COLUMNS):
        alias, label = (spelling(value or "") for value in row.values)
        meant = spellings.get(label)
        if not alias:
            problems.append(f"line {row.line}: the alias is empty")
        elif meant is None:
            near = nearest(label, labels)
            hint = f"; did you mean {near!r}?" if near else ""
            problems.append(f"line {row.line}: {label!r} is not one of {list(labels)}{hint}")
        elif alias in spellings:
            problems.append(f"line {row.line}: {alias!r} is a label itself; take the line out")
        elif table.setdefault(alias, meant) != meant:
            problems.append(f"line {row.line}: {alias!r} means {table[alias]!r} already; keep one")
    if problems:
        raise InputErrors(str(path), problems)
    return table
