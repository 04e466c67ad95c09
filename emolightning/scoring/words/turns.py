"""Emotions that follow one another in time, and those that outweigh others of their sentence."""

import re
from collections.abc import Sequence
from itertools import takewhile

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.items import Item
from emolightning.scoring.words.roles import NOTHING
from emolightning.scoring.words.sentence import CONCEDED, MORE, PASSED, Sentence

BETWEEN = frozenset((Cue.IS, Cue.WORD, Cue.SIGN, Cue.KEY, Cue.SEEMS))
"""What may be between an emotion and `the main one`."""

WHICH, RELATIVE = "R", "tRX"
"""The roles of words that a relative clause begins with: `that`, `which`, `what`."""

CLAUSE_ENDS = frozenset((Cue.COMMA, Cue.BUT, Cue.AND, Cue.CONCEDE, Cue.BECAUSE, Cue.THAT))

JOINED = re.compile("L(?:&L)*(?=[^L]*$)")
"""The roles of the last emotion and of those joined to it: `sadness and anger dominate`."""


def become(sentence: Sentence, place: int) -> None:
    """`Surprise, which turns into anger`: what was before has passed."""
    is_said_next = any(item.cue is Cue.LABEL for item in sentence.items[place + 1 : place + 5])
    if is_said_next and not sentence.is_denied:
        _pass(sentence, 0)
        sentence.is_at_first = sentence.is_with = False


def now(sentence: Sentence, place: int) -> None:
    """`Was angry, and is now happy`, but `angry right now`."""
    sentence.is_at_first = False
    is_said_next = sentence.next(place) in (Cue.LABEL, Cue.SEEMS, Cue.IS)
    rest = sentence.items[place + 1 :]
    begins = sentence.begins_clause(place) or sentence.before(place) is Cue.BUT
    if (is_said_next or begins) and any(item.cue is Cue.LABEL for item in rest):
        _pass(sentence, 0)


def _pass(sentence: Sentence, start: int) -> None:
    for mention in sentence.mentions[start:]:
        if mention.weight:
            mention.drop(PASSED)
    sentence.clause = len(sentence.mentions)


def leave(sentence: Sentence, place: int) -> None:
    """`From worried to angry`: without an emotion after `to` it is about something else."""
    cues = [item.cue for item in sentence.later(place)]
    to = cues.index(Cue.TO) if Cue.TO in cues else len(cues)
    is_turn = Cue.LABEL in cues[:to] and Cue.LABEL in cues[to : to + 4]
    sentence.is_at_first |= is_turn


def arrive(sentence: Sentence, place: int) -> None:
    if any(item.cue is Cue.FROM for item in (*sentence.earlier(place), *sentence.later(place))):
        sentence.is_at_first = False


def prevail(sentence: Sentence, place: int) -> None:
    """`While there is anger, disgust dominates`; `the emotion that dominates is` says it of what comes."""
    relative = place - 1
    while relative >= 0 and sentence.items[relative].role == NOTHING:  # "that clearly dominates"
        relative -= 1
    if relative >= 0 and sentence.items[relative].role in RELATIVE and _announces(sentence, relative, place):
        sentence.is_main = True
    elif not sentence.is_denied:
        _raise(sentence, place)


def _announces(sentence: Sentence, relative: int, verb: int) -> bool:
    """Whether the emotion that `what dominates` means is not the last one: `what dominates is worry`."""
    is_after_comma = sentence.items[relative].role == WHICH and sentence.before(relative) is Cue.COMMA
    between = _since_label(sentence, relative - is_after_comma)
    if between is not None and (_says_is(between) or all(item.role == NOTHING for item in between)):
        return False  # "sadness is what dominates", "it is sadness that dominates", "sadness, which dominates"
    clause = list(takewhile(lambda item: item.cue not in CLAUSE_ENDS, sentence.later(verb)))
    if any(item.role == "i" for item in clause):
        return True
    return not sentence.mentions[sentence.clause :]


def dominate(sentence: Sentence, place: int) -> None:
    """`Happiness is dominant` and `sad (primary)` say it of what was, `the primary emotion is` of what comes."""
    between = _since_label(sentence, place)
    if between is not None and sentence.mentions and _says_is(between):
        _raise(sentence, place)
    else:
        sentence.is_main = True


def _since_label(sentence: Sentence, place: int) -> Sequence[Item] | None:
    """What is between a place and the emotion before it; None where more than a verb is."""
    between = list(takewhile(lambda item: item.cue in BETWEEN, reversed(sentence.earlier(place))))
    back = place - len(between)
    return between if sentence.before(back) is Cue.LABEL else None


def _says_is(items: Sequence[Item]) -> bool:
    return any(item.cue is Cue.IS or item.word == "(" for item in items)


def _raise(sentence: Sentence, place: int) -> None:
    """The last emotion counts more than others, and with it one that an `and` joins to it."""
    if not sentence.mentions:
        return
    group = JOINED.search("".join(item.role for item in sentence.earlier(place)))
    since = group[0].count("L") if group else 1
    for mention in sentence.mentions[-since:]:
        if mention.weight or mention.because == CONCEDED:
            mention.weight, mention.because = MORE, ""
