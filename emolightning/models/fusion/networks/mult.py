"""MulT (Tsai et al. 2019) as MERBench has it: each modality attends to the two others, then to itself.

Sequences are time-first inside: (time, batch, width). There are no positions. A query sees the keys up to its own
place plus the difference of both lengths, so it is causal although nothing is decoded.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import AUDIO, TEXT, VIDEO, FusionNetwork, Shape

LEAST_LAYERS = 3
"""Fewest layers of the encoders that attend to themselves."""

PAIRS = tuple((query, key) for query in "lav" for key in "lav" if query != key)
"""Who attends to whom: l is text."""


class Mult(FusionNetwork):
    """Convolutions to one width, six encoders of pairs, three of their results, and a residual layer."""

    def __init__(
        self,
        shape: Shape,
        *,
        hidden_dim: int,
        layers: int,
        num_heads: int,
        conv1d_kernel_size: int,
        dropout: float,
    ):
        super().__init__(shape, hidden_dim // 2)
        self.dropout = dropout
        widths = {"l": shape.widths[TEXT], "a": shape.widths[AUDIO], "v": shape.widths[VIDEO]}
        for name, width in widths.items():
            self.add_module(f"proj_{name}", nn.Conv1d(width, hidden_dim, conv1d_kernel_size, bias=False))
        for query, key in PAIRS:
            self.add_module(f"trans_{query}_with_{key}", Encoder(hidden_dim, num_heads, layers, dropout))
        for name in widths:
            encoder = Encoder(2 * hidden_dim, num_heads, max(layers, LEAST_LAYERS), dropout)
            self.add_module(f"trans_{name}_mem", encoder)
        self.proj1 = nn.Linear(6 * hidden_dim, 6 * hidden_dim)
        self.proj2 = nn.Linear(6 * hidden_dim, 6 * hidden_dim)
        self.out_layer = nn.Linear(6 * hidden_dim, hidden_dim // 2)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The last steps of all three, transformed."""
        own = dict(zip("alv", streams, strict=True))
        own["l"] = functional.dropout(own["l"], self.dropout, self.training)
        own = {name: self._part(f"proj_{name}")(x.transpose(1, 2)).permute(2, 0, 1) for name, x in own.items()}
        last = []
        for name in "lav":
            seen = [self._part(f"trans_{q}_with_{k}")(own[q], own[k]) for q, k in PAIRS if q == name]
            last.append(self._part(f"trans_{name}_mem")(torch.cat(seen, dim=2))[-1])
        together = torch.cat(last, dim=1)
        hidden = functional.dropout(functional.relu(self.proj1(together)), self.dropout, self.training)
        return self.out_layer(self.proj2(hidden) + together), None

    def _part(self, name: str) -> nn.Module:
        return self.get_submodule(name)


class Encoder(nn.Module):
    """Layers of attention to another sequence, or to itself."""

    def __init__(self, width: int, num_heads: int, num_layers: int, dropout: float):
        super().__init__()
        self.scale, self.dropout = math.sqrt(width), dropout
        self.layers = nn.ModuleList(EncoderLayer(width, num_heads, dropout) for _ in range(num_layers))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, query: Tensor, source: Tensor | None = None) -> Tensor:
        """(time, batch, width) -> the same, of the query's time."""
        hidden = functional.dropout(self.scale * query, self.dropout, self.training)
        seen = None if source is None else functional.dropout(self.scale * source, self.dropout, self.training)
        for layer in self.layers:
            hidden = layer(hidden, seen)
        return self.layer_norm(hidden)


class EncoderLayer(nn.Module):
    """Attention and a perceptron, norms before both; one norm is for query and keys alike."""

    def __init__(self, width: int, num_heads: int, dropout: float):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, num_heads, dropout=dropout)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.layer_norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = dropout

    def forward(self, hidden: Tensor, source: Tensor | None) -> Tensor:
        """(time, batch, width) -> the same."""
        query = self.layer_norms[0](hidden)
        keys = query if source is None else self.layer_norms[0](source)
        mask = hidden_keys(len(query), len(keys), query.device)
        attended, _ = self.self_attn(query, keys, keys, attn_mask=mask, need_weights=False)
        hidden = hidden + functional.dropout(attended, self.dropout, self.training)
        inner = functional.dropout(functional.relu(self.fc1(self.layer_norms[1](hidden))), self.dropout, self.training)
        return hidden + functional.dropout(self.fc2(inner), self.dropout, self.training)


def hidden_keys(queries: int, keys: int, device: torch.device | str = "cpu") -> Tensor:
    """True where a query does not see a key, (queries, keys).

    >>> [int((~row).sum()) for row in hidden_keys(3, 5)], [int((~row).sum()) for row in hidden_keys(4, 4)]
    ([3, 4, 5], [1, 2, 3, 4])
    """
    return torch.ones(queries, keys, dtype=torch.bool, device=device).triu(1 + abs(keys - queries))
