"""What makes the numbers of a report worth doubting: sentences for the screen, the page and `metrics.json`."""

from collections.abc import Iterator
from typing import Any

from emolightning.evaluation.scoring import NO_ANSWER

FEW_CLIPS = 20
"""A class with fewer clips moves by more than 5 points of recall with each of them."""


def warnings_of(report: dict[str, Any]) -> list[str]:
    """The sentences of one report, once each, the gravest first.

    Args:
        report: the content of `metrics.json`, its section `evaluation` included.
    """
    found = [*_other_clips(report), *_unread(report), *_replaced(report), *_small_classes(report)]
    return list(dict.fromkeys(found))


def _other_clips(report: dict[str, Any]) -> Iterator[str]:
    """Differences from the official set of the benchmark, those of a fold with its name."""
    for prefix, facts in described(report).items():
        for difference in facts.get("differences_from_official", ()):
            yield f"{prefix}{difference}"
    data = report.get("data", {})
    yield from data.get("official_differences", ())
    yield from data.get("remarks", ())


def described(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is put before a sentence -> the facts of one evaluation; of several folds one each."""
    facts = report.get("evaluation", {})
    if "num_folds" not in report:
        return {"": facts}
    return {f"{name}: ": of_fold for name, of_fold in facts.items()}


def _unread(report: dict[str, Any]) -> Iterator[str]:
    clips, missing = report["num_clips"], report["unscored"].get(NO_ANSWER, 0)
    if not report["num_scored"]:
        yield f"none of the answers about {clips} clips could be scored"
    if missing:
        yield f"{missing} of {clips} clips have no answer and count as wrong"


def _replaced(report: dict[str, Any]) -> Iterator[str]:
    made_neutral = report.get("reading", {}).get("made_neutral", 0)
    if made_neutral:
        yield f"{made_neutral} answers that name no label were made neutral by parser=upstream"
    for overlap, reasons in report.get("judge", {}).get("failures", {}).items():
        if reasons:
            yield f"{overlap}: the judge gave {sum(reasons.values())} clips no grade; the mean leaves them out"
    for prefix, facts in described(report).items():
        for name, count in (facts.get("zero_features") or {}).items():
            if count:
                yield f"{prefix}{count} clips have no {name} vector, and zeros in its place"


def _small_classes(report: dict[str, Any]) -> Iterator[str]:
    supports = {label: row["support"] for label, row in report.get("per_class", {}).items()}
    few = {label: count for label, count in supports.items() if 0 < count < FEW_CLIPS}
    if few:
        listed = ", ".join(f"{label} {count}" for label, count in few.items())
        yield f"classes with under {FEW_CLIPS} clips: {listed}; their values, and averages over classes, are uncertain"
