"""Each stream of vectors -> the language model's width: one linear layer each, no norm, no activation.

Upstream's names, for whoever reads its checkpoints: `image` = llama_proj, `class_token` = cls_tk_llama_proj,
`face`, `motion`, `speech` = feats_llama_proj1, 2, 3.
"""

from collections.abc import Mapping

from torch import Tensor, nn


class Projections(nn.ModuleDict):
    """Stream name -> Linear(stream width, language width).

    Args:
        widths: stream name -> width of its vectors, for the streams that the model has, in their order.
        width: the language model's.
    """

    def __init__(self, widths: Mapping[str, int], width: int):
        super().__init__({name: nn.Linear(own, width) for name, own in widths.items()})

    def forward(self, streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Name -> (batch, tokens, stream width) to name -> (batch, tokens, width)."""
        return {name: self._project(name, vectors) for name, vectors in streams.items()}

    def _project(self, name: str, vectors: Tensor) -> Tensor:
        layer = self[name]
        assert isinstance(layer, nn.Linear)
        return layer(vectors.to(layer.weight.dtype))
