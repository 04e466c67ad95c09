"""How the released code reads an answer, to the letter: until May 2026 (4ee28d2), and its evaluator since July."""

import re
import unicodedata
from collections.abc import Mapping

from emolightning.records.labels import MER6

NO_LETTERS = re.compile(r"[\W_]+")

UPSTREAM_DEFAULT = "neutral"
"""What the older code reads from an answer that does not end in one of its labels."""


def read_upstream(text: str) -> str:
    """The label that upstream's `eval_emotion.py` reads: the last word, and neutral for anything it does not know.

    Only for comparisons with upstream: answers that name no label, or fear, contempt or doubt, become neutral.

    >>> [read_upstream(text) for text in ("the emotion is sad", "sad.", "Sad", "fear", "happy ")]
    ['sad', 'neutral', 'neutral', 'neutral', 'neutral']
    """
    word = text.split(" ")[-1]
    return word if word in MER6 else UPSTREAM_DEFAULT


def phrase(text: str) -> str:
    """What the evaluator of 2026 compares: NFKC, folded case, one space for whatever is no letter and no digit.

    >>> phrase("The_Emotion: SAD!")
    'the emotion sad'
    """
    composed = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return NO_LETTERS.sub(" ", composed.casefold()).strip()


def read_upstream_2026(text: str, phrases: Mapping[str, str]) -> list[str]:
    """The labels that the evaluator of 2026 finds: of the whole text, else of all phrases in it; denied ones too.

    Args:
        text: the answer.
        phrases: of labels and aliases, as `phrase` makes them -> the label.

    >>> read_upstream_2026("not angry", {"angry": "angry", "sad": "sad"})
    ['angry']
    """
    whole = phrase(text)
    if whole in phrases:
        return [phrases[whole]]
    around = f" {whole} "
    return list(dict.fromkeys(label for known, label in phrases.items() if f" {known} " in around))
