"""Conv-Attention, as Emotion-LLaMA-v2 has it: a weighted sum of streams, and convolutions over them.

Its classifier is its last layer, position by position; the answer is the mean over positions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import Fused, Shape, perceptron, weighted_sum

NUM_BLOCKS = 4


class ConvAttention(nn.Module):
    """[Linear, ReLU, dropout] of each stream; their sum by raw scores, plus residual convolutions over time.

    Args:
        shape: of streams and answers; it has no head for valence.
        layers: widths of the perceptrons.
        dropout: of the perceptrons.
    """

    def __init__(self, shape: Shape, *, layers: Sequence[int], dropout: float):
        super().__init__()
        if shape.has_valence:
            raise ValueError("Expected `has_valence` to be False: this network has no head for it.")
        number, width = len(shape.widths), layers[-1]
        self.feats_prep = nn.ModuleList(perceptron(own, layers, dropout) for own in shape.widths)
        self.attention_mlp = perceptron(number * width, layers, dropout)
        self.fc_att = nn.Linear(width, number)
        self.conv_entry = nn.Conv1d(number * width, width, kernel_size=1)
        self.conv_module = _Blocks(width)
        self.fc_final = nn.Linear(width, shape.num_labels)

    def positions(self, streams: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """What the last layer reads and gives at each position: (batch, time, width), (batch, time, labels)."""
        hidden = [prepare(stream) for prepare, stream in zip(self.feats_prep, streams, strict=True)]
        together = torch.cat(hidden, dim=-1)
        attended = weighted_sum(hidden, self.fc_att(self.attention_mlp(together)))
        convolved = self.conv_module(self.conv_entry(together.transpose(1, 2))).transpose(1, 2)
        fused = attended + convolved
        return fused, self.fc_final(fused)

    def forward(self, streams: Sequence[Tensor]) -> Fused:
        """The answers: streams are (batch, width) or (batch, time, width)."""
        fused, logits = self.positions([each.unsqueeze(1) if each.ndim == 2 else each for each in streams])
        return Fused(fused.mean(dim=1), logits.mean(dim=1), None, logits.new_zeros(()))


class _Blocks(nn.Module):
    """Convolutions of three steps, each added to what it reads."""

    def __init__(self, width: int):
        super().__init__()
        self.conv_blocks = nn.ModuleList(_Block(width) for _ in range(NUM_BLOCKS))

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, width, time) -> the same."""
        for block in self.conv_blocks:
            hidden = hidden + block(hidden)
        return hidden


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv1d(width, width, kernel_size=3, padding=1))

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.silu(self.conv_block(hidden))
