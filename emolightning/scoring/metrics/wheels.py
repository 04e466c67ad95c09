"""Emotion wheels: any word -> base word -> word of a wheel -> its sector.

Rules of the official evaluation (MERTools, AffectGPT, OV-MER), for a word x and one wheel:

    x is no known form                                            -> dropped
    bases of x: all words in whose list of inflections x is; a base is a form of itself
    wheel words of x: all of which one of these bases is a synonym; a wheel word is a synonym of itself
    the alphabetically first of them that is on this wheel        -> its sector; none -> dropped

Without wheels: M1 is the alphabetically first base; M2 the alphabetically first wheel word of that base.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from emolightning.records.labels import normalised

LEVELS = (1, 2)
"""1: the inner ring, a few sectors a wheel. 2: the ring around it."""

WheelRow = tuple[str, str, str]
"""One word of the outer ring and its sectors: level 1, level 2, level 3."""


@dataclass(frozen=True)
class Wheel:
    """One wheel: each of its words, of any ring, and the sector it counts as."""

    level1: Mapping[str, str]
    level2: Mapping[str, str]

    def sectors(self, level: int) -> Mapping[str, str]:
        """Word -> sector of that level."""
        return self.level1 if level == 1 else self.level2


@dataclass(frozen=True)
class WheelVersion:
    """Which wheels they are: part of every report, for values of different wheels do not compare."""

    name: str
    """As shown beside every value."""
    year: str | None
    """Year of the official release with this content; None for any other."""
    sha256: str
    """Digest of the content, whatever the file format."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File name -> sha256."""


@dataclass(frozen=True)
class EmotionWheels:
    """Wheels and the vocabulary around them."""

    version: WheelVersion
    wheels: tuple[Wheel, ...]
    bases: Mapping[str, tuple[str, ...]]
    """Known form -> its base words, sorted."""
    wheel_words: Mapping[str, tuple[str, ...]]
    """Base word -> the wheel words it is a synonym of, sorted."""

    def sector(self, word: str, wheel: int, level: int) -> str | None:
        """The sector of a word.

        Args:
            word: lower case.
            wheel: position in `wheels`.
            level: 1 or 2.
        """
        sectors = self.wheels[wheel].sectors(level)
        found = sorted({name for base in self.bases.get(word, ()) for name in self.wheel_words.get(base, ())})
        return next((sectors[name] for name in found if name in sectors), None)

    def base(self, word: str) -> str | None:
        """M1: the base of a form."""
        return next(iter(self.bases.get(word, ())), None)

    def wheel_word(self, word: str) -> str | None:
        """M2: the wheel word for the base of a form."""
        base = self.base(word)
        return None if base is None else next(iter(self.wheel_words.get(base, ())), None)

    def sizes(self) -> dict[str, object]:
        """Numbers of words and sectors."""
        return {
            "wheel_words": len({name for wheel in self.wheels for name in wheel.level1}),
            "base_words": len(self.wheel_words),
            "forms": len(self.bases),
            "sectors": [[len(set(wheel.sectors(level).values())) for level in LEVELS] for wheel in self.wheels],
        }


def make_wheel(rows: Iterable[WheelRow]) -> Wheel:
    """A wheel from its rows.

    A word that is in two sectors counts as the one read last, sectors in the order of their first row. At level 2 a
    word of the inner ring counts as the alphabetically first level-2 sector of its own, unless it is one itself.
    """
    nested: dict[str, dict[str, list[str]]] = {}
    for inner, middle, outer in rows:
        nested.setdefault(inner, {}).setdefault(middle, []).append(outer)
    level1: dict[str, str] = {}
    level2: dict[str, str] = {}
    for inner, middles in nested.items():
        level1[inner], level2[inner] = inner, min(middles)
        for middle, outers in middles.items():
            for word in (middle, *outers):
                level1[word], level2[word] = inner, middle
    return Wheel(level1, level2)


def inverted(pairs: Iterable[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """(name, words that lead to it) -> word: all names it leads to, sorted; a name leads to itself.

    >>> inverted([("sad", ["sadly", "down"]), ("low", ["down"])])
    {'sad': ('sad',), 'sadly': ('sad',), 'down': ('low', 'sad'), 'low': ('low',)}
    """
    names: dict[str, set[str]] = {}
    for name, words in pairs:
        for word in (name, *words):
            names.setdefault(word, set()).add(name)
    return {word: tuple(sorted(found)) for word, found in names.items()}


THE_MATTER = {("emotional", noun) for noun in ("state", "states", "expression", "expressions", "tone", "category")}
"""What an answer is about, and no emotion: wheels know `emotional`, as a form of sad and of angry."""


def words_in_text(text: str, wheels: EmotionWheels) -> list[str]:
    """Known words of a free text in their order, each once; of overlapping ones that with the most words.

    No understanding: `not happy` gives `happy`. The official evaluations let a language model read the text instead.

    >>> from emolightning.scoring.metrics.wheel_files import embedded_wheels
    >>> words_in_text("His emotional state is Sad, then sad and let down.", embedded_wheels())
    ['sad', 'let down']
    """
    return list(dict.fromkeys(_longest_known(_tokens(text), wheels)))


def _tokens(text: str) -> list[str]:
    # Marks at the ends of a token are punctuation; a hyphen inside one belongs to the word (`self-conscious`).
    plain = normalised(text).replace("\u2019", "'")
    tokens = ("".join(sign if sign.isalnum() or sign in "-'" else " " for sign in plain)).split()
    words = [token.strip("-'") for token in tokens if token.strip("-'")]
    return [word for word, after in zip(words, [*words[1:], ""], strict=False) if (word, after) not in THE_MATTER]


def _longest_known(tokens: list[str], wheels: EmotionWheels) -> Iterator[str]:
    longest = max((form.count(" ") + 1 for form in wheels.bases), default=1)
    start = 0
    while start < len(tokens):
        for length in range(min(longest, len(tokens) - start), 0, -1):
            phrase = " ".join(tokens[start : start + length])
            if phrase in wheels.bases:
                yield phrase
                start += length
                break
        else:
            start += 1
