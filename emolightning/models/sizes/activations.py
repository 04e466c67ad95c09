"""Bytes that a training step keeps for its backward pass, from sizes alone.

Counted is what torch's autograd saves of each position in transformers' Llama and EVA-CLIP layers: a norm keeps its
input in float32; fused attention keeps queries, keys, values and its output; a gated MLP keeps gate, its activation and
the other half; a LoRA matrix keeps its input, with dropout also a mask, and what is between its two matrices. Frozen
matrices keep nothing of their inputs. Temporary values of the layer at work are not counted: it is a lower bound, by up
to 15 % of what torch saves of small models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from emolightning.models.sizes.flops import DecoderSizes, ModelSizes, TowerSizes

FLOAT32 = 4

LOSS_COPIES = 3
"""float32 copies of the logits at the height of the step: themselves, their log-softmax, and its gradient."""


@dataclass(frozen=True)
class Adapters:
    """LoRA's matrices of one part of the model, together."""

    inputs: int = 0
    """Sum of the widths of their inputs."""
    distinct_inputs: int = 0
    """The same with what several layers read, as q, k and v do, counted once."""
    ranks: int = 0
    """Sum of their ranks."""
    drops: bool = False
    """Whether there is dropout before them."""

    def bytes_per_position(self, numbers: "Numbers") -> int:
        """Kept of each position; inputs are shared where neither dropout nor a cast makes a copy for each layer."""
        if self.drops:
            inputs = self.inputs * (numbers.compute + numbers.mask)
        else:
            inputs = (self.distinct_inputs if numbers.compute == FLOAT32 else self.inputs) * numbers.compute
        return inputs + self.ranks * numbers.compute


@dataclass(frozen=True)
class Numbers:
    """Bytes of numbers in a step."""

    compute: int
    """In matrix products."""
    residual: int
    """Between layers: float32 where frozen weights are of another type than the computation, since types mix there."""
    mask: int = 1
    """In the mask of dropout: a byte on a GPU, a float32 on a CPU."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of the sequences in a batch."""

    positions: int
    """Positions of the padded sequence."""
    answer: int
    """Positions with a loss."""
    streams: Mapping[str, int]
    """Stream name -> its vectors in the sequence."""
    frames: int = 1
    """Images of a clip, where the tower itself trains."""


@dataclass(frozen=True)
class Options:
    """How layers are computed."""

    checkpointing: bool = False
    eager: bool = False
    """Attention written out: a matrix of all pairs is kept for each head."""
    num_heads: int = 1


def kept_bytes(
    sizes: ModelSizes,
    adapters: Mapping[str, Adapters],
    widths: Mapping[str, int],
    *,
    lengths: Lengths,
    numbers: Numbers,
    options: Options,
) -> int:
    """Bytes that the training keeps of one clip.

    Args:
        sizes: the model's.
        adapters: `language` and `vision` -> their adapters.
        widths: stream name -> width of its vectors.
        lengths: of the sequence.
        numbers: their bytes.
        options: how layers are computed.
    """
    decoder = sizes.decoder
    layer = _decoder_layer(decoder, adapters["language"], lengths.positions, numbers, options)
    layers = decoder.num_layers * layer
    if options.checkpointing:  # Inputs of all layers, and one layer that is computed again.
        layers = lengths.positions * decoder.num_layers * decoder.width * numbers.residual + layer
    last_norm = lengths.positions * decoder.width * FLOAT32
    projected = sum(
        lengths.streams[name] * width * FLOAT32 for name, width in widths.items() if name in lengths.streams
    )
    tower = 0
    if sizes.tower is not None and (sizes.tower.is_trained or sizes.tower.adapter_weights):
        tower = lengths.frames * _tower(sizes.tower, adapters["vision"], numbers)
    return layers + last_norm + projected + tower


def logit_bytes(sizes: ModelSizes, *, answer: int, compute_bytes: int) -> int:
    """Bytes of one clip's logits, where its loss is computed."""
    return answer * sizes.decoder.vocabulary_size * (compute_bytes + LOSS_COPIES * FLOAT32)


def _decoder_layer(sizes: DecoderSizes, adapters: Adapters, positions: int, numbers: Numbers, options: Options) -> int:
    compute = numbers.compute
    kept = 2 * sizes.width * FLOAT32 + (4 * sizes.query_width + sizes.mlp_outputs) * compute
    if options.eager:  # Instead of the output: softmax in float32, and once more in the type of the values.
        kept += options.num_heads * positions * (FLOAT32 + (compute if compute < FLOAT32 else 0))
        kept -= sizes.query_width * compute
    if sizes.is_trained:  # Inputs of matrices and norms.
        kept += (2 * sizes.width + sizes.query_width + sizes.mlp_width) * compute + 2 * sizes.width * FLOAT32
    kept = positions * kept
    return kept + positions * adapters.bytes_per_position(numbers) // sizes.num_layers


def _tower(sizes: TowerSizes, adapters: Adapters, numbers: Numbers) -> int:
    """Bytes that the tower keeps of one image."""
    compute = numbers.compute
    kept = 2 * sizes.width * FLOAT32 + (4 * sizes.width + sizes.mlp_width) * compute
    if sizes.is_trained:
        kept += (3 * sizes.width + sizes.mlp_width) * compute
    positions = sizes.num_patches + 1
    return positions * (sizes.num_layers * kept + adapters.bytes_per_position(numbers))


def adapters_of(part: nn.Module | None) -> Adapters:
    """Read from PEFT's layers."""
    layers = {name: layer for name, layer in part.named_modules() if hasattr(layer, "lora_A")} if part else {}
    matrices = [(name, matrix) for name, layer in layers.items() for matrix in _values(layer, "lora_A")]
    distinct = {(name.rpartition(".")[0], matrix.in_features) for name, matrix in matrices}
    dropouts = [dropout for layer in layers.values() for dropout in _values(layer, "lora_dropout")]
    return Adapters(
        inputs=sum(matrix.in_features for _, matrix in matrices),
        distinct_inputs=sum(width for _, width in distinct),
        ranks=sum(matrix.out_features for _, matrix in matrices),
        drops=any(isinstance(dropout, nn.Dropout) for dropout in dropouts),
    )


def _values(layer: Any, name: str) -> list[Any]:
    """The values of PEFT's dictionary of adapters."""
    return list(getattr(layer, name).values())
