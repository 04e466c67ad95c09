"""How well probabilities order labels and clips: top-k accuracy, area under ROC curves, average precision.

One label against all others. Intervals of areas are DeLong's (1988), of clusters Obuchowski's (1997), on the scale of
log odds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import rankdata

from emolightning.scoring.metrics.counted import counted, score_intervals
from emolightning.scoring.metrics.intervals import same_value_interval
from emolightning.scoring.metrics.score_intervals import quantile_of

TOP = (2, 3)
"""Numbers of labels that the true one may be among."""

DEFINITIONS = {
    **{
        f"top_{k}_accuracy": f"share of clips whose true label is among the {k} likeliest, and the last of those that "
        "are equally likely"
        for k in TOP
    },
    "macro_auc": "unweighted mean of the area under the ROC curve of each label against all others, over the labels "
    "that some clips have and some have not",
    "macro_average_precision": "unweighted mean of the average precision of each label, over the same labels",
}
"""Score -> what it is."""


def ranks_of_truths(probabilities: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Place of the true label among those of a clip, from 1; of equally likely ones it is the last: int64 (clips,)."""
    own = np.take_along_axis(probabilities, truths[:, None], axis=1)
    return (probabilities >= own).sum(axis=1)


def area_under_roc(values: np.ndarray, is_true: np.ndarray) -> tuple[float, np.ndarray]:
    """Share of (true, other) pairs of clips in which the true one has the higher value, and the influence of each clip.

    Args:
        values: (clips,)
        is_true: (clips,), bool; some are and some are not.

    Returns:
        The area, in which equal values count half; influences (clips,), with a sum of 0.

    >>> area_under_roc(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]))[0]
    0.875
    """
    number, others = int(is_true.sum()), int((~is_true).sum())
    of_all, placements = rankdata(values), np.empty(len(values))
    placements[is_true] = (of_all[is_true] - rankdata(values[is_true])) / others
    placements[~is_true] = 1 - (of_all[~is_true] - rankdata(values[~is_true])) / number
    area = float(placements[is_true].mean())
    return area, (placements - area) / np.where(is_true, number, others)


def average_precision(values: np.ndarray, is_true: np.ndarray) -> float:
    """Mean precision at each true clip, in falling order of values; equal values come together.

    >>> average_precision(np.array([0.9, 0.5, 0.4]), np.array([True, False, True])).__round__(4)
    0.8333
    """
    order = np.argsort(-values, kind="stable")
    last = np.append(np.diff(values[order]) != 0, True)
    hits, seen = np.cumsum(is_true[order])[last], np.flatnonzero(last) + 1
    return float((np.diff(hits, prepend=0) * hits / seen).sum() / is_true.sum())


def area_interval(area: float, influences: np.ndarray, clusters: np.ndarray | None, *, fewest: int) -> list[float]:
    """95 % interval of an area, or of a mean of areas.

    Args:
        area: what was seen.
        influences: (clips,), of each clip.
        clusters: (clips,), equal for clips that are not independent; None where all are.
        fewest: clips of the smaller side, which bound what is known where nothing varies.
    """
    if clusters is not None:
        influences = np.bincount(clusters, influences)
    number = len(influences)
    spread = np.sqrt((influences**2).sum() * number / max(number - 1, 1))
    if not 0 < area < 1 or not spread:
        return list(same_value_interval(area, fewest, lowest=0.0, highest=1.0))
    distance = quantile_of(None if clusters is None else number) * spread / (area * (1 - area))
    return [float(expit(logit(area) - distance)), float(expit(logit(area) + distance))]


def ranking(
    probabilities: np.ndarray, truths: np.ndarray, labels: tuple[str, ...], clusters: np.ndarray | None = None
) -> dict[str, Any]:
    """The scores of DEFINITIONS and those of each label.

    Args:
        probabilities: (clips, labels)
        truths: (clips,), places of labels.
        labels: the vocabulary.
        clusters: (clips,), equal for clips that are not independent; None where all are.
    """
    ranks, metrics = ranks_of_truths(probabilities, truths), {}
    for k in TOP:
        if k < len(labels):
            clips = counted(np.zeros_like(truths), (ranks > k).astype(np.int64), 1, clusters)
            metrics[f"top_{k}_accuracy"] = {
                "value": float((ranks <= k).mean()),
                "ci95": [*score_intervals([clips])["war"]],
            }
    found = of_labels(probabilities, truths[:, None] == np.arange(len(labels)), labels, clusters)
    defined = {name: {**each, "definition": DEFINITIONS[name]} for name, each in metrics.items()}
    return {**found, "metrics": defined | found["metrics"]}


def of_labels(
    values: np.ndarray, is_true: np.ndarray, labels: Sequence[str], clusters: np.ndarray | None = None
) -> dict[str, Any]:
    """Areas and average precisions of each label, and their means: a clip may have several labels.

    Args:
        values: (clips, labels), larger where a label is likelier.
        is_true: (clips, labels), bool.
        labels: the vocabulary; those that all clips have, or none, are left out.
        clusters: (clips,), equal for clips that are not independent; None where all are.
    """
    rows: dict[str, dict[str, Any]] = {}
    influences, fewest = [], []
    for place, label in enumerate(labels):
        support = int(is_true[:, place].sum())
        if not 0 < support < len(is_true):
            continue
        area, influence = area_under_roc(values[:, place], is_true[:, place])
        influences.append(influence)
        fewest.append(min(support, len(is_true) - support))
        rows[label] = {
            "auc": area,
            "auc_ci95": area_interval(area, influence, clusters, fewest=fewest[-1]),
            "average_precision": average_precision(values[:, place], is_true[:, place]),
            "support": support,
        }
    metrics: dict[str, dict[str, Any]] = {}
    if rows:
        mean = float(np.mean([row["auc"] for row in rows.values()]))
        ends = area_interval(mean, np.mean(influences, axis=0), clusters, fewest=min(fewest))
        precision = float(np.mean([each["average_precision"] for each in rows.values()]))
        metrics = {"macro_auc": {"value": mean, "ci95": ends}, "macro_average_precision": {"value": precision}}
    defined = {name: {**each, "definition": DEFINITIONS[name]} for name, each in metrics.items()}
    return {"metrics": defined, "per_class": rows}
