"""Labels that several people gave the same clips, and the one that counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

Ties = Literal["refuse", "first", "drop"]
"""What becomes of a clip with several labels that have the most votes: `refuse` it and all others, take the one that
the first annotator with one of them gave, or leave the clip out."""

TIES: tuple[str, ...] = get_args(Ties)

Targets = Literal["majority", "soft"]
"""What a clip with votes teaches: the label with the most, or each label by its share of them."""

TARGETS: tuple[str, ...] = get_args(Targets)

CURES = (
    "{setting}=first takes the one of these labels that was named first, {setting}=drop leaves such clips out; both "
    "are counted"
)
"""What a message proposes where votes are tied."""


@dataclass(frozen=True)
class Votes:
    """Who said what: the same people of all clips, or each time others."""

    annotators: tuple[str, ...]
    """The people, where they are the same; nobody where `raters` says who judged which clip."""
    of_clips: Mapping[str, tuple[str | None, ...]]
    """Clip -> the label of each annotator, None where there is none; or its votes, however many they are."""
    ties: Ties = "refuse"
    tied: tuple[str, ...] = ()
    """Clips with several labels that have the most votes."""
    raters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Clip -> who gave each of its votes, where these are not always the same people; an empty name is not known."""


def leaders(votes: Sequence[str | None]) -> list[str]:
    """The labels with the most votes, in the order of the first vote of each.

    >>> leaders(["sad", "happy", None, "happy"]), leaders(["sad", "happy"]), leaders([None])
    (['happy'], ['sad', 'happy'], [])
    """
    counts = Counter(vote for vote in votes if vote is not None)
    most = max(counts.values(), default=0)
    return [label for label, number in counts.items() if number == most]


def shares(votes: Sequence[str | None]) -> tuple[tuple[str, float], ...]:
    """Each label with its share of the votes, in the order of the first vote of each.

    >>> shares(["sad", "happy", None, "happy", "happy"])
    (('sad', 0.25), ('happy', 0.75))
    """
    counts = Counter(vote for vote in votes if vote is not None)
    return tuple((label, number / counts.total()) for label, number in counts.items())


def tie_in_words(votes: Sequence[str | None]) -> str:
    """What a message says of a tie.

    >>> tie_in_words(["sad", "happy", "sad", "happy", "angry"])
    'sad 2, happy 2, angry 1'
    """
    return ", ".join(f"{label} {number}" for label, number in Counter(filter(None, votes)).most_common())
