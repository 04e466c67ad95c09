"""A sentence while it is read: the emotions that it names, and what holds at a place of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.items import Item

DENIED, CONCEDED, NOT_ASSERTED, LISTED = "denied", "conceded", "not asserted", "listed as an option"
PASSED, OF_ANOTHER, NOT_PLAIN = "no longer", "said of another", "not stated plainly"
LESS, PLAIN, MORE = 1, 2, 3
"""How much an emotion counts within its sentence."""

BARE, CONCLUDED, KEYED, FINAL = 10, 15, 17, 20
"""How much a sentence counts: a label alone, a conclusion, a line `Emotion: ...`, a final answer."""

FARTHEST = 200
"""Words and signs on either side of one that are looked at."""

BEGINS = frozenset((Cue.COMMA, Cue.SIGN, Cue.COLON, Cue.AND))
"""What a clause begins after."""


@dataclass(slots=True)
class Mention:
    """An emotion that an answer names."""

    word: str
    label: str | None
    is_misspelt: bool
    sentence: int
    weight: int = PLAIN
    """0 if it is not the answer."""
    level: int = 0
    because: str = ""
    """Why it is not."""
    is_addition: bool = False
    """Its sentence adds to what was said before."""
    is_plain: bool = True
    """Its clause is one of those that are known to state an emotion."""
    said_of: str = ""
    """The person that its sentence names first."""

    def drop(self, why: str) -> None:
        """It is named, and not the answer."""
        self.weight, self.because = 0, why


class Sentence:
    """What holds at a place of a sentence."""

    clause = 0
    """The number of mentions before this clause."""
    part = 0
    """The number of mentions before the last `but`."""
    is_denied = has_denied = is_than = is_less = is_conceded = is_refused = is_hedged = is_slight = is_main = False
    is_with = is_because = is_at_first = is_option = is_ranked = has_seemed = False
    is_of_another = is_of_a_thing = is_object = is_addition = False
    person = ""
    """Whom it named last."""
    was_named = False
    """The item before belongs to a group of emotions."""

    def __init__(self, number: int, items: Sequence[Item], *, level: int, is_explaining: bool):
        self.number, self.items, self.level, self.is_explaining = number, items, level, is_explaining
        self.mentions: list[Mention] = []

    def next(self, place: int, distance: int = 1) -> Cue | None:
        """What comes next; None at the end."""
        return self.items[place + distance].cue if place + distance < len(self.items) else None

    def before(self, place: int) -> Cue | None:
        """What came before; None at the beginning."""
        return self.items[place - 1].cue if place else None

    def earlier(self, place: int) -> Sequence[Item]:
        """What came before, as far as it is looked at."""
        return self.items[max(0, place - FARTHEST) : place]

    def later(self, place: int) -> Sequence[Item]:
        """What comes after, as far as it is looked at."""
        return self.items[place + 1 : place + FARTHEST]

    def begins_clause(self, place: int) -> bool:
        """Whether a word is the first one of a clause."""
        return place == 0 or self.items[place - 1].cue in BEGINS


def count_less(mentions: Sequence[Mention]) -> None:
    for mention in mentions:
        mention.weight = min(mention.weight, LESS)
