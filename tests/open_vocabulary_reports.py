"""Reports of `scoring=open_vocabulary` on a few clips."""

from collections.abc import Sequence
from typing import Any

from score_factory import metrics_of

from emolightning.records.clips import Answer
from emolightning.scoring.open_vocabulary import OpenVocabulary


def answers_of(truths: Sequence[str | None], texts: Sequence[str]) -> list[Answer]:
    """Clips `clip0`, `clip1`, ..."""
    return [Answer(f"clip{k}", text, "", truth, 0.0) for k, (truth, text) in enumerate(zip(truths, texts, strict=True))]


def report_of(truths: Sequence[str | None], texts: Sequence[str], **settings: Any) -> dict[str, Any]:
    """Of answers to these clips."""
    return metrics_of(OpenVocabulary(**settings), answers_of(truths, texts), benchmark="b", split="test")


def value(report: dict[str, Any], name: str) -> float:
    """A score of a report."""
    return report["metrics"][name]["value"]
