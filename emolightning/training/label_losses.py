"""The loss of each label over an epoch: which emotions are learned and which are not."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


class LabelLosses:
    """Sums of losses and of what they are means over, label by label.

    Args:
        labels: the vocabulary.
    """

    def __init__(self, labels: Sequence[str]):
        self.places = {label: place for place, label in enumerate(labels)}
        self.sums = torch.zeros(2, len(labels), dtype=torch.float64)

    def of_batch(self, labels: Iterable[str | None], losses: Tensor, numbers: Tensor) -> Tensor:
        """The sums of a batch, (2, labels) float64 on the CPU; clips without a label are in none.

        Args:
            labels: of its clips.
            losses: (batch,), summed over tokens.
            numbers: (batch,), of these tokens.
        """
        rows = torch.stack([losses.detach().cpu().double(), numbers.cpu().double()])
        places = [self.places.get(label, -1) if label is not None else -1 for label in labels]
        known = [row for row, place in enumerate(places) if place >= 0]
        found = torch.zeros_like(self.sums)
        return found.index_add(1, torch.tensor([places[row] for row in known], dtype=torch.long), rows[:, known])

    def means(self) -> dict[str, float]:
        """`loss/happy` -> mean, of the labels that were there."""
        rows = zip(self.places, *self.sums.tolist(), strict=True)
        return {f"loss/{label}": total / number for label, total, number in rows if number}
