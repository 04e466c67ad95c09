"""An answer as a row of items: emotions, cues and other words, in scripts with spaces and in those without."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from emolightning.records.labels import spelling
from emolightning.scoring.words.cues import NAMES, SIGNS, WORDS, Cue
from emolightning.scoring.words.lexicon import Lexicon
from emolightning.scoring.words.roles import NOTHING, OF_CUES, OF_SIGNS, ROLES, UNKNOWN

HAN_AND_KANA = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
HANGUL = "\uac00-\ud7a3"

RUNS = re.compile(f"[{HAN_AND_KANA}]+")
IS_RUN = re.compile(f"[{HAN_AND_KANA}]")
IS_HANGUL = re.compile(f"[{HANGUL}]")
JOINT = re.compile(r"(?<=[^\W_])[-_\u2013](?=[^\W_])")
CUT = "\u2026"
"""Ends the word of an emotion that an answer breaks off in."""

GLUE = "\x1f"
"""Takes the place of the hyphen that joins words: `un-happy` is one word."""

TOKEN = re.compile(rf"[+-]?\d+(?:[.,]\d+)*(?:%|/\d+)?(?![^\W_])|[^\W_]+(?:['{GLUE}][^\W_]+)*|\n|[^\w\s]")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:%|/\d+)?")
LOOKING = frozenset(("looking", "sounding", "seeming", "faced", "eyed", "toned"))
"""`sad-looking` is sad."""

MAX_REMEMBERED = 65_536


class Item(NamedTuple):
    """One word or sign, or a saying of several."""

    cue: Cue
    word: str = ""
    label: str | None = None
    """The label that an emotion means; None if the vocabulary lacks it."""
    is_misspelt: bool = False
    role: str = UNKNOWN
    """What it is in its clause."""


ZERO = ("0", "0%", "0.0", "0/5", "0/10", "0/100")
DESCRIBED = 4
"""A list of all labels with more words and signs for each is about them, and in no order of likelihood."""

OTHER = Item(Cue.WORD)
A_NUMBER = Item(Cue.NUMBER, role="n")
NONE_OF_IT = Item(Cue.NUMBER, role="!")
"""As in `sadness: 0`."""


class Items:
    """Cuts texts into items."""

    def __init__(self, lexicon: Lexicon):
        self._lexicon = lexicon
        tables = (NAMES, WORDS)
        table = {
            spelling(word.replace("~", " ")): cue
            for words_of in tables
            for cue, words in words_of.items()
            for word in words.split()
        }
        unmoved = lexicon.meanings.get("emotionless")
        roles = {spelling(word.replace("~", " ")): role for role, words in ROLES.items() for word in words.split()}
        plain = {role: Item(Cue.WORD, role=role) for role in ROLES} | {UNKNOWN: OTHER}
        known = {word: plain[role] for word, role in roles.items()}
        for word, cue in table.items():
            label = unmoved if cue is Cue.ANY_EMOTION else None
            known[word] = Item(cue, word, label, role=roles.get(word, OF_CUES.get(cue, NOTHING)))
        known |= {word: Item(Cue.LABEL, word, label, role="L") for word, label in lexicon.meanings.items()}
        self._single: dict[str, Item] = {}
        self._sayings: dict[str, dict[str, list[tuple[list[str], Item]]]] = {}
        """First word -> second word -> sayings, the longest first."""
        self._in_runs: dict[str, list[tuple[str, Item]]] = {}
        for word, item in sorted(known.items(), key=lambda pair: -len(pair[0])):
            self._add(word, item)

    def _add(self, word: str, item: Item) -> None:
        tokens = [part for token in TOKEN.findall(_spaced(word)) for part in token.split(GLUE)]
        if IS_RUN.match(word) or IS_HANGUL.match(word):
            self._in_runs.setdefault(word[0], []).append((word, item))
        if len(tokens) == 1:
            self._single[tokens[0]] = item
        elif tokens:
            self._sayings.setdefault(tokens[0], {}).setdefault(tokens[1], []).append((tokens, item))

    def of(self, text: str) -> list[Item]:
        """The items of a text in NFKC and folded case, whose lines are kept."""
        text = _spaced(text)
        if GLUE not in text:
            return self._items(TOKEN.findall(text), set())
        parts: list[str] = []
        joined: set[int] = set()
        for token in TOKEN.findall(text):
            if GLUE in token:
                glued = token.split(GLUE)
                joined.update(range(len(parts) + 1, len(parts) + len(glued)))
                parts += glued
            else:
                parts.append(token)
        return self._items(parts, joined)

    def _items(self, parts: list[str], joined: set[int]) -> list[Item]:
        found: list[Item] = []
        place, single, sayings, last = 0, self._single, self._sayings, None
        while place < len(parts):
            word = parts[place]
            item, end = None, place + 1
            begun = sayings.get(word)
            if begun and end < len(parts) and (parts[end] in begun or parts[end] == "\n"):
                item, end = self._saying(begun, parts, place)
            item = item or single.get(word) or self._found(word)
            if joined and (place + 1 in joined or end in joined):
                item, end = self._compound(item, parts, end, joined)
            if item is None:
                found += self._in_script(word)
            elif item is not last or item.word:  # Of words that say the same nothing one stands for a row.
                found.append(item)
            place, last = end, item
        is_open = last is not None and (last is OTHER or last.is_misspelt)
        if is_open and len(parts) > 1 and (label := self._lexicon.begun(parts[-1])):
            found = [*found[:-1], OTHER, Item(Cue.LABEL, parts[-1] + CUT, label, role="L")]
        return found

    def _saying(
        self, sayings: Mapping[str, list[tuple[list[str], Item]]], parts: list[str], place: int
    ) -> tuple[Item | None, int]:
        after = parts[place + 1 : place + 3]
        second = after[after[0] == "\n" and len(after) > 1] if after else ""
        for tokens, item in sayings.get(second, ()):
            end = place + len(tokens)
            window = parts[place:end]
            if "\n" in window[1:]:  # The words of a label may be in two lines.
                end += 1
                window = [part for part in parts[place:end] if part != "\n"]
            if window == tokens:
                return item, end
        return None, place + 1

    def _compound(self, item: Item | None, parts: list[str], end: int, joined: set[int]) -> tuple[Item | None, int]:
        """A whole compound, or one like `sad-looking`, keeps its meaning; the parts of others have none."""
        if end not in joined:
            return item, end
        last = end
        while last in joined:
            last += 1
        is_look = last == end + 1 and parts[end] in LOOKING
        return (item if is_look else OTHER), last

    def _found(self, word: str) -> Item | None:
        """The item of a word that is in no table, remembered; None for scripts in which words are looked for."""
        if sign := SIGNS.get(word):
            item = Item(sign, word, role=OF_SIGNS.get(word, OF_CUES.get(sign, NOTHING)))
        elif NUMBER.fullmatch(word):
            item = Item(Cue.NUMBER, word, role="n")
        elif not word.isascii() and (IS_RUN.match(word) or IS_HANGUL.match(word)):
            return None
        elif word.endswith("n't"):
            item = Item(Cue.NOT, word, role="!")
        elif word.endswith("'s") and (owner := self._single.get(word[:-2])) and owner.cue in (Cue.WORD, Cue.PERSON):
            item = Item(Cue.WORD, role=owner.role)
        elif word.isalpha() and (known := self._lexicon.misspelt(word)):
            item = Item(Cue.LABEL, word, self._lexicon.meanings[known], is_misspelt=True, role="L")
        else:
            item = OTHER if word[0].isalnum() else Item(Cue.SIGN, word, role=OF_SIGNS.get(word, NOTHING))
        if len(self._single) < MAX_REMEMBERED:
            self._single[word] = item
        return item

    def _in_script(self, run: str) -> Iterator[Item]:
        """The items of a run without spaces, the longest first; of Korean an emotion is at the beginning of a word."""
        place, is_korean, was_other = 0, bool(IS_HANGUL.match(run)), False
        while place < len(run):
            for word, item in self._in_runs.get(run[place], ()):
                if run.startswith(word, place) and (not is_korean or _may_be_korean(run, place, item)):
                    yield item
                    place, was_other = place + len(word), False
                    break
            else:
                if not was_other:
                    yield OTHER
                place, was_other = place + 1, True


def without_lone_number(items: list[Item]) -> list[Item]:
    """The same where a single number is any number: only two can say which emotion is likelier."""
    number = Cue.NUMBER
    numbers = [item for item in items if item.cue is number]
    if len(numbers) == 1:
        place = items.index(numbers[0])
        is_none = numbers[0].word in ZERO and place and items[place - 1].role in (":", "i")
        items[place] = NONE_OF_IT if is_none else A_NUMBER
    return items


def names_an_emotion(items: list[Item]) -> bool:
    return any(item.cue is Cue.LABEL for item in items)


def are_options(items: list[Item], labels: Sequence[str]) -> bool:
    """Whether a list is the question's once more, and says nothing of its order or of shares."""
    if any(item.cue is Cue.RANKED or item.word.endswith("%") for item in items):
        return False
    named = [item.label for item in items if item.cue is Cue.LABEL]
    is_about_each = items[0].cue is Cue.OPTIONS or len(items) > DESCRIBED * len(labels)
    return named == list(labels) or (is_about_each and set(named) == set(labels))


def _may_be_korean(run: str, place: int, item: Item) -> bool:
    if place:
        return item.cue in (Cue.NOT_BEFORE, Cue.BUT) and len(item.word) < 3
    return len(item.word) > 1 or item.word == run or item.cue is Cue.NOT_BEFORE


def _spaced(text: str) -> str:
    """The text with words that are joined glued, and runs of scripts without spaces apart from other letters."""
    text = JOINT.sub(GLUE, text)
    return text if text.isascii() else RUNS.sub(r" \g<0> ", text.replace("’", "'"))
