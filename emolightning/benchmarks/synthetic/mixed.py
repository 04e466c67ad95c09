"""Clips that show several emotions at once: what is true of them follows from the class that each modality shows.

Every modality shows one of its three classes, drawn by itself. Labels and numbers are sums over the three, so that none
of them can be left out, and the best possible scores are 1.
"""

from collections.abc import Mapping

from emolightning.records.labels import MER6

SEPARATOR = ";"
"""Between the labels of a clip, in its table."""

SHOWN = {"loud": "angry", "rising": "surprise", "agitated": "worried", "smile": "happy"}
SHOWN |= {"loss": "sad", "unexpected": "surprise"}
"""Class -> the label that it adds; the others add none, and a clip without any is neutral."""

VALENCE = {
    **{"quiet": 0.0, "loud": -0.2, "rising": 0.1},
    **{"still": 0.0, "agitated": -0.35, "smile": 0.5},
    **{"plain": 0.1, "loss": -0.45, "unexpected": 0.2},
}
AROUSAL = {
    **{"quiet": -0.45, "loud": 0.4, "rising": 0.3},
    **{"still": -0.35, "agitated": 0.3, "smile": 0.1},
    **{"plain": -0.1, "loss": 0.05, "unexpected": 0.2},
}
"""Class -> what it adds; sums are from -1 to 1."""


def labels_shown(shown: Mapping[str, str]) -> list[str]:
    """The labels of the classes that voice, face and words show, in the order of the vocabulary.

    >>> labels_shown({"A": "rising", "V": "still", "T": "loss"})
    ['sad', 'surprise']
    >>> labels_shown({"A": "quiet", "V": "still", "T": "plain"})
    ['neutral']
    """
    found = {SHOWN[name] for name in shown.values() if name in SHOWN}
    return [label for label in MER6 if label in found] or ["neutral"]


def total(numbers: Mapping[str, float], shown: Mapping[str, str]) -> float:
    """Valence or arousal of a clip.

    >>> total(VALENCE, {"A": "loud", "V": "smile", "T": "plain"})
    0.4
    """
    return round(sum(numbers[name] for name in shown.values()), 2)
