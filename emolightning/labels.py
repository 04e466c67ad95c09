"""The emotion vocabularies, their order and their synonyms: the only place where they are spelt.

Orders follow the official files: MER2023/MER2024 `emos_mer`, Emotion-LLaMA's `first_face.py` (nine labels),
and the DFEW README (1-based there).
"""

import difflib
from collections.abc import Sequence

from emolightning.errors import UserError

MER6 = ("neutral", "angry", "happy", "sad", "worried", "surprise")
MER9 = (*MER6, "fear", "contempt", "doubt")
DFEW7 = ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear")

VOCABULARIES: dict[str, tuple[str, ...]] = {"mer6": MER6, "mer9": MER9, "dfew7": DFEW7}

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


def vocabulary(labels: str | Sequence[str]) -> tuple[str, ...]:
    """A vocabulary by name (`mer6`), or one spelt out as a list.

    Raises:
        UserError: unknown name, an empty list, or a label twice.
    """
    if isinstance(labels, str):
        if labels not in VOCABULARIES:
            raise UserError(f"labels: no vocabulary {labels!r}; choose from {list(VOCABULARIES)} or give a list")
        return VOCABULARIES[labels]
    words = tuple(str(label).strip().lower() for label in labels)
    repeated = sorted({word for word in words if words.count(word) > 1})
    if not words or "" in words or repeated:
        raise UserError(f"labels: {list(labels)} must be a list of different words; repeated: {repeated}")
    return words


def canonical(word: str, words: Sequence[str]) -> str | None:
    """The label of the vocabulary that `word` names, directly or as a synonym; None if there is none.

    >>> canonical(" Happiness ", MER6)
    'happy'
    >>> canonical("disgust", MER6) is None
    True
    """
    key = word.strip().lower()
    if key in words:
        return key
    mapped = SYNONYMS.get(key)
    return mapped if mapped in words else None


def nearest(word: str, words: Sequence[str]) -> str | None:
    """The label a misspelt `word` probably meant, looking at labels and synonyms; None if nothing is near."""
    spellings = {label: label for label in words}
    spellings |= {synonym: label for synonym, label in SYNONYMS.items() if label in words}
    close = difflib.get_close_matches(word.strip().lower(), list(spellings), n=1, cutoff=0.5)
    return spellings[close[0]] if close else None
