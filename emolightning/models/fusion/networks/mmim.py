"""MMIM (Han et al. 2021): the fusion keeps what tells the modalities, and text tells sound and video."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emolightning.models.fusion.networks.blocks import Shape, ThreeEncoders

NARROWER = 4
"""How much narrower a layer is that the released code has and never uses."""


class Mmim(ThreeEncoders):
    """Three encoders, two layers with tanh; two terms beside the loss.

    Args:
        shape: of streams and answers.
        hidden_dim: width of everything.
        cpc_layers: of the networks that predict a modality from the fusion.
        alpha: weight of what the fusion must tell of the modalities.
        beta: weight of what text must tell of sound and video.
        dropout: of encoders and fusion.
    """

    def __init__(self, shape: Shape, *, hidden_dim: int, cpc_layers: int, alpha: float, beta: float, dropout: float):
        super().__init__(shape, hidden_dim, hidden_dim=hidden_dim, dropout=dropout)
        self.alpha, self.beta = alpha, beta
        self.mi_tv, self.mi_ta = Likelihood(hidden_dim), Likelihood(hidden_dim)
        self.cpc_zt, self.cpc_zv, self.cpc_za = (Contrast(hidden_dim, cpc_layers) for _ in range(3))
        self.fusion_prj = Fusion(hidden_dim, dropout)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The features, and the weighted terms."""
        audio, text, video = self.encode(streams)
        fusion = self.fusion_prj(torch.cat([text, audio, video], dim=1))
        likelihood = self.mi_tv(text, video) + self.mi_ta(text, audio)
        contrast = self.cpc_zt(text, fusion) + self.cpc_zv(video, fusion) + self.cpc_za(audio, fusion)
        return fusion, self.alpha * contrast - self.beta * likelihood


class Fusion(nn.Module):
    """Dropout, two layers with tanh."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.linear_1 = nn.Linear(3 * width, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, together: Tensor) -> Tensor:
        """(batch, 3 * width) -> (batch, width)."""
        return torch.tanh(self.linear_2(torch.tanh(self.linear_1(self.drop(together)))))


class Likelihood(nn.Module):
    """How likely one modality is under a normal distribution that another one gives."""

    def __init__(self, width: int):
        super().__init__()
        self.mlp_mu = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.mlp_logvar = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.entropy_prj = nn.Sequential(nn.Linear(width, width // NARROWER), nn.Tanh()).requires_grad_(False)

    def forward(self, known: Tensor, asked: Tensor) -> Tensor:
        """Mean over the batch. A scalar."""
        mean, variance = self.mlp_mu(known), self.mlp_logvar(known).exp()
        return (-((mean - asked) ** 2) / 2 / variance).sum(dim=1).mean()


class Contrast(nn.Module):
    """How well the fusion of a clip picks the clip's own modality out of the batch's."""

    def __init__(self, width: int, num_layers: int):
        super().__init__()
        first: list[nn.Module] = [nn.Linear(width, width), nn.Tanh()]
        others = [nn.Linear(width, width) for _ in range(num_layers - 1)]
        self.net = nn.Sequential(*first, *others) if others else first[0]

    def forward(self, modality: Tensor, fusion: Tensor) -> Tensor:
        """Mean over the batch. A scalar."""
        predicted = self.net(fusion)
        predicted = predicted / predicted.norm(dim=1, keepdim=True)
        modality = modality / modality.norm(dim=1, keepdim=True)
        own = (modality * predicted).sum(dim=-1)
        return -(own - torch.logsumexp(modality @ predicted.t(), dim=-1)).mean()
