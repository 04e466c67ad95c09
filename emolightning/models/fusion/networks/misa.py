"""MISA (Hazarika et al. 2020): what a modality has of its own and what it shares, and a transformer over both."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import Shape, ThreeEncoders

NUM_HEADS, INNER_WIDTH, INNER_DROPOUT = 2, 2048, 0.1
"""Sizes of the transformer's layer."""

MOMENTS = 5
"""Central moments that the shared parts of two modalities are compared by."""

PLACE_OF_PRIVATE = {"t": 1, "v": 1, "a": 3}
"""Numbers in the released code's names."""


class Misa(ThreeEncoders):
    """Three encoders, private and shared parts, one layer of attention, two layers; three terms beside the loss.

    Args:
        shape: of streams and answers.
        hidden_dim: width of each part; the features are half as wide.
        dropout: of encoders and fusion.
        diff_weight: of what makes private parts unlike all others.
        sim_weight: of what makes shared parts alike.
        recon_weight: of what both together must bring back.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        hidden_dim: int,
        dropout: float,
        diff_weight: float,
        sim_weight: float,
        recon_weight: float,
    ):
        width = hidden_dim
        super().__init__(shape, width // 2, hidden_dim=width, dropout=dropout)
        self.weights = {"diff": diff_weight, "cmd": sim_weight, "recon": recon_weight}
        for name, place in PLACE_OF_PRIVATE.items():
            layers = OrderedDict({f"project_{name}": nn.Linear(width, width), f"project_{name}_activation": nn.ReLU()})
            layers[f"project_{name}_layer_norm"] = nn.LayerNorm(width)
            self.add_module(f"project_{name}", nn.Sequential(layers))
            private = OrderedDict({f"private_{name}_{place}": nn.Linear(width, width), "activation": nn.Sigmoid()})
            self.add_module(f"private_{name}", nn.Sequential(private))
            self.add_module(f"recon_{name}", nn.Sequential(OrderedDict({f"recon_{name}_1": nn.Linear(width, width)})))
        self.shared = nn.Sequential(OrderedDict({"shared_1": nn.Linear(width, width), "activation": nn.Sigmoid()}))
        self.fusion = nn.Sequential(
            OrderedDict(
                {
                    "fusion_layer_1": nn.Linear(6 * width, 3 * width),
                    "fusion_layer_1_dropout": nn.Dropout(dropout),
                    "fusion_layer_1_activation": nn.ReLU(),
                    "fusion_layer_3": nn.Linear(3 * width, width // 2),
                }
            )
        )
        layer = nn.TransformerEncoderLayer(width, NUM_HEADS, INNER_WIDTH, INNER_DROPOUT)
        self.transformer_encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The features, and the weighted terms."""
        audio, text, video = self.encode(streams)
        projected = {
            name: self.get_submodule(f"project_{name}")(hidden)
            for name, hidden in (("t", text), ("v", video), ("a", audio))
        }
        private = {name: self.get_submodule(f"private_{name}")(x) for name, x in projected.items()}
        shared = {name: self.shared(x) for name, x in projected.items()}
        tokens = torch.stack([*private.values(), *shared.values()])  # (6, batch, width)
        attended = self.transformer_encoder(tokens)
        features = self.fusion(attended.transpose(0, 1).flatten(1))
        terms = self.terms(projected, private, shared)
        penalty = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        return features, penalty

    def terms(
        self, projected: dict[str, Tensor], private: dict[str, Tensor], shared: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """`diff`, `cmd` and `recon` before they are weighted."""
        pairs = [(private[name], shared[name]) for name in private]
        pairs += [(private[x], private[y]) for x, y in (("a", "t"), ("a", "v"), ("t", "v"))]
        errors = [
            functional.mse_loss(self.get_submodule(f"recon_{name}")(private[name] + shared[name]), x)
            for name, x in projected.items()
        ]
        alike = [moment_difference(x, y) for x, y in combinations([shared[name] for name in "tva"], 2)]
        return {
            "diff": torch.stack([likeness(x, y) for x, y in pairs]).sum(),
            "cmd": torch.stack(alike).mean(),
            "recon": torch.stack(errors).mean(),
        }


def likeness(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared product of two sets of vectors, centred over the batch and brought to length one. A scalar."""

    def prepared(vectors: Tensor) -> Tensor:
        centred = vectors - vectors.mean(dim=0, keepdim=True)
        return centred / (centred.norm(dim=1, keepdim=True).detach() + 1e-6)

    return torch.mm(prepared(first).t(), prepared(second)).pow(2).mean()


def moment_difference(first: Tensor, second: Tensor) -> Tensor:
    """How far the means and central moments of two sets of vectors are from each other. A scalar."""
    means = first.mean(dim=0), second.mean(dim=0)
    found = [length(means[0] - means[1])]
    centred = first - means[0], second - means[1]
    for power in range(2, MOMENTS + 1):
        found.append(length(centred[0].pow(power).mean(dim=0) - centred[1].pow(power).mean(dim=0)))
    return torch.stack(found).sum()


def length(vector: Tensor) -> Tensor:
    """Its norm, whose gradient at zero is zero and not undefined: a batch of one clip has no moments."""
    total = vector.pow(2).sum()
    return torch.where(total > 0, torch.sqrt(torch.where(total > 0, total, 1.0)), total)
