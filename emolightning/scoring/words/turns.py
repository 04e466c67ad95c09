"""Emotions that follow one another in time, and those that outweigh others of their sentence."""

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.sentence import CONCEDED, MORE, PASSED, Mention, Sentence

BETWEEN = frozenset((Cue.IS, Cue.WORD, Cue.SIGN, Cue.KEY, Cue.SEEMS))
"""What may be between an emotion and `the main one`."""


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
    if place > 1 and [item.cue for item in sentence.items[place - 2 : place]] == [Cue.KEY, Cue.THAT]:
        sentence.is_main = True
    elif not sentence.is_denied and sentence.mentions:
        _raise(sentence.mentions[-1])


def dominate(sentence: Sentence, place: int) -> None:
    """`Happiness is dominant` and `sad (primary)` say it of what was, `the primary emotion is` of what comes."""
    back = place - 1
    between = []
    while back >= 0 and sentence.items[back].cue in BETWEEN:
        between.append(sentence.items[back])
        back -= 1
    is_said = any(item.cue is Cue.IS or item.word == "(" for item in between)
    if sentence.mentions and is_said and back >= 0 and sentence.items[back].cue is Cue.LABEL:
        _raise(sentence.mentions[-1])
    else:
        sentence.is_main = True


def _raise(mention: Mention) -> None:
    if mention.weight or mention.because == CONCEDED:
        mention.weight, mention.because = MORE, ""
