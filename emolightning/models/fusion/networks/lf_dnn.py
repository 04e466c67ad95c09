"""Late fusion: the modalities side by side, then two layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import Shape, ThreeEncoders


class LfDnn(ThreeEncoders):
    """Three encoders, dropout, two layers with ReLU."""

    def __init__(self, shape: Shape, *, hidden_dim: int, dropout: float):
        super().__init__(shape, hidden_dim, hidden_dim=hidden_dim, dropout=dropout)
        self.post_fusion_dropout = nn.Dropout(dropout)
        self.post_fusion_layer_1 = nn.Linear(3 * hidden_dim, hidden_dim)
        self.post_fusion_layer_2 = nn.Linear(hidden_dim, hidden_dim)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The second layer's values; the order is sound, video, text."""
        audio, text, video = self.encode(streams)
        together = self.post_fusion_dropout(torch.cat([audio, video, text], dim=1))
        return functional.relu(self.post_fusion_layer_2(functional.relu(self.post_fusion_layer_1(together)))), None
