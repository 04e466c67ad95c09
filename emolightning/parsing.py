"""Answer text -> label, or the reason there is none. Nothing is ever mapped to a default class."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from emolightning.labels import MER6, SYNONYMS, VOCABULARIES

EMPTY = "empty answer"
NO_LABEL = "no label in answer"
SEVERAL = "several labels in answer"
OUTSIDE = "label outside the vocabulary"


@dataclass(frozen=True)
class Reading:
    """What was read from an answer: a label, or the reason there is none."""

    label: str | None
    unscored_because: str | None = None
    alias: str | None = None
    """The word that stood for the label, when it was not the label itself."""


def read_label(text: str, labels: Sequence[str]) -> Reading:
    """Find the one label that the answer names, as a whole word, directly or as a synonym.

    Args:
        text: what the model wrote.
        labels: the vocabulary.

    >>> read_label("Sad.", ["happy", "sad"]).label
    'sad'
    >>> read_label("unhappy", ["happy", "sad"]).unscored_because
    'no label in answer'
    """
    normal = unicodedata.normalize("NFKC", text).casefold()
    if not normal.strip():
        return Reading(None, EMPTY)
    spellings, pattern = _spellings(tuple(labels))
    words = pattern.findall(normal)
    found = {spellings[word] for word in words}
    if len(found) == 1:
        label = found.pop()
        return Reading(label, alias=None if label in words else words[0])
    if found:
        return Reading(None, SEVERAL)
    return Reading(None, OUTSIDE if _any_known_label().search(normal) else NO_LABEL)


def read_upstream(text: str) -> str:
    """The label that upstream's `eval_emotion.py` reads: the last word, and neutral for anything it does not know.

    Only for comparisons with upstream: answers that name no label, or fear, contempt or doubt, become neutral.

    >>> [read_upstream(text) for text in ("the emotion is sad", "sad.", "Sad", "fear", "happy ")]
    ['sad', 'neutral', 'neutral', 'neutral', 'neutral']
    """
    word = text.split(" ")[-1]
    return word if word in MER6 else "neutral"


@lru_cache
def _spellings(labels: tuple[str, ...]) -> tuple[dict[str, str], re.Pattern[str]]:
    spellings = {synonym: label for synonym, label in SYNONYMS.items() if label in labels}
    spellings |= {label.casefold(): label for label in labels}
    return spellings, _whole_words(tuple(spellings))


@lru_cache
def _any_known_label() -> re.Pattern[str]:
    return _whole_words(tuple({word for words in VOCABULARIES.values() for word in words} | set(SYNONYMS)))


def _whole_words(words: Sequence[str]) -> re.Pattern[str]:
    # Longest first, so that a label of two words wins over a label that is its first word.
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
