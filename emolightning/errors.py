"""What a user is told of a mistake: the exception that carries it, texts from outside made safe, words to paste."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

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


def is_unicode(text: str) -> bool:
    r"""Whether a text can be written as UTF-8: JSON and file names may hold halves of a character.

    >>> is_unicode("\N{GRINNING FACE}"), is_unicode("\ud800")
    (True, False)
    """
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


CELL = 200
"""Characters of a text in a table or a message."""


def shown(text: str, *, longest: int = CELL) -> str:
    """A text as one cell or part of a line: cut with a count of what is left out; control characters are replaced.

    >>> shown("abcdefgh", longest=5)
    'abcde... (3 more characters)'
    """
    left_out = len(text) - longest
    cut = text if left_out <= 0 else f"{text[:longest]}... ({left_out} more character{'s' * (left_out > 1)})"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut)


PLAIN_KEY = re.compile(r"[+-]?\d+|[A-Za-z_][A-Za-z0-9_]*(?:[-./+][A-Za-z0-9_]+)*")
"""Keys that Hydra's grammar takes inside of braces: it cannot quote a key there."""


def quoted_override(key: str, value: object) -> str:
    r"""The word `key=value`, to be pasted into a shell.

    Args:
        key: the dotted name of the setting.
        value: a text, path, number, truth value, None, or a list or mapping of these.

    >>> quoted_override("run_name", "lr=0.1"), quoted_override("checkpoint", "outputs/demo")
    ('\'run_name="lr=0.1"\'', 'checkpoint=outputs/demo')

    Raises:
        ValueError: a mapping has a key that cannot be written on a command line.
    """
    return shlex.quote(override(key, value))


def override(key: str, value: object) -> str:
    """The word `key=value` as Hydra reads it, for a program that is started without a shell.

    Raises:
        ValueError: a mapping has a key that cannot be written on a command line.
    """
    return f"{key}={_written(value)}"


def _written(value: object) -> str:
    """The value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(name)}: {_written(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return str(value)


def _key(name: object) -> str:
    if not PLAIN_KEY.fullmatch(str(name)):
        raise ValueError(f"Expected a key that Hydra's grammar can hold, but got {name!r}")
    return str(name)


def _text(text: str) -> str:
    """The text as it is where Hydra reads it back so, else in quotes."""
    # Imported late: most calls are for messages, and the settings are read without Hydra's parser.
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Quote, QuotedString
    from hydra.errors import HydraException

    # Inside of quotes OmegaConf still resolves `${...}`.
    escaped = text.replace("${", "\\${")
    try:
        read = OverridesParser.create().parse_overrides([f"key=[{escaped}]"])[0].value()
    except HydraException:
        read = None
    if text and read == [text]:
        return text
    return QuotedString(text=escaped, quote=Quote.double).with_quotes()
