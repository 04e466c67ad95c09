"""The Q-Former: learned queries that look at each other and at the vectors of a stream. BERT's blocks, without text.

Names of parameters are those of the released code, which took them from BLIP-2.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.affectgpt.settings import FusionSettings

EPS = 1e-12


class QFormer(nn.Module):
    """Queries to tokens.

    Args:
        settings: its width, heads and layers.
        width: of the vectors that it looks at.
    """

    def __init__(self, settings: FusionSettings, width: int):
        super().__init__()
        own = settings.qformer_width
        layers = nn.ModuleList(Block(settings, width) for _ in range(settings.qformer_layers))
        norm = nn.ModuleDict({"LayerNorm": nn.LayerNorm(own, eps=EPS)})
        self.bert = nn.ModuleDict({"embeddings": norm, "encoder": nn.ModuleDict({"layer": layers})})

    def forward(self, queries: Tensor, vectors: Tensor) -> Tensor:
        """(batch, queries, width) and (batch, steps, stream width) -> (batch, queries, width)."""
        hidden = self.get_submodule("bert.embeddings.LayerNorm")(queries)
        layers = self.get_submodule("bert.encoder.layer")
        assert isinstance(layers, nn.ModuleList)
        for block in layers:
            hidden = block(hidden, vectors)
        return hidden


class Block(nn.Module):
    """Self-attention, attention to the stream, feed-forward; each is added and normalised afterwards."""

    def __init__(self, settings: FusionSettings, width: int):
        super().__init__()
        own, wide = settings.qformer_width, settings.qformer_mlp_width
        self.attention = Attention(own, own, settings.qformer_heads)
        self.crossattention = Attention(own, width, settings.qformer_heads)
        self.intermediate_query = nn.ModuleDict({"dense": nn.Linear(own, wide)})
        self.output_query = Output(wide, own)

    def forward(self, hidden: Tensor, vectors: Tensor) -> Tensor:
        """(batch, queries, width)."""
        hidden = self.attention(hidden, hidden)
        hidden = self.crossattention(hidden, vectors)
        return self.output_query(functional.gelu(self.intermediate_query["dense"](hidden)), hidden)


class Attention(nn.Module):
    """One attention with its output layer.

    Args:
        own: width of what looks.
        width: of what is looked at.
        num_heads: of them.
    """

    def __init__(self, own: int, width: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.self = nn.ModuleDict(
            {"query": nn.Linear(own, own), "key": nn.Linear(width, own), "value": nn.Linear(width, own)}
        )
        self.output = Output(own, own)

    def forward(self, hidden: Tensor, vectors: Tensor) -> Tensor:
        """(batch, queries, own)."""
        query, key, value = (
            self.self[name](given).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for name, given in (("query", hidden), ("key", vectors), ("value", vectors))
        )
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        return self.output((scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2), hidden)


class Output(nn.Module):
    """A linear layer, added to what was there before, then normalised."""

    def __init__(self, width: int, own: int):
        super().__init__()
        self.dense = nn.Linear(width, own)
        self.LayerNorm = nn.LayerNorm(own, eps=EPS)

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        """(batch, queries, own)."""
        return self.LayerNorm(self.dense(hidden) + before)


def fresh_queries(number: int, width: int) -> nn.Parameter:
    """Queries as BERT starts its embeddings: (1, number, width)."""
    return nn.Parameter(torch.randn(1, number, width) * 0.02)
