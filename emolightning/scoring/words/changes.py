"""What each cue does to the emotions of its sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.items import Item

DENIED, CONCEDED, NOT_ASSERTED, LISTED = "denied", "conceded", "not asserted", "listed as an option"
LESS, PLAIN, MORE = 1, 2, 3
"""How much an emotion counts within its sentence."""

BARE, CONCLUDED, KEYED, FINAL = 10, 15, 17, 20
"""How much a sentence counts: a label alone, a conclusion, a line `Emotion: ...`, a final answer."""

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
    is_with = is_because = is_at_first = is_option = is_ranked = is_mixed = has_seemed = False
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

    def begins_clause(self, place: int) -> bool:
        """Whether a word is the first one of a clause."""
        return place == 0 or self.items[place - 1].cue in BEGINS


def count_less(mentions: Sequence[Mention]) -> None:
    for mention in mentions:
        mention.weight = min(mention.weight, LESS)


def _deny(sentence: Sentence, place: int) -> None:
    after = sentence.next(place)
    if after is Cue.ONLY or (after in (None, Cue.COMMA) and sentence.begins_clause(place)):
        return  # "not only"; "No, she is sad"
    sentence.is_denied, sentence.has_denied = True, False


def _deny_before(sentence: Sentence, _: int) -> None:
    for mention in sentence.mentions[sentence.clause :]:
        if sentence.is_denied:  # "cannot be ruled out"
            mention.weight = min(mention.weight, LESS)
        else:
            mention.drop(DENIED)
    sentence.is_denied = False
    sentence.clause = len(sentence.mentions)


def _release(sentence: Sentence, _: int) -> None:
    sentence.is_denied = False


def _comma(sentence: Sentence, place: int) -> None:
    goes_on = sentence.next(place) is Cue.LABEL
    if not (goes_on and sentence.has_denied and _is_list(sentence, place)):
        sentence.is_denied = False
    sentence.is_refused = False
    if not goes_on:
        sentence.is_conceded = sentence.is_hedged = False
        sentence.clause = len(sentence.mentions)


def _colon(sentence: Sentence, _: int) -> None:
    sentence.is_denied = False


def _is_list(sentence: Sentence, place: int) -> bool:
    """Whether emotions go on to an `or`, as in "no anger, fear or worry"."""
    for item in sentence.items[place + 1 :]:
        if item.cue in (Cue.OR, Cue.AND):
            return True
        if item.cue not in (Cue.LABEL, Cue.COMMA):
            return False
    return False


def _and(sentence: Sentence, place: int) -> None:
    if sentence.next(place) in (Cue.IS, Cue.SEEMS):  # "not angry and looks sad"
        sentence.is_denied = False


def _but(sentence: Sentence, place: int) -> None:
    sentence.is_denied = sentence.is_conceded = sentence.is_refused = sentence.is_hedged = False
    sentence.is_because = sentence.is_at_first = False
    rest = sentence.items[place + 1 :]
    is_weaker = any(item.cue in (Cue.SLIGHTLY, Cue.PERHAPS, Cue.NOT, Cue.REFUSE) for item in rest)
    is_named = any(item.cue is Cue.LABEL for item in rest)
    is_truer = any(item.cue is Cue.MAINLY for item in rest)
    if is_named and not is_weaker and (sentence.has_seemed or is_truer):
        count_less(sentence.mentions)
    sentence.clause = sentence.part = len(sentence.mentions)


def _than(sentence: Sentence, _: int) -> None:
    sentence.is_than = not any(item.cue is Cue.LESS for item in sentence.items)


def _less(sentence: Sentence, _: int) -> None:
    sentence.is_less = True


def _concede(sentence: Sentence, place: int) -> None:
    if sentence.items[place].word != "while" or sentence.begins_clause(place):
        sentence.is_conceded, sentence.is_denied = True, False


def _seem(sentence: Sentence, _: int) -> None:
    sentence.has_seemed = True


def _then(sentence: Sentence, _: int) -> None:
    sentence.is_at_first = False


def _at_first(sentence: Sentence, _: int) -> None:
    for mention in sentence.mentions[sentence.part :]:
        mention.drop(CONCEDED)
    sentence.is_at_first = True


def _slightly(sentence: Sentence, _: int) -> None:
    sentence.is_slight = True


def _with(sentence: Sentence, _: int) -> None:
    sentence.is_with = True


def _perhaps(sentence: Sentence, place: int) -> None:
    if sentence.before(place) is Cue.OR:
        return  # "sad or maybe worried": neither is more
    sentence.is_hedged = sentence.has_seemed = True
    for item in sentence.items[place + 1 :]:
        if item.cue is Cue.LABEL:
            return
        if item.cue in (Cue.COMMA, Cue.BUT):
            break
    count_less(sentence.mentions[sentence.clause :])  # "neutral is possible"


def _mainly(sentence: Sentence, _: int) -> None:
    sentence.is_main = True


def _refuse(sentence: Sentence, _: int) -> None:
    sentence.is_refused = not sentence.is_denied  # "it is not hard to see that he is sad"
    sentence.is_denied = False


def _because(sentence: Sentence, _: int) -> None:
    sentence.is_because, sentence.is_denied = True, False


def _explain(sentence: Sentence, place: int) -> None:
    if sentence.begins_clause(place) and sentence.next(place) in (Cue.COLON, None):
        sentence.is_explaining, sentence.level = True, 0


def _so(sentence: Sentence, place: int) -> None:
    if sentence.begins_clause(place):
        _conclude(sentence, place)


def _conclude(sentence: Sentence, _: int) -> None:
    sentence.level = max(sentence.level, CONCLUDED)
    sentence.is_denied = sentence.is_conceded = sentence.is_hedged = sentence.is_explaining = False


def _final(sentence: Sentence, place: int) -> None:
    after = sentence.next(place)
    if after is Cue.KEY:
        after = sentence.next(place, 2)
    if after in (None, Cue.COLON, Cue.IS, Cue.LABEL, Cue.SIGN):
        sentence.level, sentence.is_explaining = FINAL, False


def _key(sentence: Sentence, place: int) -> None:
    after = sentence.next(place)
    starts = all(item.cue in (Cue.SIGN, Cue.WORD, Cue.MAINLY) for item in sentence.items[:place]) and place < 4
    if after in (Cue.COLON, None) and starts and not sentence.is_slight:
        sentence.level, sentence.is_explaining = max(sentence.level, KEYED), False
        return
    for item in sentence.items[place + 1 : place + 9]:
        if item.cue in (Cue.IS, Cue.COLON, Cue.LABEL):
            sentence.level = max(sentence.level, BARE)
            return
        if item.cue not in (Cue.WORD, Cue.SIGN, Cue.MAINLY, Cue.SEEMS, Cue.ASKING):
            return


def _option(sentence: Sentence, _: int) -> None:
    sentence.is_option = True


def _rank(sentence: Sentence, _: int) -> None:
    sentence.is_ranked = True


def _more_than(sentence: Sentence, place: int) -> None:
    if sentence.before(place) is Cue.LABEL and sentence.next(place) is Cue.LABEL:
        sentence.is_ranked = True


def _mix(sentence: Sentence, _: int) -> None:
    sentence.is_mixed = True


CHANGES: dict[Cue, Callable[[Sentence, int], None]] = {
    Cue.NOT: _deny, Cue.NOT_BEFORE: _deny_before, Cue.RELEASE: _release, Cue.COMMA: _comma, Cue.COLON: _colon,
    Cue.AND: _and,
    Cue.BUT: _but, Cue.THAN: _than, Cue.LESS: _less, Cue.CONCEDE: _concede, Cue.SEEMS: _seem, Cue.THEN: _then,
    Cue.AT_FIRST: _at_first, Cue.SLIGHTLY: _slightly, Cue.WITH: _with, Cue.PERHAPS: _perhaps, Cue.MAINLY: _mainly,
    Cue.REFUSE: _refuse, Cue.BECAUSE: _because, Cue.EXPLAINING: _explain, Cue.SO: _so, Cue.CONCLUDE: _conclude,
    Cue.FINAL: _final, Cue.KEY: _key, Cue.OPTIONS: _option, Cue.RANKED: _rank, Cue.MORE_THAN: _more_than,
    Cue.MIXED: _mix,
}  # fmt: skip
