"""Texts from outside on a screen: short, and nothing that a terminal would obey."""

LONGEST = 200
"""Characters of a text in a table or a message."""


def shown(text: str, *, longest: int = LONGEST) -> str:
    """A text as one cell or part of a line: cut with a count of what is left out; control characters are replaced.

    >>> shown("abcdefgh", longest=5)
    'abcde... (3 more characters)'
    """
    left_out = len(text) - longest
    cut = text if left_out <= 0 else f"{text[:longest]}... ({left_out} more character{'s' * (left_out > 1)})"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut)
