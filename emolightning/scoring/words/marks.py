"""Lists and tables in which each label has a mark: what is marked as wrong, or struck through, is left out."""

import re

MARK = re.compile(
    r"[-✅✓✔☑❌✗✘✖☐×:：=|→(\[\u2013\u2014](?:(?P<yes>(?<=[✅✓✔☑])\ufe0f?|(?<=[(\[])[xX✓✔✅√][\])])"
    r"|(?P<no>(?<=[❌✗✘✖☐×])\ufe0f?|(?<=[(\[])[ \u3000_][\])])"
    r"|\s*[*_`]*(?:(?P<so>[yY](?:es|ES)|[tT](?:rue|RUE)|是|对|はい|예|네)"
    r"|[nN][oO]|[fF](?:alse|ALSE)|否|不是|いいえ|아니요)[*_`]*(?=\s*(?:$|[|,;.)，；。\n]|\d+[.)]))"
    r"|(?<=\|)[ \t]*(?:(?:(?P<x>[xX])|[\u2013\u2014-])[ \t]*)?(?=\|))"
)
"""A mark of a label before or after it; in a table an empty cell is one, too."""

YES = re.compile(r"[✅✓✔☑]|\b(?:yes|true)\b", re.IGNORECASE)
STRUCK = re.compile("~~.*?~~", re.DOTALL)
REMARK = re.compile(r"\([^()]*\)|^\W{0,9}\d{1,2}[.)]")
AROUND = " \t-*•+|:：=,;.，；。_`(\u2013\u2014"
"""What around the name of an entry is no part of it: remarks, the number in a list, bullets."""


def unmarked(text: str) -> str:
    """The text without what it marks as wrong; all that it marks as right is of equal standing.

    >>> unmarked("1. Happy ❌ 2. Sad ✅")
    'Sad'
    """
    text = STRUCK.sub(" ", text) if "~~" in text else text
    if not MARK.search(text):
        return text
    text = _upright(text)
    right: list[str] = []
    rest: list[str] = []
    for line in text.split("\n"):
        marks, is_row = list(MARK.finditer(line)), line.lstrip().startswith("|")
        if not marks:
            rest += [] if is_row else [line]
            continue
        starts, ends = zip(*(mark.span() for mark in marks), strict=True)
        is_before = not _name(line[: starts[0]])
        pieces = (ends, (*starts[1:], len(line))) if is_before else ((0, *ends[:-1]), starts)
        for start, end, mark in zip(*pieces, marks, strict=True):
            if mark["yes"] is not None or mark["so"] or (mark["x"] and not YES.search(text)):
                right.append(_name(line[start:end]))
        if not is_before and not is_row and marks[-1]["no"] is None:
            rest.append(line[ends[-1] :].lstrip(" ,;.，；。"))
    return "\n".join(part for part in (", ".join(right), *rest) if part)


def _name(entry: str) -> str:
    return REMARK.sub("", entry).strip(AROUND)


def _upright(text: str) -> str:
    """The text with a table that has its labels in the first row turned, so that each has a row."""
    rows = [[cell.strip() for cell in line.strip(" |").split("|")] for line in text.split("\n") if "|" in line]
    rows = [row for row in rows if not all(set(cell) <= set(":- ") for cell in row)]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or len(MARK.findall(f"| {' | '.join(rows[1])} |")) < 2:
        return text
    return "\n".join(f"| {name} | {mark or '-'} |" for name, mark in zip(*rows, strict=True))
