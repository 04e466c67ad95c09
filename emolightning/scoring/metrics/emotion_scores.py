"""The torchmetrics object that validation fills: one row per clip over batches and ranks, scored at the end."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from emolightning.scoring.metrics.classification import confusion_matrix, scores


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
