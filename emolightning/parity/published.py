"""Checks of the scores of the published MER2023 result, and of the samples that upstream's edge cases are made of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from emolightning.metrics.classification import per_class, scores
from emolightning.parity.comparison import LOSSES, Each, Near, Unchecked
from emolightning.parity.golden import GoldenFolder
from emolightning.parity.losses import logits_of, token_losses
from emolightning.parity.subject import Subject
from emolightning.records import IGNORED

METRICS, EDGE_CASES = "metrics_mer2023.json", "edge_cases.json"
EXACT = 1e-12


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `metrics_mer2023.json`, from its precisions, recalls and supports."""
    recorded = golden.json(METRICS)
    counts = _counts(recorded)
    if counts is None:
        return {METRICS: Unchecked("its precisions, recalls and supports belong to no table of counts")}
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


def _counts(recorded: Mapping[str, Any]) -> np.ndarray | None:
    """A confusion matrix with the recorded margins; None if there is none. The scores depend on nothing else."""
    rows = [recorded["per_class"][label] for label in recorded["labels"]]
    support = np.array([row["support"] for row in rows])
    hits = np.array([row["recall"] for row in rows]) * support
    precision = np.array([row["precision"] for row in rows])
    answered = np.divide(hits, precision, out=np.zeros_like(hits), where=precision > 0)
    whole = np.concatenate([support, hits, answered])
    if np.abs(whole - whole.round()).max() > 1e-6 or support.sum() != answered.sum().round():
        return None
    hits, answered = hits.round().astype(int), answered.round().astype(int)
    missed = np.repeat(np.arange(len(rows)), support.astype(int) - hits)
    wrong = np.repeat(np.arange(len(rows)), answered - hits)
    for shift in range(max(len(wrong), 1)):
        if not (missed == np.roll(wrong, shift)).any():
            counts = np.zeros((len(rows), len(rows) + 1), dtype=np.int64)
            counts[np.arange(len(rows)), np.arange(len(rows))] = hits
            np.add.at(counts, (missed, np.roll(wrong, shift)), 1)
            return counts
    return None


@torch.no_grad()
def recompute_edge_cases(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `edge_cases.json`: the losses of unusual answers behind the first sample's context."""
    return {EDGE_CASES: Each({name: _edge_case(subject, case) for name, case in golden.json(EDGE_CASES).items()})}


def _edge_case(subject: Subject, case: Any) -> Any:
    """Recomputed where the record says the whole sequence: an answer's tokens behind a context that we have."""
    batch = subject.batch([0])
    context = batch.context.input_ids[0].tolist()
    is_answer = isinstance(case, Mapping) and (case.get("target_positions") or [0])[0] == len(context)
    if not is_answer or case["seq_len"] != case["target_positions"][-1] + 1:
        return Unchecked("upstream's behaviour where this project refuses, or a sequence that it never builds")
    # A place without a target is one that upstream took for padding because it holds that token.
    targets = [IGNORED] * case["seq_len"]
    for place, number in zip(case["target_positions"], case["target_ids"], strict=True):
        targets[place] = number
    ids = [*context, *(subject.pad_id if number == IGNORED else number for number in targets[len(context) :])]
    tokens = type(batch.sequence)(
        torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.int64), torch.tensor([targets])
    )
    logits = logits_of(subject, subject.model.embed(tokens, subject.model.project(batch)), tokens.attention_mask)
    losses = token_losses(logits, tokens.targets)
    return {
        "loss": Near(float(losses.sum() / len(case["target_ids"])), LOSSES),
        "seq_len": len(ids),
        "target_ids": [number for number in targets if number != IGNORED],
        "target_positions": [place for place, number in enumerate(targets) if number != IGNORED],
        "attention_mask_sum": int(tokens.attention_mask.sum()),
    }
