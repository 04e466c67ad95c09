"""Early fusion: one LSTM over the three aligned sequences side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import FusionNetwork, Shape


class EfLstm(FusionNetwork):
    """LSTM, dropout, a layer with ReLU, dropout; sequences in the order text, sound, video."""

    def __init__(self, shape: Shape, *, hidden_dim: int, num_layers: int, dropout: float):
        super().__init__(shape, hidden_dim)
        self.lstm = nn.LSTM(
            sum(shape.widths), hidden_dim, num_layers, dropout=dropout if num_layers > 1 else 0.0, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(hidden_dim, hidden_dim)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The last layer's last state, once more transformed."""
        audio, text, video = streams
        _, (states, _) = self.lstm(torch.cat([text, audio, video], dim=2))
        return self.dropout(functional.relu(self.linear(self.dropout(states[-1])))), None
