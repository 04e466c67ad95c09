"""Several folds' reports -> one: the arithmetic mean of the folds' values, as DFEW's scores are published."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from emolightning.errors import InputErrors
from emolightning.records.report import Report, Section
from emolightning.scoring.classification import interval_entries, per_class_rows
from emolightning.scoring.metrics.counted import Counted, pooled
from emolightning.scoring.predictions import Predictions
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section


def refuse_shared_clips(folds: Mapping[str, Predictions]) -> None:
    """Test sets of folds are disjoint; a clip in two of them is a file given twice or a wrong one.

    Args:
        folds: name -> its predictions.

    Raises:
        InputErrors: names the folds and one of the clips.
    """
    first: dict[str, str] = {}
    shared: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for name, predictions in folds.items():
        for answer in predictions.answers:
            owner = first.setdefault(answer.clip_id, name)
            if owner != name:
                shared[owner, name] += 1
                examples.setdefault((owner, name), answer.clip_id)
    if shared:
        raise InputErrors(
            "answers",
            [
                f"{one} and {other} share {count} clips, e.g. {examples[one, other]!r}; folds have none in common"
                for (one, other), count in shared.items()
            ],
        )


def fold_report(reports: Mapping[str, Report], sets: Sequence[Counted], sampling: Sampling = BY_CLIP) -> Report:
    """The report of all folds; confusion matrix and values per class are those of all clips.

    Args:
        reports: name of the fold -> its report, all of one vocabulary.
        sets: the clips of each.
        sampling: what was sampled independently.
    """
    folds = list(reports.values())
    matrices = [report.confusion_matrix or {} for report in folds]
    readings = [report.reading or {} for report in folds]
    labels = matrices[0]["labels"]
    together = pooled(sets)
    metrics = _means(folds, interval_entries(sets, labels[:-1], sampling))
    about = [report.sampling or {} for report in folds]
    num_units = {"num_units": sum(one["num_units"] for one in about)}
    return Report(
        benchmark=folds[0].benchmark,
        split=folds[0].split,
        num_clips=sum(report.num_clips for report in folds),
        num_scored=sum(report.num_scored for report in folds),
        unscored=_summed(report.unscored for report in folds),
        aliases=_summed(report.aliases for report in folds),
        reading=_reading(readings),
        num_folds=len(folds),
        metrics=metrics,
        sampling=sampling_section(metrics, {**about[0], **num_units}),
        per_class=per_class_rows(together, labels[:-1], sampling),
        confusion_matrix={"labels": labels, "counts": together.counts.tolist()},
    )


def _reading(readings: Sequence[Section]) -> dict[str, Any]:
    """How all answers were read; headline scores of other parsers are means, as the scores are."""
    names = readings[0]["other_parsers"]
    return {
        **readings[0],
        **{count: sum(reading[count] for reading in readings) for count in ("made_neutral", "misspelt")},
        "read_from": _summed(reading["read_from"] for reading in readings),
        "other_parsers": {
            name: {
                "weighted_f1": fmean(reading["other_parsers"][name]["weighted_f1"] for reading in readings),
                "unreadable": sum(reading["other_parsers"][name]["unreadable"] for reading in readings),
            }
            for name in names
        },
    }


def _summed(counts: Any) -> dict[str, int]:
    return dict(sum(map(Counter, counts), Counter[str]()))


def _means(folds: Sequence[Report], intervals: Mapping[str, Section]) -> dict[str, dict[str, Any]]:
    """Each score: mean, sample standard deviation, values of the folds, and an interval over the clips of all."""
    means = {}
    for name, first in folds[0].metrics.items():
        values = [report.metrics[name]["value"] for report in folds]
        without = [report.metrics[name]["value_without_unreadable"] for report in folds]
        means[name] = {
            "value": fmean(values),
            "sd": stdev(values),
            "per_fold": values,
            **intervals[name],
            "definition": f"mean over {len(folds)} folds of: {first['definition']}",
            "value_without_unreadable": fmean(without),
        }
    return means
