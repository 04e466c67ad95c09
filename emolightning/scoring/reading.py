"""Answer text -> label, or the reason there is none. Nothing is mapped to a default class, except by name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Literal

from emolightning.errors import UserError
from emolightning.records.labels import SYNONYMS, folded, normalised, spelling
from emolightning.scoring.upstream_readers import UPSTREAM_DEFAULT, phrase, read_upstream, read_upstream_2026
from emolightning.scoring.words.items import CUT, Item, Items, are_options, names_an_emotion, without_lone_number
from emolightning.scoring.words.lexicon import Lexicon
from emolightning.scoring.words.sentence import DENIED, NOT_PLAIN, Mention
from emolightning.scoring.words.statement import RANKED, final_statement
from emolightning.scoring.words.weighing import STATEMENTS, chosen, likeliest, mentions_of, says_tie

EMPTY = "empty answer"
NO_LABEL = "no label in answer"
SEVERAL = "several labels in answer"
OUTSIDE = "label outside the vocabulary"
NOT_EXACT = "answer is not exactly a label"

DENIED_ONLY = "only a label that the answer denies"
UNPLAIN = "the answer does not state it plainly"
WHOLE = "the answer is the label"
PATTERN = "the pattern"
LESSER = "said with less weight"
CUT_OFF = "answer ends within its thoughts"
CUT_WORD = "answer breaks off in the word for an emotion"

MAX_REMEMBERED = 65_536
"""Texts whose reading is kept: systems repeat themselves."""

COMMAS = re.compile("[,，、،]")
"""What separates entries: also the commas of Chinese, Japanese and Arabic."""

MAY_BE_CARE = ("concern", "concerned")
CARES = re.compile(
    r"\b(?:care\b|caring|comfort|encourag|sympath|support|lov(?:e|ing)\b|affection|warm|gentle|nurtur)", re.I
)
WORRIES = re.compile("worr|anxi|uneas|nervous|tens", re.I)
"""What in a list says that `concern` is care for somebody, and no worry; and what says that it is worry."""

QUOTES = " \t\r\n\u00a0\u3000'\"‘’“”„«»「」『』"
"""What may be around an entry."""

NO_MATCH = "the pattern is not found"

Parser = Literal["words", "strict", "regex", "upstream", "upstream_2026", "judge"]
PARSERS: Mapping[str, str] = {
    "words": "the one label that a text gives",
    "strict": "the whole text is a label",
    "regex": "the same as words, of the part that pattern=... finds",
    "upstream": "the last word, else neutral",
    "upstream_2026": "the one label that occurs in the text, denied or not",
    "judge": "the same as words, and a model on a server reads what is left",
}
"""Name -> how it reads."""

WITHOUT_SETTINGS: tuple[Parser, ...] = ("words", "strict", "upstream", "upstream_2026")
"""Those that any answer can be read by, for comparison."""

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
    is_misspelt: bool = False
    """The label, or what stands for it, is one letter away from what it is read as."""
    read_from: str = ""
    """The part of the answer that was read: a final answer, a tag, a conclusion."""
    passed_over: str = ""
    """Other emotions that the answer names, each with why it is not the answer."""


@cache
def _short(label: str | None, because: str | None = None, *, is_default: bool = False) -> Reading:
    """One reading for all answers that are read alike."""
    return Reading(label, because, is_default=is_default)


class LabelReader:
    """Reads the label of a vocabulary from an answer.

    Args:
        labels: the vocabulary, in lower case.
        parser: `words` finds the one label that the answer gives; for `strict` the whole answer must be a label;
            `regex` reads the words of what a pattern finds; `upstream` takes the last word, and neutral for what is
            none of its six labels; `upstream_2026` the one label that occurs, denied or not.
        aliases: word -> label, beside the known ones; those of labels outside the vocabulary are left out.
        wide: `words` knows inflections, synonyms, other scripts and near misspellings, and truths the plain ones of
            SYNONYMS.
        pattern: of `regex`; its first group, if it has one, is what counts.
        answer_list: `whole` reads the answer as one text; of a comma-separated list `first` reads the first entry and
            `first_valid` the first that names a label.

    Raises:
        UserError: `upstream` without its default in the vocabulary, no pattern for `regex` or one for others.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        parser: Parser = "words",
        aliases: Mapping[str, str] | None = None,
        wide: bool = True,
        answer_list: AnswerList = "whole",
        pattern: str | None = None,
    ):
        if parser == "upstream" and UPSTREAM_DEFAULT not in labels:
            raise UserError(
                f"parser=upstream makes {UPSTREAM_DEFAULT!r} of what it cannot read, and the labels {list(labels)} "
                "lack it; use parser=words"
            )
        self.labels = tuple(labels)
        self.parser = parser
        self.answer_list = answer_list
        self.pattern = _compiled(pattern, parser)
        own = {spelling(word): label for word, label in (aliases or {}).items() if label in self.labels}
        known = SYNONYMS if wide else {}
        self.aliases = {word: label for word, label in known.items() if label in self.labels} | own
        self._phrases = {phrase(word): label for word, label in own.items()} | {phrase(one): one for one in self.labels}
        self._labels = {spelling(label): label for label in self.labels}
        self._spellings = self.aliases | self._labels
        self._most_words = max(len(label.split()) for label in self._labels)
        self._longest = 2 * max(map(len, self.labels))
        self._wide = wide
        self._known: dict[str, Reading] = {}
        self._of_items: dict[tuple[str, tuple[Item, ...]], Reading] = {}

    @cached_property
    def _items(self) -> Items:
        """Made when the first text is read by its words: other parsers need none."""
        return Items(Lexicon(self.labels, self.aliases, wide=self._wide))

    def read(self, text: str) -> Reading:
        """The label of one answer, or the reason there is none."""
        reading = self._known.get(text)
        if reading is None:
            reading = self._read_list(text)
            if len(self._known) < MAX_REMEMBERED:
                self._known[text] = reading
        return reading

    def prepare(self, texts: Iterable[str]) -> None:
        """Do what is quicker for many texts at once; rules need nothing."""

    def label_of(self, word: str) -> str | None:
        """The label that a whole text is, directly or by an alias: for truths, whatever the parser of answers."""
        return self._spellings.get(spelling(word))

    def is_alias(self, word: str) -> bool:
        """Whether a text means a label without being one."""
        return spelling(word) in self.aliases

    def _read_list(self, text: str) -> Reading:
        if self.answer_list == "whole":
            return self._read_one(text)
        cares = MAY_BE_CARE if CARES.search(text) and not WORRIES.search(text) else ()
        readings = [
            _short(None, NO_LABEL) if entry.casefold() in cares else self._read_one(entry)
            for entry in list_entries(text)
        ]
        if self.answer_list == "first_valid":
            return next((reading for reading in readings if reading.label), readings[0])
        return readings[0]

    def _read_one(self, text: str) -> Reading:
        if self.parser == "upstream":
            word = read_upstream(text)
            is_default = text.split(" ")[-1] != word
            return _short(word, is_default=is_default) if word in self.labels else _short(None, OUTSIDE)
        if not text or text.isspace() or not (text.isascii() or normalised(text)):
            return Reading(None, EMPTY)
        if self.parser == "strict":
            is_longer = text.isascii() and len(text.split()) > self._most_words
            label = None if is_longer else self._labels.get(spelling(text))
            return _short(label) if label else _short(None, NOT_EXACT)
        if self.parser == "upstream_2026":
            found = read_upstream_2026(text, self._phrases)
            return _short(found[0]) if len(found) == 1 else _short(None, SEVERAL if found else NO_LABEL)
        if self.pattern is not None:
            match = self.pattern.search(text)
            if match is None:
                return Reading(None, NO_MATCH)
            return replace(self._read_words(match[min(1, self.pattern.groups)] or ""), read_from=PATTERN)
        return self._read_words(text)

    def _read_words(self, text: str) -> Reading:
        if len(text) <= self._longest and (label := self._labels.get(spelling(text))):
            return Reading(label, read_from=WHOLE)
        statement = final_statement(text)
        if statement.is_cut_off:
            return Reading(None, CUT_OFF, read_from=statement.place)
        items, place = without_lone_number(self._items.of(folded(statement.text))), statement.place
        if place == RANKED:
            whole = self._items.of(folded(text))
            if are_options(whole, self.labels):
                return Reading(None, SEVERAL, read_from=place)
            if likeliest(whole) or says_tie(whole):
                items = whole  # Shares and words say more than the order: two may be equal.
            elif not all(names_an_emotion(found) for found in (items, self._items.of(folded(statement.second)))):
                items, place = whole, ""  # Numbered evidence.
        known = (place, tuple(items))
        reading = self._of_items.get(known)
        if reading is None:
            reading = _from_items(items, place)
            if len(self._of_items) < MAX_REMEMBERED:
                self._of_items[known] = reading
        return reading


def _from_items(items: Sequence[Item], place: str) -> Reading:
    """What items say, whatever the words that say nothing: many texts are alike in all others."""
    mentions, num_sentences = mentions_of(items)
    best = (likeliest(items) if len(mentions) > 1 else []) or chosen(mentions, num_sentences)
    read_from = place or (STATEMENTS[best[0].level] if best else "")
    passed_over = _passed_over(mentions, best)
    # Beside one that the vocabulary has, an emotion that it lacks is no choice: "anger, disgust" is angry.
    best = [mention for mention in best if mention.label] or best
    found = {mention.label for mention in best}
    if len(found) > 1:
        return Reading(None, SEVERAL, read_from=read_from, passed_over=passed_over)
    if any(mention.word.endswith(CUT) for mention in best):
        return Reading(None, CUT_WORD, read_from=read_from, passed_over=passed_over)
    if not found:
        is_denied = any(mention.because == DENIED and mention.label for mention in mentions)
        reason = DENIED_ONLY if is_denied else NO_LABEL
        return Reading(None, reason, read_from=read_from, passed_over=passed_over)
    label = found.pop()
    if not any(mention.is_plain for mention in best):
        for mention in best:
            mention.drop(NOT_PLAIN)
        return Reading(None, UNPLAIN, passed_over=_passed_over(mentions, []))
    if label is None:
        return Reading(None, OUTSIDE, read_from=read_from, passed_over=passed_over)
    words = [mention.word for mention in best]
    is_misspelt = all(mention.is_misspelt for mention in best)
    alias = None if spelling(label) in words else words[0]
    return Reading(label, alias=alias, is_misspelt=is_misspelt, read_from=read_from, passed_over=passed_over)


def _passed_over(mentions: Sequence[Mention], best: Sequence[Mention]) -> str:
    if len(mentions) == len(best):
        return ""
    chosen_ones = set(map(id, best))
    others = [mention for mention in mentions if id(mention) not in chosen_ones]
    return "; ".join(f"{mention.word} ({mention.because or LESSER})" for mention in others)


def read_label(text: str, labels: Sequence[str]) -> Reading:
    """Find the one label that the answer names, as a whole word, directly or as a synonym.

    Args:
        text: what the model wrote.
        labels: the vocabulary.

    >>> read_label("Sad.", ["happy", "sad"]).label
    'sad'
    >>> read_label("not happy", ["happy", "sad"]).unscored_because
    'only a label that the answer denies'
    """
    return _usual_reader(tuple(labels)).read(text)


def list_entries(text: str) -> list[str]:
    """The entries of a list as systems write it, `happy,sad` or `['happy', 'sad']`; at least one, maybe empty.

    >>> list_entries("['Happy', 'sad']")
    ['Happy', 'sad']
    """
    inside = text.strip()
    if inside[:1] in ("[", "［") and inside[-1:] in ("]", "］"):
        inside = inside[1:-1]
    return [entry.strip(QUOTES) for entry in COMMAS.split(inside)]


def _compiled(pattern: str | None, parser: Parser) -> re.Pattern[str] | None:
    if (pattern is None) == (parser == "regex"):
        raise UserError(
            f"pattern={pattern or ''}: parser=regex needs a pattern, and no other parser has one; say e.g. "
            "parser=regex 'pattern=\"emotion: (.+)\"'"
        )
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise UserError(f"pattern={pattern}: is no regular expression: {error}") from None


@lru_cache
def _usual_reader(labels: tuple[str, ...]) -> LabelReader:
    return LabelReader(labels)
