"""What judges have in common: they compare an answer with a reference text and grade the overlap of clues and labels.

Three judges are a `Judge`: the one of `offline.py` and the two of `server.py`. Their grades are on scales of their own
and are not comparable with each other; a report names the judge beside every number.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

OVERLAPS = ("clue", "label")
"""What is graded: how much of the described evidence, and how many of the named emotions, are the same."""


@dataclass(frozen=True)
class Pair:
    """One answer and what it is compared with."""

    clip_id: str
    truth: str
    answer: str


@dataclass(frozen=True)
class Grade:
    """The overlap of one pair. A judge that failed is no low grade."""

    value: float | None
    """On the judge's scale; None only with a failure."""
    reason: str = ""
    """The judge's own words, if it gives any."""
    failure: str | None = None
    """Why there is no grade, in words that can be counted."""


@dataclass(frozen=True)
class JudgeScore:
    """Both overlaps of one pair."""

    clip_id: str
    clue: Grade
    label: Grade


class Judge(Protocol):
    """What grades pairs; chosen by the config group `judge`."""

    name: str
    """Part of the names of its scores: grades of two judges do not compare."""
    scale: tuple[float, float]
    """Lowest and highest grade."""

    def score(self, pairs: Sequence[Pair]) -> list[JudgeScore]:
        """Grades in the order of the pairs."""
        ...

    def describe(self) -> dict[str, Any]:
        """Who judged and how, what its grades are `comparable_with`, and what it took: for metrics.json."""
        ...


def failures(grades: Iterable[Grade]) -> dict[str, int]:
    """Reason -> number of grades that are missing for it."""
    return dict(Counter(grade.failure for grade in grades if grade.failure is not None))
