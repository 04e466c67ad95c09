"""Which of the emotions that an answer names is the one it gives: what is denied, conceded or hinted at is not."""

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

from emolightning.scoring.words.changes import CHANGES
from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.items import Item
from emolightning.scoring.words.plain import is_plain
from emolightning.scoring.words.roles import NOTHING
from emolightning.scoring.words.sentence import (
    BARE,
    CONCEDED,
    CONCLUDED,
    DENIED,
    FARTHEST,
    FINAL,
    KEYED,
    LESS,
    LISTED,
    MORE,
    NOT_ASSERTED,
    OF_ANOTHER,
    PLAIN,
    Mention,
    Sentence,
    count_less,
)
from emolightning.scoring.words.subjects import are_one, is_no_person

STATEMENTS = {0: "the text", BARE: "a label alone", CONCLUDED: "a conclusion", KEYED: "a key", FINAL: "a final answer"}

GROUP = frozenset((Cue.AND, Cue.OR, Cue.COMMA, Cue.SIGN, Cue.NUMBER))
"""What may be between emotions that are meant alike."""

SAID_OF_ALL = frozenset(("sadly", "happily", "surprisingly", "gladly", "unhappily"))
"""`Sadly, nothing can be seen` is what the writer feels; `Angrily, he asks` is not."""

YES = "+"
"""The role of what makes a question a statement: `Sad? Yes.`"""

ASKING = frozenset("qiumX")
"""The roles of words with which a question begins."""

PART, KEY, A_PART = re.compile("[ec]+[ih:]"), re.compile(":?[^:L]{0,12}:{1,2}L"), "a part"
"""`The voice sounds sad`, `the video suggests neutral` and `Speaker B: sad` say something of a part of the clip."""

ROW = "|"
"""Begins a row of a table."""

ENDS = frozenset((Cue.STOP, Cue.ASKED, Cue.LINE))

WORN = frozenset(("tie", "a tie", "tied"))
"""They say that emotions count the same, or speak of clothes and bound hands."""

UNTIED = ("!", "p", "r", "pR")
"""The roles of words before `tied` that make it no tie: a person, and `not`."""

BEFORE_A_TIE = ("L", "n", "k", "x", "xi", "E", ":", ";")
"""The roles of words after which a tie is one of emotions: `sad, angry (tie)`, `that's a tie`."""

NOT_BARE = frozenset(
    (
        *(Cue.WORD, Cue.SEEMS, Cue.IS, Cue.WITH, Cue.BECAUSE, Cue.ABOUT, Cue.SLIGHTLY, Cue.PERHAPS, Cue.PERSON),
        *(Cue.ANOTHER, Cue.FROM, Cue.TO, Cue.SHOWS, Cue.MAKES, Cue.OBJECT),
    )
)


def mentions_of(items: Sequence[Item]) -> tuple[list[Mention], int]:
    """Every emotion that is named, with its weight; and the number of sentences."""
    found: list[Mention] = []
    level, explaining, has_seemed, number, start = 0, False, False, 0, 0
    asked: list[Mention] = []
    is_tied = says_tie(items)
    for end in [*(place for place, item in enumerate(items) if item.cue in ENDS), len(items)]:
        if end > start:
            sentence = Sentence(number, items[start:end], level=level, is_explaining=explaining)
            is_asked = end < len(items) and items[end].cue is Cue.ASKED
            _weigh(sentence, is_asked=is_asked, is_tied=is_tied)
            is_taken_back = len(sentence.items) == 1 and sentence.items[0].cue is Cue.NOT  # "Happy... not."
            if not sentence.mentions and sentence.items[0].role != YES:
                for mention in found[-1:] if is_taken_back else asked:
                    mention.drop(DENIED)
            asked = [*asked, *sentence.mentions] if is_asked else []
            level = 0 if sentence.mentions else sentence.level
            explaining = sentence.is_explaining
            if has_seemed and sentence.items[0].cue is Cue.BUT:
                count_less(found)
            found += sentence.mentions
            has_seemed |= sentence.has_seemed
            number += 1
        start = end + 1
    return found, number


def says_tie(items: Sequence[Item]) -> bool:
    """Return whether emotions are said to count the same.

    `A tie.` and `they are tied` say it; `he wears a tie` and `his hands are tied` do not.
    """
    return any(
        item.cue is Cue.TIED and (item.word not in WORN or _is_of_emotions(items, place))
        for place, item in enumerate(items)
    )


def _is_of_emotions(items: Sequence[Item], place: int) -> bool:
    """Whether a tie is one of emotions by the words before it: they are no person, and speak of no clothes."""
    before = items[max(0, place - FARTHEST) : place]
    is_tied = items[place].word == "tied"
    if items[place].word == "tie" and before and (before[-1].role, before[-1].cue) == (NOTHING, Cue.WORD):
        return False  # "his tie"
    row = [
        one for one in takewhile(lambda one: one.cue not in ENDS, reversed(before)) if one.role not in (NOTHING, ",")
    ]
    if is_tied:
        subject = next((one for one in row if one.role not in ("i", "xi", "ui")), None)
        return subject is None or subject.word == "they" or subject.role not in UNTIED
    return not row or row[0].cue in (Cue.IS, Cue.TO) or row[0].role in BEFORE_A_TIE


def likeliest(items: Sequence[Item]) -> list[Mention]:
    """The emotions with the largest number, where each has one, as in `sad 0.7, happy 0.3`; none otherwise."""
    if [item.cue for item in items].count(Cue.NUMBER) < 2:
        return []
    row = [(place, item) for place, item in enumerate(items) if item.cue is Cue.LABEL or _is_share(items, place)]
    labels, numbers = ([item for _, item in row if (item.cue is Cue.LABEL) == side] for side in (True, False))
    alternates = all(one[1].cue is not next_one[1].cue for one, next_one in pairwise(row))
    if len(labels) < 2 or len(labels) != len(numbers) or not alternates:
        return []
    shares = [float(number.word.rstrip("%").split("/")[0]) for number in numbers]
    best = [label for label, share in zip(labels, shares, strict=True) if share == max(shares)]
    return [Mention(item.word, item.label, item.is_misspelt, 0) for item in best]


def _is_share(items: Sequence[Item], place: int) -> bool:
    item, before = items[place], items[place - 1] if place else None
    is_marked = any(sign in item.word for sign in "%./") or (before is not None and before.cue in (Cue.COLON, Cue.SIGN))
    return item.cue is Cue.NUMBER and is_marked


def _weigh(sentence: Sentence, *, is_asked: bool, is_tied: bool) -> None:
    for place, item in enumerate(sentence.items):
        cue = item.cue
        if cue is Cue.LABEL:
            _name(sentence, place)
            continue
        if sentence.was_named and cue not in GROUP:
            if cue is Cue.ABOUT and is_no_person(item.word):
                sentence.mentions[-1].drop(OF_ANOTHER)
                sentence.has_denied = False  # "I don't think, with this happy music, that he is sad"
            elif cue is Cue.ABOUT:
                count_less(sentence.mentions[-1:])
            sentence.was_named = False
            sentence.is_than = sentence.is_less = sentence.is_slight = sentence.is_main = sentence.is_with = False
        if change := CHANGES.get(cue):
            change(sentence, place)
    if sentence.mentions:
        _close(sentence, is_asked=is_asked, is_tied=is_tied)


def _name(sentence: Sentence, place: int) -> None:
    item = sentence.items[place]
    if place == 0 and item.word in SAID_OF_ALL and sentence.next(place) is Cue.COMMA:
        return
    mention = Mention(item.word, item.label, item.is_misspelt, sentence.number, level=sentence.level)
    if sentence.is_denied or sentence.is_than or sentence.is_less:
        mention.drop(DENIED)
        sentence.has_denied = True
    elif sentence.is_refused:
        mention.drop(NOT_ASSERTED)
    elif sentence.is_of_another:
        mention.drop(OF_ANOTHER)
    elif sentence.is_conceded or sentence.is_at_first:
        mention.drop(CONCEDED)
    elif _is_lesser(sentence):
        mention.weight = LESS
    elif sentence.is_main:
        mention.weight = MORE
    mention.is_plain = not mention.weight or is_plain(sentence.items, place)
    mention.said_of = sentence.person
    sentence.mentions.append(mention)
    sentence.was_named = True


def _is_lesser(sentence: Sentence) -> bool:
    is_beside = bool(sentence.mentions) and (sentence.is_with or sentence.is_because or sentence.is_object)
    return sentence.is_slight or sentence.is_hedged or sentence.is_explaining or sentence.is_of_a_thing or is_beside


def _close(sentence: Sentence, *, is_asked: bool, is_tied: bool) -> None:
    """What only the whole sentence shows."""
    said_of = next((item.word for item in sentence.items if item.cue is Cue.PERSON), "")
    roles = "".join(item.role for item in sentence.items[:12])
    has_key = sentence.items[0].word == ROW or (KEY.match(roles) is not None and _is_of_words(sentence.items))
    if has_key or (not said_of and PART.match(roles)):
        said_of = A_PART
    for mention in sentence.mentions:
        mention.said_of = said_of if has_key else mention.said_of or said_of
        mention.is_addition = sentence.is_addition
    usable = [mention for mention in sentence.mentions if mention.weight]
    if sentence.is_option:
        for mention in usable:
            if mention.weight < MORE:  # "of these options, sad fits best"
                mention.drop(LISTED)
    elif is_asked:
        is_question = sentence.items[0].cue is Cue.PERHAPS or sentence.items[0].role[:1] in ASKING
        for mention in usable:
            mention.weight, mention.level = LESS, 0
            if is_question:
                mention.drop(NOT_ASSERTED)
    elif says_tie(sentence.items):
        for mention in usable:  # "several emotions: surprise, then joy when he sees her"
            mention.weight = max(one.weight for one in usable)
    elif sentence.is_ranked and not is_tied:
        count_less(usable[1:])
        return
    if not (sentence.is_option or is_asked or sentence.level) and _is_bare(sentence):
        for mention in usable:
            mention.level = BARE


def _is_of_words(items: Sequence[Item]) -> bool:
    """Whether there are words before the first emotion."""
    return any(item.cue in NOT_BARE for item in takewhile(lambda item: item.cue is not Cue.LABEL, items))


def _is_bare(sentence: Sentence) -> bool:
    return not any(item.cue in NOT_BARE for item in sentence.items)


def chosen(mentions: Sequence[Mention], num_sentences: int) -> list[Mention]:
    """Those that are the answer: more than one label among them means that none is."""
    usable = [mention for mention in mentions if mention.weight]
    if not usable:
        return []
    level = max(mention.level for mention in usable)
    best = [mention for mention in usable if mention.level == level]
    if level in (CONCLUDED, FINAL) or (level == 0 and _is_of_one(best, num_sentences)):
        last = best[-1].sentence
        best = [mention for mention in best if mention.sentence == last]
    weight = max(mention.weight for mention in best)
    return [mention for mention in best if mention.weight == weight]


def _is_of_one(mentions: Sequence[Mention], num_sentences: int) -> bool:
    """Whether the last sentence, which names an emotion, is about the same person as the others that do."""
    last = mentions[-1]
    is_last = last.sentence == num_sentences - 1 and last.weight >= PLAIN and not last.is_addition
    if last.said_of == A_PART and any(one.said_of == A_PART and one.weight >= PLAIN for one in mentions[:-1]):
        return False  # "the audio suggests sad; the video suggests neutral"
    return is_last and are_one({mention.said_of for mention in mentions if mention.said_of not in ("", A_PART)})
