"""Low-rank fusion (Liu et al. 2018): the outer product of the modalities, never made as a whole."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emolightning.models.fusion.networks.blocks import Shape, ThreeEncoders
from emolightning.models.fusion.networks.tfn import with_one


class Lmf(ThreeEncoders):
    """Three encoders and `rank` factors of each; the features are half as wide, without activation."""

    def __init__(self, shape: Shape, *, hidden_dim: int, dropout: float, rank: int):
        super().__init__(shape, hidden_dim // 2, hidden_dim=hidden_dim, dropout=dropout)
        size = (rank, hidden_dim + 1, hidden_dim // 2)
        self.audio_factor = nn.Parameter(torch.empty(size))
        self.video_factor = nn.Parameter(torch.empty(size))
        self.text_factor = nn.Parameter(torch.empty(size))
        self.fusion_weights = nn.Parameter(torch.empty(1, rank))
        self.fusion_bias = nn.Parameter(torch.zeros(1, hidden_dim // 2))
        for factor in (self.audio_factor, self.video_factor, self.text_factor, self.fusion_weights):
            nn.init.xavier_normal_(factor)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The weighted sum over the ranks of products of modalities."""
        audio, text, video = (with_one(hidden) for hidden in self.encode(streams))
        products = torch.matmul(audio, self.audio_factor) * torch.matmul(video, self.video_factor)
        products = products * torch.matmul(text, self.text_factor)  # (rank, batch, width)
        return torch.matmul(self.fusion_weights, products.permute(1, 0, 2)).squeeze(1) + self.fusion_bias, None
