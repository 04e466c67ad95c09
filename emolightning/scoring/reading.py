"""Answer text -> label, or the reason there is none. Nothing is mapped to a default class, except by name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from emolightning.errors import UserError
from emolightning.records.labels import BASIC, MER6, SYNONYMS, normalised, spelling

EMPTY = "empty answer"
NO_LABEL = "no label in answer"
SEVERAL = "several labels in answer"
OUTSIDE = "label outside the vocabulary"
NOT_EXACT = "answer is not exactly a label"

UPSTREAM_DEFAULT = "neutral"
"""What upstream reads from an answer that does not end in one of its labels."""

LETTER = r"[^\W_]"

MAX_REMEMBERED = 65_536
"""Texts whose reading is kept: systems repeat themselves."""

COMMAS = re.compile("[,，、،]")
"""What separates entries: also the commas of Chinese, Japanese and Arabic."""

QUOTES = " \t\r\n\u00a0\u3000'\"‘’“”„«»「」『』"
"""What may be around an entry."""

Parser = Literal["words", "strict", "upstream"]
AnswerList = Literal["whole", "first", "first_valid"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from an answer: a label, or the reason there is none."""

    label: str | None
    unscored_because: str | None = None
    alias: str | None = None
    """The word that stood for the label, when it was not the label itself."""
    is_default: bool = False
    """Nothing was read: upstream's parser gives its default."""


class LabelReader:
    """Reads the label of a vocabulary from an answer.

    Args:
        labels: the vocabulary, in lower case.
        parser: `words` finds the one label that the answer names as a whole word; for `strict` the whole answer must be
            a label; `upstream` takes the last word, and neutral for what is none of its six labels.
        aliases: word -> label, for answers read by `words`, and for truths whatever the parser; those of labels outside
            the vocabulary are left out.
        answer_list: `whole` reads the answer as one text; of a comma-separated list `first` reads the first entry and
            `first_valid` the first that names a label.

    Raises:
        UserError: `upstream` without its default in the vocabulary.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        parser: Parser = "words",
        aliases: Mapping[str, str] = SYNONYMS,
        answer_list: AnswerList = "whole",
    ):
        if parser == "upstream" and UPSTREAM_DEFAULT not in labels:
            raise UserError(
                f"parser=upstream makes {UPSTREAM_DEFAULT!r} of what it cannot read, and the labels {list(labels)} "
                "lack it; use parser=words"
            )
        self.labels = tuple(labels)
        self.parser = parser
        self.answer_list = answer_list
        self.aliases = {spelling(word): label for word, label in aliases.items() if label in self.labels}
        self._labels = {spelling(label): label for label in self.labels}
        self._spellings = self.aliases | self._labels
        self._named = _whole_words(self._spellings)
        self._outside = _whole_words(_known_elsewhere(self.labels) - set(self._spellings))
        self._known: dict[str, Reading] = {}

    def read(self, text: str) -> Reading:
        """The label of one answer, or the reason there is none."""
        reading = self._known.get(text)
        if reading is None:
            reading = self._read_list(text)
            if len(self._known) < MAX_REMEMBERED:
                self._known[text] = reading
        return reading

    def label_of(self, word: str) -> str | None:
        """The label that a whole text is, directly or by an alias: for truths, whatever the parser of answers."""
        return self._spellings.get(spelling(word))

    def is_alias(self, word: str) -> bool:
        """Whether a text means a label without being one."""
        return spelling(word) in self.aliases

    def _read_list(self, text: str) -> Reading:
        if self.answer_list == "whole":
            return self._read_one(text)
        readings = [self._read_one(entry) for entry in list_entries(text)]
        if self.answer_list == "first_valid":
            return next((reading for reading in readings if reading.label), readings[0])
        return readings[0]

    def _read_one(self, text: str) -> Reading:
        if self.parser == "upstream":
            word = read_upstream(text)
            is_default = text.split(" ")[-1] != word
            return Reading(word, is_default=is_default) if word in self.labels else Reading(None, OUTSIDE)
        normal = normalised(text)
        if not normal:
            return Reading(None, EMPTY)
        if self.parser == "strict":
            label = self._labels.get(spelling(normal))
            return Reading(label) if label else Reading(None, NOT_EXACT)
        return self._read_words(normal)

    def _read_words(self, normal: str) -> Reading:
        words = [spelling(word) for word in self._named.findall(normal)]
        found = {self._spellings[word] for word in words}
        if len(found) == 1:
            label = found.pop()
            return Reading(label, alias=None if spelling(label) in words else words[0])
        if found:
            return Reading(None, SEVERAL)
        return Reading(None, OUTSIDE if self._outside.search(normal) else NO_LABEL)


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
    return _usual_reader(tuple(labels)).read(text)


def read_upstream(text: str) -> str:
    """The label that upstream's `eval_emotion.py` reads: the last word, and neutral for anything it does not know.

    Only for comparisons with upstream: answers that name no label, or fear, contempt or doubt, become neutral.

    >>> [read_upstream(text) for text in ("the emotion is sad", "sad.", "Sad", "fear", "happy ")]
    ['sad', 'neutral', 'neutral', 'neutral', 'neutral']
    """
    word = text.split(" ")[-1]
    return word if word in MER6 else UPSTREAM_DEFAULT


def list_entries(text: str) -> list[str]:
    """The entries of a list as systems write it, `happy,sad` or `['happy', 'sad']`; at least one, maybe empty.

    >>> list_entries("['Happy', 'sad']")
    ['Happy', 'sad']
    """
    inside = text.strip()
    if inside[:1] in ("[", "［") and inside[-1:] in ("]", "］"):
        inside = inside[1:-1]
    return [entry.strip(QUOTES) for entry in COMMAS.split(inside)]


@lru_cache
def _usual_reader(labels: tuple[str, ...]) -> LabelReader:
    return LabelReader(labels)


def _known_elsewhere(labels: Sequence[str]) -> set[str]:
    """Words for emotions that are in no way one of `labels`."""
    return set(BASIC - set(labels)) | {synonym for synonym, label in SYNONYMS.items() if label not in labels}


def _whole_words(words: Iterable[str]) -> re.Pattern[str]:
    # Longest first, so that a label of two words wins over a label that is its first word.
    alternatives = "|".join(_any_joint(word) for word in sorted(words, key=len, reverse=True))
    # "un-happy" and "un_happy" are one word; dangling, as in "- happy", "happy -" or "_happy_", they are punctuation.
    ends = rf"(?<!{LETTER})(?<!{LETTER}[-_])(?:{alternatives})(?![-_]?{LETTER})"
    return re.compile(ends if alternatives else "(?!)")


def _any_joint(word: str) -> str:
    """A pattern for a word whose parts may be joined by a space, a hyphen or an underscore."""
    return r"[- _\u2013]".join(map(re.escape, word.split(" ")))
