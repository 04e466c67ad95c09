"""Classification scores from the integer confusion matrix, in float64; and the torchmetrics object that fills it.

The matrix is (classes, classes + 1): rows are the truth, the last column counts answers without a readable label.
Unreadable answers count as wrong in every headline value.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics import Metric


def confusion_matrix(truths: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> np.ndarray:
    """Count (truth, prediction) pairs.

    Args:
        truths: class indices.
        predictions: class indices, or `num_classes` for an unreadable answer.
        num_classes: size of the vocabulary.

    Returns:
        int64 (num_classes, num_classes + 1)
    """
    flat = np.asarray(truths, dtype=np.int64) * (num_classes + 1) + np.asarray(predictions, dtype=np.int64)
    return np.bincount(flat, minlength=num_classes * (num_classes + 1)).reshape(num_classes, num_classes + 1)


def per_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 (0 where undefined) and support of each class.

    Args:
        counts: (..., classes, classes + 1)

    Returns:
        name -> float64 (..., classes); support is int64.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    support = counts.sum(axis=-1)
    answered = counts[..., :-1].sum(axis=-2)
    return {
        "precision": _ratio(hits, answered),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + answered),
        "support": support,
    }


def scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of DEFINITIONS.

    Args:
        counts: (..., classes, classes + 1); leading dimensions are kept, e.g. for bootstrap samples.

    Returns:
        name -> float64 (...)
    """
    values = per_class(counts)
    support = values["support"]
    occurs = (support + counts[..., :-1].sum(axis=-2)) > 0
    total = support.sum(axis=-1)
    return {
        "weighted_f1": _ratio((values["f1"] * support).sum(axis=-1), total),
        "macro_f1": _mean_where(values["f1"], occurs),
        "uar": _mean_where(values["recall"], support > 0),
        "war": _ratio(np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1), total),
        "macro_precision": _mean_where(values["precision"], occurs),
    }


def bootstrap_intervals(
    counts: np.ndarray, *, num_samples: int = 10_000, level: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals over clips drawn with replacement.

    Drawing clips with replacement is a multinomial draw over the cells of the matrix, which needs no clip list.
    """
    flat = counts.reshape(-1)
    total = int(flat.sum())
    draws = np.random.default_rng(seed).multinomial(total, flat / total, size=num_samples)
    values = scores(draws.reshape(num_samples, *counts.shape))
    tail = (1 - level) / 2
    return {
        name: (float(np.quantile(sample, tail)), float(np.quantile(sample, 1 - tail)))
        for name, sample in values.items()
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator), dtype=np.float64), where=np.asarray(denominator) > 0
    )


def _mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _ratio((values * mask).sum(axis=-1), mask.sum(axis=-1))


class EmotionScores(Metric):
    """Collects one row per clip over batches and ranks; scores the set of unique clips.

    F1 and UAR are no means of batch values, and samplers repeat clips to give ranks equal shares: so rows are
    gathered, repeats dropped, and the clips seen checked against the dataset's.

    Args:
        labels: the vocabulary, in the order of the matrix.
        num_clips: size of the split; None skips the check.
    """

    full_state_update = False
    higher_is_better = True
    rows: list[Tensor] | Tensor

    def __init__(self, labels: Sequence[str], num_clips: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.labels = tuple(labels)
        self.num_clips = num_clips
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(self, indices: Tensor, truths: Tensor, predictions: Tensor, losses: Tensor, tokens: Tensor) -> None:
        """Add a batch.

        Args:
            indices: (batch,), position of each clip in its split.
            truths: (batch,), class index.
            predictions: (batch,), class index, or `len(labels)` for an unreadable answer.
            losses: (batch,), summed cross-entropy of the answer's tokens in nats.
            tokens: (batch,), number of those tokens.
        """
        columns = (indices, truths, predictions, losses.detach(), tokens)
        # float64 holds every index exactly. A list state, so one row tensor a batch.
        assert isinstance(self.rows, list)
        self.rows.append(torch.stack([column.to(indices.device, torch.float64) for column in columns], dim=1))

    def table(self) -> np.ndarray:
        """float64 (unique clips, 5), sorted by clip; columns as in `update`.

        Raises:
            RuntimeError: other clips were seen than the split has.
        """
        # After a sync over ranks torchmetrics hands back one tensor instead of the list.
        rows = self.rows if isinstance(self.rows, Tensor) else torch.cat(self.rows)
        indices, first = np.unique(rows[:, 0].cpu().numpy(), return_index=True)
        if self.num_clips is not None and not np.array_equal(indices, np.arange(self.num_clips)):
            raise RuntimeError(f"{len(indices)} different clips were scored, the split has {self.num_clips}")
        return rows.cpu().numpy()[first]

    def compute(self) -> dict[str, Any]:
        """`loss` and the scores of DEFINITIONS as floats, `counts` as the integer matrix; over all ranks."""
        table = self.table()
        counts = confusion_matrix(table[:, 1], table[:, 2], len(self.labels))
        loss = math.fsum(table[:, 3]) / math.fsum(table[:, 4])
        return {"loss": loss, **{name: float(value) for name, value in scores(counts).items()}, "counts": counts}
