"""Several folds' reports -> one: the arithmetic mean of the folds' values, as DFEW's scores are published."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np

from emolightning.errors import InputErrors
from emolightning.records.report import Report
from emolightning.scoring.classification import per_class_rows
from emolightning.scoring.metrics.classification import alphabetical, bootstrap_samples, exact_intervals, interval
from emolightning.scoring.metrics.intervals import interval_entry
from emolightning.scoring.predictions import Predictions

NUM_SAMPLES = 10_000


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


def fold_report(reports: Mapping[str, Report]) -> Report:
    """The report of all folds; confusion matrix and values per class are those of all clips.

    Args:
        reports: name of the fold -> its report, all of one vocabulary.
    """
    folds = list(reports.values())
    matrices = [report.confusion_matrix or {} for report in folds]
    readings = [report.reading or {} for report in folds]
    counts = [np.array(matrix["counts"]) for matrix in matrices]
    labels = matrices[0]["labels"]
    together = np.sum(counts, axis=0)
    return Report(
        benchmark=folds[0].benchmark,
        split=folds[0].split,
        num_clips=sum(report.num_clips for report in folds),
        num_scored=sum(report.num_scored for report in folds),
        unscored=_summed(report.unscored for report in folds),
        aliases=_summed(report.aliases for report in folds),
        reading={**readings[0], "made_neutral": sum(reading["made_neutral"] for reading in readings)},
        num_folds=len(folds),
        metrics=_means(folds, [alphabetical(matrix, labels[:-1]) for matrix in counts]),
        per_class=per_class_rows(together, labels[:-1]),
        confusion_matrix={"labels": labels, "counts": together.tolist()},
    )


def _summed(counts: Any) -> dict[str, int]:
    return dict(sum(map(Counter, counts), Counter[str]()))


def _means(folds: Sequence[Report], counts: Sequence[np.ndarray]) -> dict[str, dict[str, Any]]:
    """Each score: mean, sample standard deviation, values of the folds, and an interval over the clips of all."""
    draws = [bootstrap_samples(matrix, num_samples=NUM_SAMPLES, seed=seed) for seed, matrix in enumerate(counts)]
    exact = [exact_intervals(matrix) for matrix in counts]
    means = {}
    for name, first in folds[0].metrics.items():
        values = [report.metrics[name]["value"] for report in folds]
        without = [report.metrics[name]["value_without_unreadable"] for report in folds]
        ends = interval(np.mean([samples[name] for samples in draws], axis=0))
        means[name] = {
            "value": fmean(values),
            "sd": stdev(values),
            "per_fold": values,
            **interval_entry(ends, (fmean(fold[name][0] for fold in exact), fmean(fold[name][1] for fold in exact))),
            "definition": f"mean over {len(folds)} folds of: {first['definition']}",
            "value_without_unreadable": fmean(without),
        }
    return means
