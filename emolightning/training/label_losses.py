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
        """The sums of a batch, (2, labels) float64; clips without a label are in none.

        Args:
            labels: of its clips.
            losses: (batch,), summed over tokens.
            numbers: (batch,), of these tokens.
        """
        device = "cpu" if losses.device.type == "mps" else losses.device  # Which has no float64.
        rows = torch.stack([losses.detach().to(device).double(), numbers.to(device).double()])
        no_place = len(self.places)
        found = [no_place if label is None else self.places.get(label, no_place) for label in labels]
        places = torch.tensor(found, dtype=torch.long).to(rows.device, non_blocking=True)
        return rows.new_zeros(2, no_place + 1).index_add(1, places, rows)[:, :no_place]

    def add(self, sums: Tensor) -> None:
        """Add those of a batch; nothing is read from the device."""
        self.sums = self.sums.to(sums.device) + sums

    def means(self) -> dict[str, float]:
        """`loss/happy` -> mean, of the labels that were there."""
        rows = zip(self.places, *self.sums.tolist(), strict=True)
        return {f"loss/{label}": total / number for label, total, number in rows if number}
