"""Checks of the scores of the published MER2023 result."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from parity.comparison import Each, Near
from parity.golden import GoldenFolder
from parity.subject import Subject

from emolightning.scoring.metrics.classification import per_class, scores

METRICS = "metrics_mer2023.json"
EXACT = 1e-12
NO_TABLE = "precisions, recalls and supports belong to no table of counts"


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `metrics_mer2023.json`, from its precisions, recalls and supports."""
    recorded = golden.json(METRICS)
    counts = _counts(recorded)
    by_class, total = per_class(counts), scores(counts)
    support = by_class["support"]
    weights = support / support.sum()
    values = {
        "accuracy_WAR": total["war"],
        "UAR_macro_recall": total["uar"],
        "macro_precision": total["macro_precision"],
        "macro_f1": total["macro_f1"],
        "weighted_precision": (by_class["precision"] * weights).sum(),
        "weighted_recall": (by_class["recall"] * weights).sum(),
        "weighted_f1": total["weighted_f1"],
        "micro_f1": total["war"],
    }
    near = {name: Near(float(value), EXACT, "absolute") for name, value in values.items()}
    own = {
        label: {name: Near(float(column[number]), EXACT, "absolute") for name, column in by_class.items()}
        for number, label in enumerate(recorded["labels"])
    }
    about = {
        "n": int(counts.sum()),
        "labels": recorded["labels"],
        "support": support.tolist(),
        "correct": int(np.trace(counts)),
        **near,
        "per_class": Each(own),
        "by_hand": {"weighted_f1": near["weighted_f1"], "macro_f1": near["macro_f1"], "UAR": near["UAR_macro_recall"]},
        "file_says": {
            "Accuracy": near["accuracy_WAR"],
            "Precision": near["weighted_precision"],
            "Recall": near["weighted_recall"],
            "F1 Score": near["weighted_f1"],
        },
    }
    return {METRICS: about}


def _counts(recorded: Mapping[str, Any]) -> np.ndarray:
    """A confusion matrix with the recorded margins. The scores depend on nothing else.

    Raises:
        ValueError: there is none, so the record contradicts itself.
    """
    rows = [recorded["per_class"][label] for label in recorded["labels"]]
    support = np.array([row["support"] for row in rows])
    hits = np.array([row["recall"] for row in rows]) * support
    precision = np.array([row["precision"] for row in rows])
    answered = np.divide(hits, precision, out=np.zeros_like(hits), where=precision > 0)
    whole = np.concatenate([support, hits, answered])
    if np.abs(whole - whole.round()).max() > 1e-6 or support.sum() != answered.sum().round():
        raise ValueError(NO_TABLE)
    hits, answered = hits.round().astype(int), answered.round().astype(int)
    missed = np.repeat(np.arange(len(rows)), support.astype(int) - hits)
    wrong = np.repeat(np.arange(len(rows)), answered - hits)
    for shift in range(max(len(wrong), 1)):
        if not (missed == np.roll(wrong, shift)).any():
            counts = np.zeros((len(rows), len(rows) + 1), dtype=np.int64)
            counts[np.arange(len(rows)), np.arange(len(rows))] = hits
            np.add.at(counts, (missed, np.roll(wrong, shift)), 1)
            return counts
    raise ValueError(NO_TABLE)
