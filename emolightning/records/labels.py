"""The emotion vocabularies, their order and their synonyms: the only place where they are spelt.

Orders follow the official files: MER2023/MER2024 `emos_mer`, Emotion-LLaMA's `first_face.py` (nine labels),
and the DFEW README (1-based there); those after DFEW's follow the questions of Emotion-LLaMA-v2.
"""

import re
import unicodedata
from collections.abc import Sequence

from emolightning.errors import UserError, quoted_override

MER6 = ("neutral", "angry", "happy", "sad", "worried", "surprise")
MER9 = (*MER6, "fear", "contempt", "doubt")
DFEW7 = ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear")

CAER7 = ("happy", "anger", "neutral", "surprise", "fear", "sad", "disgust")
MELD7 = ("joy", "fear", "sad", "neutral", "anger", "surprise", "disgust")
E3 = ("angry", "disgusted", "happy", "sad", "sarcastic", "scared", "shy", "surprised")
IEMOCAP4 = ("happy", "sad", "neutral", "angry")
IEMOCAP5 = (*IEMOCAP4, "frustrated")
IEMOCAP6 = (*IEMOCAP4, "excited", "frustrated")
IEMOCAP9 = ("anger", "happiness", "disgust", "surprise", "fear", "sadness", "excited", "neutral", "frustration")
MAFW11 = (
    *("anger", "anxiety", "contempt", "disappointment", "disgust", "fear", "happiness", "helplessness", "neutral"),
    *("sadness", "surprise"),
)
BOLD26 = (
    *("affection", "anger", "annoyance", "anticipation", "aversion", "confidence", "disapproval", "disconnection"),
    *("disquietment", "doubt/confusion", "embarrassment", "engagement", "esteem", "excitement", "fatigue", "fear"),
    *("happiness", "pain", "peace", "pleasure", "sadness", "sensitivity", "suffering", "surprise", "sympathy"),
    "yearning",
)
MSP8 = (*IEMOCAP4, "surprise", "fear", "disgust", "contempt")
INTENT8 = (
    *("acknowledging", "agreeing", "consoling", "encouraging", "neutral", "questioning", "suggesting", "wishing"),
)
SENTIMENT3 = ("positive", "neutral", "negative")

VOCABULARIES: dict[str, tuple[str, ...]] = {
    "mer6": MER6, "mer9": MER9, "dfew7": DFEW7, "caer7": CAER7, "meld7": MELD7, "e3": E3, "iemocap4": IEMOCAP4,
    "iemocap5": IEMOCAP5, "iemocap6": IEMOCAP6, "iemocap9": IEMOCAP9, "mafw11": MAFW11,
    "msp4": IEMOCAP4, "msp8": MSP8, "bold26": BOLD26, "intent8": INTENT8, "sentiment3": SENTIMENT3,
}  # fmt: skip

BASIC = frozenset({*MER9, *DFEW7})
"""Labels that say an emotion wherever they stand; `pain` or `wishing`, labels too, are more often just words."""

SYNONYMS = {
    "happiness": "happy", "joy": "happy", "joyful": "happy",
    "sadness": "sad",
    "anger": "angry",
    "worry": "worried",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear", "scared": "fear", "afraid": "fear",
    "contemptuous": "contempt",
    "doubtful": "doubt",
}  # fmt: skip
"""Inflections and plain noun forms only: a wider table would change scores (`worried` is not `fear`)."""


SHORTEST = 4
"""Letters of a word that may be misspelt: of three letters each, one edit makes another word."""

_UNSEEN = {code: None for code in (0x00AD, *range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))}
_HYPHENS = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2043, 0x2212), "-")
_AS_SPACE = {0x200B: " "}
_TABLE = {**_UNSEEN, **_HYPHENS, **_AS_SPACE, 0xFEFF: None}
"""Characters without an own look, the hyphens of other keyboards, and a space of no width: how they are compared."""

_JOINTS = re.compile(r"(?<=[^\W_])[-\u2013_](?=[^\W_])")


def normalised(text: str) -> str:
    r"""What two texts are compared in: NFKC, folded case, one space for all white space, one hyphen, nothing unseen.

    >>> normalised(" ＶＥＲＹ\u00a0\n Happy ")
    'very happy'
    """
    return " ".join(folded(text).split())


def folded(text: str) -> str:
    """The same with its white space as it was: lines may matter."""
    if text.isascii():
        return text.casefold()
    once = unicodedata.normalize("NFKC", text.translate(_TABLE)).casefold()
    # Folding may take a text apart again, and NFKC makes spaces and hyphens of their variants.
    return unicodedata.normalize("NFKC", once).translate(_TABLE)


def spelling(text: str) -> str:
    """The same with a space where words are joined: `very-happy` and `very_happy` are `very happy`."""
    return _JOINTS.sub(" ", normalised(text))


def vocabulary(labels: str | Sequence[str]) -> tuple[str, ...]:
    """A vocabulary by name (`mer6`), or one spelt out as a list.

    Raises:
        UserError: unknown name, an empty list, or a label twice.
    """
    if isinstance(labels, str):
        if labels.strip().startswith("["):
            entries = [entry.strip(" '\"") for entry in labels.strip(" []").split(",")]
            pasted = quoted_override("data.labels", entries)
            raise UserError(f"labels: {labels!r} is one text; in a list the quotes are around each entry: {pasted}")
        if labels not in VOCABULARIES:
            raise UserError(f"labels: no vocabulary {labels!r}; choose from {list(VOCABULARIES)} or give a list")
        return VOCABULARIES[labels]
    words = tuple(" ".join(unicodedata.normalize("NFC", str(label)).lower().split()) for label in labels)
    spellings = [spelling(word) for word in words]
    repeated = sorted({word for word in spellings if spellings.count(word) > 1})
    if not words or "" in words or repeated:
        why = f"repeated: {repeated}" if repeated else "one is empty" if words else "it has none"
        raise UserError(f"labels: {list(labels)} must be a list of different words; {why}")
    return words


def canonical(word: str, words: Sequence[str]) -> str | None:
    """The label of the vocabulary that `word` names, directly or as a synonym; None if there is none.

    >>> canonical(" Happiness ", MER6)
    'happy'
    >>> canonical("disgust", MER6) is None
    True
    """
    key = spelling(word)
    for label in words:
        if spelling(label) == key:
            return label
    mapped = SYNONYMS.get(key)
    return mapped if mapped in words else None


def nearest(word: str, words: Sequence[str]) -> str | None:
    """The label that a misspelt `word` is one edit away from, directly or as a synonym; None if there is none.

    Likeness of letters is no nearness in meaning: `disgust` is not `doubt`, and `mad` is not `sad`.

    >>> nearest("sadnes", MER6), nearest("disgust", MER9), nearest("mad", MER6)
    ('sad', None, None)
    """
    spellings = {spelling(label): label for label in words}
    spellings |= {synonym: label for synonym, label in SYNONYMS.items() if label in words}
    key = spelling(word)
    near = {label for known, label in spellings.items() if len(key) >= SHORTEST and is_one_edit(key, known)}
    return near.pop() if len(near) == 1 else None


def is_one_edit(word: str, other: str) -> bool:
    """Whether one letter is missing, too much or another one, or two neighbours are exchanged."""
    if abs(len(word) - len(other)) > 1:
        return False
    start = next((k for k, pair in enumerate(zip(word, other, strict=False)) if len(set(pair)) > 1), None)
    if start is None:
        return True
    here, there = word[start:], other[start:]
    return (
        here[1:] == there[1:]
        or here[1:] == there
        or here == there[1:]
        or (here[:2] == there[1::-1] and here[2:] == there[2:])
    )
