"""MMEVerse's scores, as its published scripts compute them from answers and truths.

`single_label` and `sentiment` compare whole answers: an answer that is no label is one class more. `multi_label` splits
answers at commas and semicolons, and its classes are those of the truths. Hit rates and open vocabulary are those of
MER-UniBench (`scoring/metrics/wheels.py`).
"""

import re
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer


def single_label(truths: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """Share of right answers, and weighted F1; the truth is taken as it is written, so a capital is a wrong answer."""
    said = [answer.strip().lower() for answer in answers]
    weighted = f1_score(truths, said, average="weighted", zero_division=0)
    return {"accuracy": float(accuracy_score(truths, said)), "weighted_f1": float(weighted)}


def sentiment(truths: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """The same with both in lower case, without the clips whose truth is neutral."""
    pairs = [(truth.lower(), answer) for truth, answer in zip(truths, answers, strict=True)]
    kept = [(truth, answer) for truth, answer in pairs if truth != "neutral"]
    return single_label([truth for truth, _ in kept], [answer for _, answer in kept])


def multi_label(truths: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """Micro and sample F1, the mean of the clips' Jaccard indices, and mean average precision of yes or no."""
    real, said = ([_split(text) for text in texts] for texts in (truths, answers))
    binarizer = MultiLabelBinarizer().fit(real)
    known = set(binarizer.classes_)
    real_bits = binarizer.transform(real)
    said_bits = binarizer.transform([[label for label in labels if label in known] for labels in said])
    both = np.logical_and(real_bits, said_bits).sum(axis=1)
    either = np.logical_or(real_bits, said_bits).sum(axis=1)
    return {
        "micro_f1": float(f1_score(real_bits, said_bits, average="micro", zero_division=0)),
        "samples_f1": float(f1_score(real_bits, said_bits, average="samples", zero_division=0)),
        "jaccard": float(np.mean(both / (either + 1e-6))),
        "map": float(average_precision_score(real_bits, said_bits, average="macro")),
    }


def _split(text: str) -> list[str]:
    return [label for part in re.split(r"[,;]", text) if (label := part.strip().lower())]
