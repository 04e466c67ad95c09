"""The MER2023 baseline's MLP, the unimodal rows: one feature three times, concatenated."""

from collections.abc import Sequence

import torch
from torch import Tensor

from emolightning.models.fusion.networks.blocks import FusionNetwork, Shape, perceptron


class Mlp(FusionNetwork):
    """[Linear, ReLU, dropout] for each width of `layers` on all streams together."""

    def __init__(self, shape: Shape, *, layers: Sequence[int], dropout: float):
        super().__init__(shape, layers[-1])
        self.module = perceptron(sum(shape.widths), layers, dropout)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The last layer's values."""
        return self.module(torch.cat(list(streams), dim=1)), None
