"""Words that mean a label: the project's own table, none, or one from a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emolightning.errors import InputErrors, UserError
from emolightning.records.labels import SYNONYMS, nearest, spelling
from emolightning.scoring.reading import Parser
from emolightning.scoring.rows import read_rows

DEFAULT, NONE = "default", "none"
COLUMNS = ("alias", "label")


def alias_table(name: str, labels: Sequence[str], parser: Parser) -> Mapping[str, str]:
    """Word -> label.

    Args:
        name: `default`, `none`, or a table with the columns alias and label.
        labels: the vocabulary.
        parser: of the answers; only `words` knows aliases.

    Raises:
        UserError: a file for a parser without aliases, or no such file.
        InputErrors: what is wrong in the file.
    """
    if name == DEFAULT:
        return SYNONYMS
    if name == NONE:
        return {}
    if parser != "words":
        raise UserError(f"aliases={name}: parser={parser} reads without aliases; use parser=words")
    if not Path(name).is_file():
        raise UserError(f"aliases={name}: is neither {DEFAULT} nor {NONE}, and there is no such file")
    return _read_file(Path(name), labels)


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
