"""What becomes of a reply: what was read of it, or why nothing can be."""

from dataclasses import dataclass

EMPTY = "empty reply"


class Unusable(ValueError):
    """A reply that holds nothing that was asked for; the message is the reason, in words that can be counted."""


@dataclass(frozen=True)
class Reading:
    """What a reply says."""

    value: float | None
    """A grade; None where words were asked for."""
    text: str
    """The words, or the reason that was given for the grade."""
