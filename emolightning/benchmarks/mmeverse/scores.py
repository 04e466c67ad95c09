"""MMEVerse's scores, as its published scripts compute them from answers and truths.

`single_label` and `sentiment` compare whole answers: an answer that is no label is one class more. Scores of several
labels a clip are in `scoring/metrics/multi_label.py`; hit rates and open vocabulary are those of MER-UniBench
(`scoring/metrics/wheels.py`).
"""

from collections.abc import Sequence

from sklearn.metrics import accuracy_score, f1_score


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
