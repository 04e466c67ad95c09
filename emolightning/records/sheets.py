"""Tables of texts, and the forms that people paste them in: Markdown, LaTeX, CSV."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emolightning.errors import shown

LONGEST = 200
"""Characters of a cell."""


@dataclass(frozen=True)
class Sheet:
    """A table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    """Sentences below it."""

    def cells(self) -> list[list[str]]:
        """The rows, each text on one line and of bounded length: names come from outside."""
        return [[shown(cell, longest=LONGEST) for cell in row] for row in self.rows]


def markdown(sheets: Iterable[Sheet]) -> str:
    r"""GitHub's tables.

    >>> print(markdown([Sheet("Scores", ["system", "war"], [["a|b", "0.5"]])]))
    ## Scores
    <BLANKLINE>
    | system | war |
    |---|---|
    | a\|b | 0.5 |
    <BLANKLINE>
    """
    return "\n".join(line for sheet in sheets for line in _markdown_lines(sheet))


MARKUP = re.compile(r"[|<>*_`&\[\]\\]")
"""Characters that mean something in a cell."""


def _markdown_lines(sheet: Sheet) -> list[str]:
    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(MARKUP.sub(_escaped, cell) for cell in cells)} |"

    lines = [row(sheet.columns), f"|{'---|' * len(sheet.columns)}", *map(row, sheet.cells()), ""]
    notes = [f"- {MARKUP.sub(_escaped, shown(note, longest=2000))}" for note in sheet.notes]
    return [f"## {sheet.title}", "", *lines, *notes, *([""] if notes else [])]


def _escaped(found: re.Match[str]) -> str:
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], "\\" + found[0])


LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def latex(sheets: Iterable[Sheet]) -> str:
    r"""Tabulars with the rules of the package booktabs.

    >>> print(latex([Sheet("Scores", ["system", "war"], [["a_b", "50 %"]])]))
    % Scores; needs \usepackage{booktabs}
    \begin{tabular}{lr}
    \toprule
    system & war \\
    \midrule
    a\_b & 50 \% \\
    \bottomrule
    \end{tabular}
    <BLANKLINE>
    """
    return "\n".join(_latex_of(sheet) for sheet in sheets)


def _latex_of(sheet: Sheet) -> str:
    def row(cells: Sequence[str]) -> str:
        return " & ".join("".join(LATEX.get(letter, letter) for letter in cell) for cell in cells) + r" \\"

    notes = [f"% {shown(note, longest=2000)}" for note in sheet.notes]
    lines = [
        f"% {shown(sheet.title)}; needs \\usepackage{{booktabs}}",
        rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}",
        r"\toprule",
        row(sheet.columns),
        r"\midrule",
        *map(row, sheet.cells()),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join([*lines, *notes, ""])


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that a spreadsheet would compute."""


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Comma-separated values; a text that a spreadsheet would compute gets an apostrophe.

    >>> csv_text(["id"], [["=1+1"], [-0.5]])
    "id\n'=1+1\n-0.5\n"
    >>> csv_text(["=1+1"], [])
    "'=1+1\n"
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([[uncomputed(cell) for cell in row] for row in (columns, *rows)])
    return file.getvalue()


def uncomputed(cell: object) -> object:
    """A cell as it is, a text that a spreadsheet would compute behind an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", text))
