"""What makes the numbers of a report worth doubting: sentences for the screen, the page and `metrics.json`."""

from collections.abc import Iterator
from typing import Any

from emolightning.models.parts.card import RANDOM_BASE
from emolightning.records.score_names import DIMENSIONS
from emolightning.scoring.diagnosis import diagnosis_of
from emolightning.scoring.scoring import NO_ANSWER

FEW_CLIPS = 20
"""A class with fewer clips moves by more than 5 points of recall with each of them."""

FEW_CLUSTERS = 10
"""Clusters of which a variance can hardly be told."""


def warnings_of(report: dict[str, Any]) -> list[str]:
    """The sentences of one report, once each, the gravest first.

    Args:
        report: the content of `metrics.json`, its section `evaluation` included.
    """
    found = [
        *_random_base(report),
        *_nothing_read(report),
        *_other_clips(report),
        *_skipped(report),
        *_missing(report),
        *_left_out(report),
        *_replaced(report),
        *_stray_labels(report),
        *_few_clips(report),
        *_small_classes(report),
        *diagnosis_of(report),
    ]
    return list(dict.fromkeys(found))


def _other_clips(report: dict[str, Any]) -> Iterator[str]:
    """Differences from the official set of the benchmark, those of a fold with its name."""
    for prefix, facts in described(report).items():
        for difference in facts.get("differences_from_official", ()):
            yield f"{prefix}{difference}"
    data = report.get("data", {})
    yield from data.get("official_differences", ())
    yield from data.get("training_differences", ())
    yield from data.get("remarks", ())


def _skipped(report: dict[str, Any]) -> Iterator[str]:
    if skipped := report.get("num_skipped"):
        total = report["num_clips"] + skipped
        reasons = ", ".join(f"{count} {reason}" for reason, count in report["skipped"].items())
        yield f"{skipped} of {total} clips are not in these scores (data.on_error=skip): {reasons}"


def described(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is put before a sentence -> the facts of one evaluation; of several folds one each."""
    facts = report.get("evaluation") or {}
    if "num_folds" not in report:
        return {"": facts}
    return {f"{name}: ": of_fold for name, of_fold in facts.items()}


def _random_base(report: dict[str, Any]) -> Iterator[str]:
    if report.get("model", {}).get("has_random_base"):
        yield RANDOM_BASE


def _nothing_read(report: dict[str, Any]) -> Iterator[str]:
    if report["num_scored"]:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in report["unscored"].items())
    yield (
        f"NO ANSWER COULD BE SCORED ({reasons}), so the scores say nothing: the model is not trained, or the "
        "answers have other labels or another form than scoring expects"
    )


def _missing(report: dict[str, Any]) -> Iterator[str]:
    missing = {reason: count for reason, count in report["unscored"].items() if reason.startswith(NO_ANSWER)}
    if missing:
        why = ", ".join(f"{count} {reason[len(NO_ANSWER) + 2 :]}" for reason, count in missing.items() if ":" in reason)
        clips = f"{sum(missing.values())} of {report['num_clips']} clips"
        yield f"{clips} have no answer and count as wrong{f' ({why})' if why else ''}"


def _left_out(report: dict[str, Any]) -> Iterator[str]:
    """Clips that an average does not see, though they have a truth: the score may be better for it."""
    for name in DIMENSIONS:
        numbers = report.get(name, {})
        if (count := numbers.get("missing_predicted", 0)) and numbers["missing"] == "exclude":
            yield f"{name}: {count} clips have no predicted value and are left out of {name}_mse and its like"
        elif count:
            yield f"{name}: {count} clips have no predicted value; each counts as the largest error possible"
    for prefix, facts in described(report).items():
        yield from (f"{prefix}{sentence}" for sentence in of_ties(facts))
    groups = report.get("open_vocabulary", {}).get("synonym_groups") or {}
    if count := groups.get("clips_without_groups", {}).get("count", 0):
        yield f"{count} clips have no synonym groups; those with an answer are left out of accuracy, recall, average"
    for overlap, reasons in report.get("judge", {}).get("failures", {}).items():
        if reasons:
            yield f"{overlap}: the judge gave {sum(reasons.values())} clips no grade; the mean leaves them out"


def of_ties(facts: dict[str, Any]) -> list[str]:
    """What became of clips whose annotators are tied, if there are any; `facts` are those of a predictions file."""
    become = {"first": "the label that was named first counts", "drop": "these clips are left out"}
    count, ties = facts.get("tied", 0), str(facts.get("ties"))
    return [f"the votes of annotators on {count} clips are tied: {become[ties]} (ties={ties})"] if count else []


def _replaced(report: dict[str, Any]) -> Iterator[str]:
    made_neutral = report.get("reading", {}).get("made_neutral", 0)
    if made_neutral:
        yield f"{made_neutral} answers that name no label were made neutral by parser=upstream"
    reading = report.get("reading", {})
    if judge := reading.get("judge"):
        yield f"{reading['read_by_judge']} labels were read by the judge {judge['model']}, not by rules (parser=judge)"
        if failed := sum(judge["failures"].values()):
            yield f"the judge could not read {failed} answers ({', '.join(judge['failures'])}); they stay unreadable"
    for prefix, facts in described(report).items():
        for name, count in (facts.get("zero_features") or {}).items():
            if count:
                yield f"{prefix}{count} clips have no {name} vector, and zeros in its place"


def _stray_labels(report: dict[str, Any]) -> Iterator[str]:
    """Answers with labels of no clip: averages over what was answered count these as classes with a value of 0."""
    if strays := _strays(report.get("confusion_matrix", {"counts": [], "labels": []})):
        declared, observed = (report["metrics"][name]["value"] for name in ("macro_f1", "macro_f1_observed"))
        yield (
            f"answers have labels of no clip: {strays}; macro_f1_observed averages over these too and is "
            f"{observed:.4f}, macro_f1 does not and is {declared:.4f}"
        )


def _strays(matrix: dict[str, Any]) -> str:
    """The labels that were answered and are those of no clip, with the number of answers."""
    answered = [sum(column) for column in zip(*matrix["counts"], strict=True)]
    supports = [sum(row) for row in matrix["counts"]]
    named = zip(matrix["labels"], supports, answered, strict=False)  # The last column is of unreadable answers.
    return ", ".join(f"{label} {count}" for label, support, count in named if count and not support)


def _few_clips(report: dict[str, Any]) -> Iterator[str]:
    """Intervals of few clips, or of few clusters of them, are wide, and rest on little."""
    about = report.get("sampling", {"unit": "clip", "num_units": report["num_clips"]})
    if report["num_clips"] < FEW_CLIPS:
        yield f"there are only {report['num_clips']} clips: each of them moves the scores by more than 5 points"
    elif about["num_units"] < FEW_CLUSTERS and about["unit"] != "clip":
        yield (
            f"the clips have only {about['num_units']} different {about['unit']}: intervals over these are uncertain "
            f"themselves; {FEW_CLUSTERS} or more are better"
        )


def _small_classes(report: dict[str, Any]) -> Iterator[str]:
    supports = {label: row["support"] for label, row in report.get("per_class", {}).items()}
    few = {label: count for label, count in supports.items() if 0 < count < FEW_CLIPS}
    if few:
        listed = ", ".join(f"{label} {count}" for label, count in few.items())
        yield f"classes with under {FEW_CLIPS} clips: {listed}; their values, and averages over classes, are uncertain"
