"""Whom an emotion is said of: the person of the clip, another one, a thing, or nobody, where the answer supposes."""

from collections.abc import Set
from itertools import takewhile

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.sentence import LESS, Mention, Sentence

PRONOUNS = {"he": frozenset(("man", "boy")), "she": frozenset(("woman", "girl")), "they": frozenset()}
"""Who may be meant by one."""

MADE_THINGS = frozenset(
    (
        *("crowd", "crowds", "audience", "friend", "friends", "customer", "customers"),
        *("story", "stories", "song", "songs", "music", "movie", "movies", "film", "news", "tale", "tales", "poem"),
        *("weather", "lyrics", "party", "background", "childhood", "people", "colour", "colours", "color", "colors"),
        *("的故事", "的歌", "的歌曲", "的音乐", "的音樂", "的电影", "的電影", "的消息", "的背景"),
    )
)
"""What can be sad where nobody is."""

VERBS = frozenset((Cue.IS, Cue.SEEMS, Cue.BECOMES, Cue.SHOWS))
"""What makes the one before it the subject of a clause."""


def are_one(said_of: Set[str]) -> bool:
    """Whether sentences that name these are about one person.

    >>> are_one({"man", "he"}), are_one({"man", "boy"})
    (True, False)
    """
    named = said_of - PRONOUNS.keys()
    pronouns = said_of & PRONOUNS.keys()
    return len(named) <= 1 and len(pronouns) <= 1 and all(named <= PRONOUNS[one] for one in pronouns if named)


def turns_to_another(sentence: Sentence, place: int) -> bool:
    """Whether the emotions before and after a place are of two persons."""
    until_named = takewhile(lambda item: item.cue is not Cue.LABEL, sentence.later(place))
    then = {item.word for item in until_named if item.cue is Cue.PERSON}
    return bool(then and sentence.person) and not are_one({sentence.person, *then})


def person(sentence: Sentence, place: int) -> None:
    """A clause about the person of the clip ends one about others."""
    sentence.person = sentence.items[place].word
    if any(sentence.next(place, distance) in VERBS for distance in (1, 2, 3)):
        sentence.is_of_another = sentence.is_of_a_thing = sentence.is_with = False
        if place > 1 and any(item.word == "without" for item in sentence.items[max(0, place - 3) : place]):
            sentence.is_denied = False  # "without it he looks sad"


def is_of_a_person(sentence: Sentence, place: int) -> bool:
    """Whether a person is the subject of a verb, as in `she depends` and `the man who depends`."""
    roles = "".join(item.role for item in sentence.earlier(place))
    return roles.endswith(("r", "p", "a", "pR"))


def another(sentence: Sentence, place: int) -> None:
    is_ascii = sentence.items[place].word.isascii()
    has_no_verb = sentence.begins_clause(place) and not (is_ascii and sentence.next(place) is not Cue.LABEL)
    if sentence.next(place) in VERBS or (has_no_verb and Cue.LABEL in (sentence.next(place), sentence.next(place, 2))):
        sentence.is_of_another = True


def is_no_person(word: str) -> bool:
    """Whether `a sad song` says nothing of the person, where `a sad day` may."""
    return word in MADE_THINGS


def thing(sentence: Sentence, place: int) -> None:
    """`The music is sad` says less than an emotion of a person."""
    if sentence.next(place) in (Cue.IS, Cue.SEEMS) and not sentence.level:
        sentence.is_of_a_thing = True


def that(sentence: Sentence, place: int) -> None:
    """`Worried that his wife is angry`: the rest is what the emotion is about."""
    if sentence.before(place) is Cue.LABEL:
        sentence.is_because = True


def add(sentence: Sentence, _: int) -> None:
    """`She is also worried` says one more emotion, and takes back none."""
    sentence.is_addition = True


def make(sentence: Sentence, place: int) -> None:
    """`The angry voice makes the child afraid`: what comes before is a cause, unless this already says why."""
    if not sentence.is_because and any(item.cue is Cue.LABEL for item in sentence.items[place + 1 : place + 4]):
        for mention in sentence.mentions:
            mention.weight = min(mention.weight, LESS)


def object_of(sentence: Sentence, place: int) -> None:
    """`Afraid of the angry dog`: the other emotions of the clause are what it is about."""
    if sentence.before(place) is Cue.LABEL:
        sentence.is_object = True


def any_emotion(sentence: Sentence, place: int) -> None:
    """`Does not show any clear emotion` says that the person is neutral."""
    item = sentence.items[place]
    if sentence.is_denied and sentence.before(place) is Cue.SHOWS:
        sentence.mentions.append(Mention(item.word, item.label, False, sentence.number, level=sentence.level))
