"""Written lists of labels -> words, by the two readings of the official scripts.

`quoted` is that of MER2024-OV's script, `separated` that of the wheels (OV-MER, MER-UniBench, MER2025, MER2026).
They differ on purpose: published values depend on either, to the letter.
"""

import re
from sys import intern  # Words repeat: a million answers hold millions of them.

_QUOTES = re.compile("['\"]")
_SEPARATORS = re.compile("['\",]")

UNBALANCED = "a bracket has no partner"
NO_BRACKETS = "no brackets"


def quoted(text: str) -> list[str]:
    """What is between quotes, from the first `[` to the next `]`, in lower case; spaces inside quotes stay.

    The official script breaks off at a text without `[` and makes one word of a list without quotes; here both are read
    as in `separated`.

    >>> quoted("['Happy', 'a bit sad'] and ['angry']")
    ['happy', 'a bit sad']
    >>> quoted("[Happy, sad]")
    ['happy', 'sad']
    """
    if "[" not in text:
        return separated(text)
    inside = text.split("[")[1].split("]")[0]
    if not _QUOTES.search(inside):
        return separated(inside)
    return [intern(word.lower()) for word in _QUOTES.split(inside) if word.strip() not in ("", ",")]


def separated(text: str) -> list[str]:
    """What is between quotes and commas, one outer bracket on either side dropped, in lower case.

    >>> separated("[happy, 'Sad', don't know]")
    ['happy', 'sad', 'don', 't know']
    """
    inside = text.strip().removeprefix("[").removesuffix("]")
    return [intern(word.strip().lower()) for word in _SEPARATORS.split(inside) if word.strip()]


def list_fault(text: str) -> str | None:
    """What is wrong with the writing of a list; None for a sound one. The readings above read them all the same.

    >>> [list_fault(text) for text in ("['happy']", "['happy'", "happy, sad")]
    [None, 'a bracket has no partner', 'no brackets']
    """
    written = text.strip()
    if written.startswith("[") != written.endswith("]"):
        return UNBALANCED
    return None if written.startswith("[") else NO_BRACKETS
