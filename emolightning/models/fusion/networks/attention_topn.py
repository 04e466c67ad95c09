"""MER2024's attention over any number of feature vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emolightning.models.fusion.networks.blocks import FusionNetwork, MlpEncoder, Shape, weighted_sum


class AttentionTopn(FusionNetwork):
    """An encoder for each stream, and one on all of them for the scores."""

    def __init__(self, shape: Shape, *, hidden_dim: int, dropout: float):
        super().__init__(shape, hidden_dim)
        self.number = len(shape.widths)
        for place, width in enumerate(shape.widths):
            self.add_module(f"encoder{place}", MlpEncoder(width, hidden_dim, dropout))
        self.attention_mlp = MlpEncoder(self.number * hidden_dim, hidden_dim, dropout)
        self.fc_att = nn.Linear(hidden_dim, self.number)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The weighted sum of the streams."""
        hidden = [self.get_submodule(f"encoder{place}")(stream) for place, stream in enumerate(streams)]
        return weighted_sum(hidden, self.fc_att(self.attention_mlp(torch.cat(hidden, dim=1)))), None
