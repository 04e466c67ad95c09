"""Tensor fusion (Zadeh et al. 2017): the outer product of the three modalities, each with a 1 in front."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import Shape, ThreeEncoders


class Tfn(ThreeEncoders):
    """Three encoders, their outer product, dropout, two layers with ReLU."""

    def __init__(self, shape: Shape, *, hidden_dim: int, dropout: float):
        super().__init__(shape, hidden_dim, hidden_dim=hidden_dim, dropout=dropout)
        self.post_fusion_dropout = nn.Dropout(dropout)
        self.post_fusion_layer_1 = nn.Linear((hidden_dim + 1) ** 3, hidden_dim)
        self.post_fusion_layer_2 = nn.Linear(hidden_dim, hidden_dim)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The second layer's values; in the product sound is the slowest index, then video, then text."""
        audio, text, video = (with_one(hidden) for hidden in self.encode(streams))
        pairs = torch.bmm(audio.unsqueeze(2), video.unsqueeze(1)).flatten(1)
        together = torch.bmm(pairs.unsqueeze(2), text.unsqueeze(1)).flatten(1)
        hidden = functional.relu(self.post_fusion_layer_1(self.post_fusion_dropout(together)))
        return functional.relu(self.post_fusion_layer_2(hidden)), None


def with_one(hidden: Tensor) -> Tensor:
    """(batch, width) -> (batch, 1 + width): what keeps the terms of fewer modalities in a product."""
    return torch.cat([hidden.new_ones(len(hidden), 1), hidden], dim=1)
