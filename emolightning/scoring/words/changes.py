"""What each cue does to the emotions of its sentence."""

from collections.abc import Callable, Sequence

from emolightning.scoring.words import subjects, turns
from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.sentence import (
    BARE,
    CONCEDED,
    CONCLUDED,
    DENIED,
    FINAL,
    KEYED,
    LESS,
    LISTED,
    NOT_ASSERTED,
    PLAIN,
    Sentence,
    count_less,
)

DASHES = frozenset("-\u2013\u2014\u2015")

BEFORE_A_KEY = frozenset((Cue.SIGN, Cue.WORD, Cue.MAINLY, Cue.DOMINANT, Cue.PERSON))
AFTER_A_KEY = BEFORE_A_KEY | {
    Cue.SEEMS,
    Cue.FROM,
    Cue.TO,
    Cue.SHOWS,
    Cue.ANOTHER,
    Cue.OBJECT,
}
"""What may be between a key and what it says."""


def _deny(sentence: Sentence, place: int) -> None:
    after = sentence.next(place)
    if after is Cue.ONLY or (after in (None, Cue.COMMA) and sentence.begins_clause(place)):
        return  # "not only"; "No, she is sad"
    sentence.is_denied, sentence.has_denied = True, False


def _deny_before(sentence: Sentence, place: int) -> None:
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
    if not (goes_on and sentence.has_denied and _is_list(sentence, place)) and not _is_of_words(sentence, place):
        sentence.is_denied = False
    if sentence.is_option and not sentence.mentions:  # "of these options, sad fits"
        sentence.is_option = False
    sentence.is_object = False
    is_entry = sentence.before(place) is Cue.LABEL and sentence.next(place) in (Cue.LABEL, Cue.OR)
    sentence.is_refused &= is_entry  # "hard to choose: angry, worried"
    if not goes_on:
        sentence.is_conceded = sentence.is_hedged = sentence.is_of_another = sentence.is_of_a_thing = False
        sentence.clause = len(sentence.mentions)


def _sign(sentence: Sentence, place: int) -> None:
    if place and sentence.items[place].word in DASHES:  # "not fear - it is anger"
        sentence.is_denied = False


def _colon(sentence: Sentence, place: int) -> None:
    sentence.is_denied = False
    after = sentence.items[place + 1 : place + 4]
    if [item.cue for item in after[:1]] == [Cue.PERSON] and any(item.cue is Cue.LABEL for item in after):
        count_less(sentence.mentions[: sentence.part])  # "cheerful words, yet her tone gives her away: she is angry"


def _is_list(sentence: Sentence, place: int) -> bool:
    """Whether emotions go on to an `or`, as in "no anger, fear or worry"."""
    for item in sentence.items[place + 1 :]:
        if item.cue in (Cue.OR, Cue.AND):
            return True
        if item.cue not in (Cue.LABEL, Cue.COMMA):
            return False
    return False


def _is_of_words(sentence: Sentence, place: int) -> bool:
    """Whether words go on to an `or` and an emotion, as in "no distress, tension or anger"."""
    for distance, item in enumerate(sentence.items[place + 1 : place + 9], 1):
        if item.cue is Cue.OR:
            return sentence.next(place + distance) is Cue.LABEL
        if item.cue not in (Cue.WORD, Cue.COMMA, Cue.LABEL) or item.role not in ("w", ",", "L"):
            return False
    return False


def _and(sentence: Sentence, place: int) -> None:
    sentence.is_object = False
    if sentence.next(place) in (Cue.IS, Cue.SEEMS):  # "not angry and looks sad"
        sentence.is_denied = sentence.is_less = False
        if not sentence.mentions[sentence.clause :]:  # "wants to go home and looks sad"
            sentence.is_refused = False


def _but(sentence: Sentence, place: int) -> None:
    sentence.is_denied = sentence.is_conceded = sentence.is_refused = sentence.is_hedged = False
    sentence.is_because = sentence.is_object = sentence.is_at_first = sentence.is_of_another = (
        sentence.is_of_a_thing
    ) = False
    rest = sentence.later(place)
    _retort(sentence, [item.cue for item in rest])
    is_weaker = any(item.cue in (Cue.SLIGHTLY, Cue.PERHAPS, Cue.NOT, Cue.REFUSE) for item in rest)
    is_named = any(item.cue is Cue.LABEL for item in rest)
    is_truer = any(item.cue is Cue.MAINLY for item in rest)
    if is_named and not is_weaker and (sentence.has_seemed or is_truer):
        count_less(sentence.mentions)
    sentence.clause = sentence.part = len(sentence.mentions)


def _retort(sentence: Sentence, rest: Sequence[Cue]) -> None:
    """`He says he is not angry, but he is`: the last emotion is what was just denied, or claimed."""
    if not sentence.mentions:
        return
    last = sentence.mentions[-1]
    if [cue for cue in rest if cue not in (Cue.WORD, Cue.MAINLY)] == [Cue.PERSON, Cue.IS] and rest[-1] is Cue.IS:
        last.weight, last.because = PLAIN, ""
    elif rest and rest[-1] is Cue.NOT and Cue.LABEL not in rest:  # "but I would not"
        last.drop(DENIED)


def _than(sentence: Sentence, place: int) -> None:
    if sentence.items[place].word == "over" and sentence.next(place) is not Cue.LABEL:
        return  # "sad over the loss", but "fear over surprise"
    sentence.is_than = not any(item.cue is Cue.LESS for item in (*sentence.earlier(place), *sentence.later(place)))


def _less(sentence: Sentence, place: int) -> None:
    is_part = sentence.items[place].word.startswith("play")  # "plays an angry lawyer", but "plays a role"
    sentence.is_less |= not is_part or sentence.next(place) is Cue.LABEL


def _concede(sentence: Sentence, place: int) -> None:
    is_while = sentence.items[place].word == "while"
    if is_while and place and subjects.turns_to_another(sentence, place):
        return  # "the man is angry, while the woman looks worried"
    is_first = place == 0 or (sentence.begins_clause(place) and any(one.weight for one in sentence.mentions))
    if is_first or not is_while:
        sentence.is_conceded, sentence.is_denied = True, False


def _at_first(sentence: Sentence, place: int) -> None:
    if sentence.items[place].word == "had been" and sentence.next(place) is not Cue.LABEL:
        return
    for mention in sentence.mentions[sentence.part :]:
        mention.drop(CONCEDED)
    sentence.is_at_first = True


def _slightly(sentence: Sentence, place: int) -> None:
    is_after = place > 1 and sentence.items[place - 1].word == "(" and sentence.before(place - 1) is Cue.LABEL
    is_second = sentence.items[place].word.startswith("second") and sentence.next(place) in (None, Cue.COMMA)
    if is_after or (is_second and sentence.mentions):  # "worried (secondary)", "worried would be my second guess"
        count_less(sentence.mentions[-1:])
    else:
        sentence.is_slight = True


def _with(sentence: Sentence, _: int) -> None:
    sentence.is_with = True


def _perhaps(sentence: Sentence, place: int) -> None:
    if sentence.before(place) is Cue.OR:
        return  # "sad or maybe worried": neither is more
    sentence.is_hedged = sentence.has_seemed = True
    words = [item.word for item in sentence.earlier(place)]
    is_next = any(item.cue is Cue.LABEL for item in sentence.earlier(place)[-4:])
    is_next = is_next and not any(item.cue is Cue.LABEL for item in sentence.later(place))
    if sentence.items[place].word in words and is_next:  # "might be sadness, it might be something else"
        for mention in sentence.mentions:
            mention.drop(NOT_ASSERTED)
    for item in sentence.later(place):
        if item.cue is Cue.LABEL:
            return
        if item.cue in (Cue.COMMA, Cue.BUT):
            break
    count_less(sentence.mentions[sentence.clause :])  # "neutral is possible"


def _mainly(sentence: Sentence, place: int) -> None:
    sentence.is_main = True
    sentence.is_at_first &= sentence.items[place].word not in ("in fact", "in reality", "really", "actually", "truly")


def _refuse(sentence: Sentence, place: int) -> None:
    if sentence.items[place].word.startswith("depend") and subjects.is_of_a_person(sentence, place):
        return  # "she depends on others", but "the label depends on the viewer"
    sentence.is_refused = not sentence.is_denied  # "it is not hard to see that he is sad"
    sentence.is_denied = False


def _because(sentence: Sentence, place: int) -> None:
    if sentence.before(place) is not Cue.NOT:  # "laughs, but not because he is happy"
        sentence.is_because, sentence.is_denied = True, False


def _explain(sentence: Sentence, place: int) -> None:
    if sentence.begins_clause(place) and sentence.next(place) in (Cue.COLON, None):
        sentence.is_explaining, sentence.level = True, 0


def _so(sentence: Sentence, place: int) -> None:
    if sentence.begins_clause(place):
        _conclude(sentence, place)


def _conclude(sentence: Sentence, _: int) -> None:
    if sentence.is_option:  # "of the options sad and happy I'd pick sad"
        for mention in sentence.mentions:
            mention.drop(LISTED)
        sentence.is_option = False
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
    begins = [(item.role, item.cue) for item in sentence.items[:3]]
    is_out_of = ("o", Cue.OBJECT) in begins or ("o", Cue.FROM) in begins
    is_choice = is_out_of and ("L", Cue.LABEL) in begins and len(sentence.mentions) > 2
    if is_choice and any(item.cue is Cue.LABEL for item in sentence.later(place)):
        for mention in sentence.mentions:  # "out of happy, sad and angry, the label that fits is sad"
            mention.drop(LISTED)
    starts = all(item.cue in BEFORE_A_KEY for item in sentence.items[:place]) and place < 4
    if after in (Cue.COLON, None) and starts and not sentence.is_slight:
        sentence.level, sentence.is_explaining = max(sentence.level, KEYED), False
        return
    for item in sentence.items[place + 1 : place + 9]:
        if item.cue in (Cue.IS, Cue.COLON, Cue.LABEL):
            sentence.level = max(sentence.level, BARE)
            return
        if item.cue not in AFTER_A_KEY:
            return


def _option(sentence: Sentence, _: int) -> None:
    sentence.is_option = True


def _rank(sentence: Sentence, _: int) -> None:
    sentence.is_ranked = True


def _more_than(sentence: Sentence, place: int) -> None:
    if sentence.before(place) is Cue.LABEL and sentence.next(place) is Cue.LABEL:
        sentence.is_ranked = True


CHANGES: dict[Cue, Callable[[Sentence, int], None]] = {
    Cue.NOT: _deny, Cue.NOT_BEFORE: _deny_before, Cue.RELEASE: _release, Cue.COMMA: _comma,
    Cue.COLON: _colon, Cue.AND: _and,
    Cue.BUT: _but, Cue.THAN: _than, Cue.LESS: _less, Cue.CONCEDE: _concede,
    Cue.AT_FIRST: _at_first, Cue.SLIGHTLY: _slightly, Cue.WITH: _with, Cue.PERHAPS: _perhaps, Cue.MAINLY: _mainly,
    Cue.REFUSE: _refuse, Cue.BECAUSE: _because, Cue.EXPLAINING: _explain, Cue.SO: _so, Cue.CONCLUDE: _conclude,
    Cue.FINAL: _final, Cue.KEY: _key, Cue.OPTIONS: _option, Cue.RANKED: _rank, Cue.MORE_THAN: _more_than,
    Cue.SIGN: _sign,
    Cue.BECOMES: turns.become, Cue.NOW: turns.now,
    Cue.FROM: turns.leave, Cue.TO: turns.arrive,
    Cue.PREVAILS: turns.prevail, Cue.DOMINANT: turns.dominate,
    Cue.PERSON: subjects.person, Cue.ANOTHER: subjects.another, Cue.ABOUT: subjects.thing,
    Cue.MAKES: subjects.make,
    Cue.ANY_EMOTION: subjects.any_emotion,
    Cue.OBJECT: subjects.object_of, Cue.THAT: subjects.that, Cue.ALSO: subjects.add,
}  # fmt: skip
