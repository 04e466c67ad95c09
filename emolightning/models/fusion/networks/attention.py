"""MERBench's attention: modalities weighted by raw scores, without softmax."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emolightning.models.fusion.networks.blocks import MlpEncoder, Shape, ThreeEncoders, weighted_sum


class Attention(ThreeEncoders):
    """Three encoders, and one on all of them for the scores."""

    def __init__(self, shape: Shape, *, hidden_dim: int, dropout: float):
        super().__init__(shape, hidden_dim, hidden_dim=hidden_dim, dropout=dropout)
        self.attention_mlp = MlpEncoder(3 * hidden_dim, hidden_dim, dropout)
        self.fc_att = nn.Linear(hidden_dim, 3)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The weighted sum of the modalities."""
        hidden = self.encode(streams)
        return weighted_sum(hidden, self.fc_att(self.attention_mlp(torch.cat(hidden, dim=1)))), None
