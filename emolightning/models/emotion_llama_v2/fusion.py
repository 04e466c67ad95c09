"""ConvProAttention: one stream out of three that are equally long.

Each stream goes through two layers of its own. One path adds the three up, with weights that all of them decide, and
which are raw numbers: no softmax. The other convolves them along the positions, with four residual blocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NUM_BLOCKS, KERNEL = 4, 3


@dataclass(frozen=True)
class FusionSettings:
    """Sizes of the fusion. The defaults are upstream's."""

    hidden: int = 512
    """Width of the first of each stream's two layers."""
    width: int = 128
    """Width of the second one, and of the convolutions."""
    output: int = 256
    """Width of the vectors that come out."""
    dropout: float = 0.1


class ConvProAttention(nn.Module):
    """The fusion.

    Args:
        widths: stream name -> width of its vectors, in the order in which they are put side by side.
        settings: the other sizes.
    """

    def __init__(self, widths: Mapping[str, int], settings: FusionSettings):
        super().__init__()
        width, drop = settings.width, settings.dropout
        self.streams = tuple(widths)
        self.widths = dict(widths)
        # Upstream's names.
        self.feats_prep = nn.ModuleList(_layers(own, settings.hidden, width, drop) for own in widths.values())
        self.attention_mlp = _layers(len(widths) * width, settings.hidden, width, drop)
        self.fc_att = nn.Linear(width, len(widths))
        self.conv_entry = nn.Conv1d(len(widths) * width, width, 1)
        self.conv_module = _Blocks(width)
        self.fc_final = nn.Linear(width, settings.output)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Stream name -> (batch, tokens, width), all equally long, to (batch, tokens, output)."""
        dtype = self.fc_final.weight.dtype
        pairs = zip(self.streams, self.feats_prep, strict=True)
        prepared = [layers(streams[name].to(dtype)) for name, layers in pairs]
        together = torch.cat(prepared, dim=-1)
        weights = self.fc_att(self.attention_mlp(together))
        weighted = (torch.stack(prepared, dim=-1) * weights.unsqueeze(-2)).sum(dim=-1)
        convolved = self.conv_module(self.conv_entry(together.transpose(1, 2)))
        return self.fc_final(weighted + convolved.transpose(1, 2))


class _Blocks(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv_blocks = nn.ModuleList(_Block(width) for _ in range(NUM_BLOCKS))

    def forward(self, values: Tensor) -> Tensor:
        """(batch, width, tokens) to the same."""
        for block in self.conv_blocks:
            values = block(values) + values
        return values


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2), nn.SiLU())

    def forward(self, values: Tensor) -> Tensor:
        """(batch, width, tokens) to the same."""
        return self.conv_block(values)


def _layers(width: int, hidden: int, output: int, dropout: float) -> nn.Sequential:
    """Two layers, with dropout after both."""
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, output), nn.ReLU(),
        nn.Dropout(dropout),
    )  # fmt: skip
