"""The one exception for mistakes a user can mend: shown as a message, never as a traceback."""

import re
from collections.abc import Iterable, Sequence

_NAMED = re.compile(r"'[^']*'|\"[^\"]*\"|\S+ \((?:train|val|test)\)|\S*[\d/\\]\S*|\S+\.\w+:?")
"""What differs between sentences of a kind: quoted values, clips, numbers, paths and files."""


LONGEST = 1000
"""Characters of one problem on a screen: a value may be a whole transcript that got into the wrong column."""


class UserError(ValueError):
    """Something the user can fix. The message says what is wrong, where, the value, and the remedy."""


class EndOfRun(UserError):
    """What ends a run in all its processes, for the same reason; the first one says it."""


class InputErrors(UserError):
    """All problems of one kind of input at once, so that a file is mended in one go.

    Args:
        subject: what was read, e.g. the path of an annotation file.
        problems: one line each: where, the value, what is allowed, what to do.
        limit: lines shown; of more problems the equal ones are grouped, and the rest are counted, not hidden.
        note: what is true of all of them, below the list.
    """

    def __init__(self, subject: str, problems: Sequence[str], *, limit: int = 50, note: str = ""):
        self.subject = subject
        self.problems = list(problems)
        lines = self.problems if len(self.problems) <= limit else shortened(self.problems, shown=5)
        shown = "\n".join(f"  - {without_middle(line)}" for line in lines[:limit])
        rest = f"\n  ... and {len(lines) - limit} more" if len(lines) > limit else ""
        below = f"\n{note}" if note else ""
        super().__init__(f"{subject}: {len(self.problems)} problem(s)\n{shown}{rest}{below}")


def without_middle(problem: str, *, longest: int = LONGEST) -> str:
    """A long problem as its beginning, which says where, and its end, which says what to do.

    >>> without_middle("line 2: 'aaaaaaaaaa' is no label", longest=20)
    "line 2: 'a ... (12 characters) ... s no label"
    """
    if len(problem) <= longest:
        return problem
    half = longest // 2
    return f"{problem[:half]} ... ({len(problem) - 2 * half} characters) ... {problem[-half:]}"


def shortened(sentences: Iterable[str], *, shown: int, remedy: str = "") -> list[str]:
    """The first few of each kind, and how many more there are: a thousand equal ones would bury the rest.

    Args:
        sentences: those that differ in names and numbers alone are of a kind.
        shown: of each kind.
        remedy: how to get all of them, where there is a way.
    """
    kinds: dict[str, list[str]] = {}
    for sentence in sentences:
        kinds.setdefault(re.sub(r"\*(?:[\s,]*\*)*", "*", _NAMED.sub("*", sentence)), []).append(sentence)
    lines: list[str] = []
    for same in kinds.values():
        lines += same[:shown]
        if len(same) > shown:
            lines.append(f"... and {len(same) - shown} more like this{remedy}")
    return lines


def printable(message: str) -> str:
    r"""A message as it may reach a terminal: it may quote a file, and control characters would steer it.

    >>> printable("a\x1b[31m")
    'a\\x1b[31m'
    """
    return "".join(letter if letter.isprintable() or letter in "\n\t" else ascii(letter)[1:-1] for letter in message)
