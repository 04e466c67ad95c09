"""Factorised bilinear pooling (Zhang et al. 2019, arXiv 1901.04889) of sound and video, text beside it.

The paper pools two modalities. How the MER2023 system went from two to three is not known: this is one way.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import Shape, ThreeEncoders


class Fbp(ThreeEncoders):
    """Three encoders; sound and video pooled to one vector, text concatenated, a layer with ReLU."""

    def __init__(self, shape: Shape, *, hidden_dim: int, factors: int, signed_sqrt: bool, dropout: float):
        super().__init__(shape, hidden_dim, hidden_dim=hidden_dim, dropout=dropout)
        self.pooling = BilinearPooling(hidden_dim, hidden_dim, hidden_dim, factors, dropout, signed_sqrt=signed_sqrt)
        self.linear = nn.Linear(2 * hidden_dim, hidden_dim)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The layer's values."""
        audio, text, video = self.encode(streams)
        return functional.relu(self.linear(torch.cat([self.pooling(audio, video), text], dim=1))), None


class BilinearPooling(nn.Module):
    """Products of two vectors in `hidden * factors` places, summed over the factors and brought to length one.

    Args:
        first: width of one vector.
        second: width of the other.
        hidden: width of the result.
        factors: products that are summed.
        dropout: of the products.
        signed_sqrt: take the root of each sum and keep its sign, as multi-modal factorised pooling does.
    """

    def __init__(
        self, first: int, second: int, hidden: int, factors: int, dropout: float, *, signed_sqrt: bool = False
    ):
        super().__init__()
        self.factors, self.signed_sqrt = factors, signed_sqrt
        self.first = nn.Linear(first, hidden * factors, bias=False)
        self.second = nn.Linear(second, hidden * factors, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(batch, first), (batch, second) -> (batch, hidden)."""
        pooled = self.drop(self.first(first) * self.second(second)).unflatten(1, (-1, self.factors)).sum(dim=2)
        if self.signed_sqrt:
            pooled = torch.sign(pooled) * torch.sqrt(pooled.abs() + TINY)
        return functional.normalize(pooled, dim=1)


TINY = 1e-20
"""Keeps the gradient of a root at zero from being infinite."""
