"""Floating-point operations that a clip needs, from sizes alone.

Matrix products only, a multiplication and an addition counted as two. Norms, activations, softmax and the optimizer are
left out; together they are below a percent at the published sizes. Attention is counted over the whole square of
positions, as is usual, although the upper half is masked. Padding is not counted: it is nothing that a clip needs.

A backward pass costs one forward for the gradients of the inputs, all the way down to the projections, and one more for
the gradients of weights, where weights are trained. The tower has none while it is frozen. What gradient checkpointing
computes a second time is not counted: no clip needs it. Nor is the sum of a weight and its adapter, once a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from emolightning.models.parts.decoder import adapter_added_once
from emolightning.models.parts.lora import unwrapped
from emolightning.models.parts.masks import KINDS

if TYPE_CHECKING:
    from emolightning.models.emotion_model import EmotionModel


@dataclass(frozen=True)
class TowerSizes:
    """A vision transformer for square images."""

    width: int
    num_layers: int
    mlp_width: int
    patch_size: int
    num_patches: int
    """Patches of one image, without the class token."""
    adapter_weights: int = 0
    """Entries of LoRA's matrices; all are trained."""
    is_trained: bool = False
    """Whether the tower's own weights are."""

    def forward_flops(self) -> int:
        """Operations of one image, forward."""
        return self._linear_flops() + self._attention_flops() + self._adapter_flops()

    def training_flops(self) -> int:
        """Operations of one image, forward and backward."""
        if self.is_trained or self.adapter_weights:
            linear = (3 if self.is_trained else 2) * self._linear_flops()
            return linear + 3 * (self._attention_flops() + self._adapter_flops())
        return self.forward_flops()

    def _linear_flops(self) -> int:
        weights = self.num_layers * (4 * self.width**2 + 2 * self.width * self.mlp_width)
        patches = self.num_patches * 3 * self.patch_size**2 * self.width
        return 2 * (patches + (self.num_patches + 1) * weights)

    def _attention_flops(self) -> int:
        return 4 * (self.num_patches + 1) ** 2 * self.width * self.num_layers

    def _adapter_flops(self) -> int:
        return 2 * (self.num_patches + 1) * self.adapter_weights


@dataclass(frozen=True)
class DecoderSizes:
    """A language model of equal layers, each with attention over the whole sequence and an MLP."""

    width: int
    num_layers: int
    num_heads: int
    query_width: int
    layer_weights: int
    """Entries of the matrices of all layers."""
    mlp_width: int
    mlp_outputs: int
    """Outputs of one layer at one position: `3 * mlp_width` of a gated MLP, `2 * mlp_width` of a plain one."""
    vocabulary_size: int
    adapter_weights: int = 0
    """Entries of LoRA's matrices; all are trained."""
    is_trained: bool = False
    """Whether the model's own weights are."""
    late_weights: int = 0
    """Entries of the last layer's matrices, and of their adapters, that a context needs at its last place alone."""
    added_weights: int = 0
    """Entries of LoRA's matrices that `parts/decoder.py` adds to the weights of their layers once a batch."""

    def linear_flops(self, positions: int, scored: int) -> int:
        """Operations of the layers' matrices, and of the head at `scored` positions; forward."""
        return 2 * (positions * self.layer_weights + scored * self.width * self.vocabulary_size)

    def attention_flops(self, pairs: int) -> int:
        """Scores and weighted sums for `pairs` of a query and a key; forward."""
        return 4 * pairs * self.query_width * self.num_layers

    def adapter_flops(self, positions: int) -> int:
        """Forward."""
        return 2 * positions * self.adapter_weights

    def spared_flops(self, positions: int, computed: int) -> int:
        """What `parts/decoder.py` leaves out: a context's last output before its last place, and some adapters."""
        is_known = self.late_weights > 0
        late = (positions - 1) * (2 * self.late_weights + 4 * positions * self.query_width)
        return is_known * late + 2 * computed * self.added_weights


@dataclass(frozen=True)
class ModelSizes:
    """What a model multiplies with."""

    decoder: DecoderSizes
    tower: TowerSizes | None
    """None for a model without an image."""
    projection_weights: Mapping[str, int]
    """Stream name -> entries of its projection; counted as trained."""

    def projection_flops(self, streams: Mapping[str, int]) -> int:
        """Forward, for streams of that many vectors; its backward is as much, since streams need no gradient."""
        return sum(2 * num_vectors * self.projection_weights[name] for name, num_vectors in streams.items())


def training_flops(sizes: ModelSizes, *, positions: int, answer: int, streams: Mapping[str, int], frames: int) -> int:
    """Forward and backward of one clip.

    Args:
        sizes: the model's.
        positions: length of the sequence, context and answer.
        answer: positions with a loss.
        streams: stream name -> its vectors in the sequence.
        frames: images that go through the tower; 0 where its outputs are at hand.
    """
    decoder = sizes.decoder
    flops = (3 if decoder.is_trained else 2) * decoder.linear_flops(positions, answer)
    flops += 3 * (decoder.attention_flops(positions**2) + decoder.adapter_flops(positions))
    flops += 2 * sizes.projection_flops(streams)
    return flops + (frames * sizes.tower.training_flops() if sizes.tower is not None else 0)


def answering_flops(
    sizes: ModelSizes,
    *,
    positions: int,
    answer: int,
    streams: Mapping[str, int],
    frames: int,
    reads_layers: bool = False,
) -> int:
    """Greedy generation after one context with a cache of keys and values.

    Args:
        sizes: the model's.
        positions: length of the context.
        answer: new tokens; the last one is not fed back.
        streams: stream name -> its vectors in the context.
        frames: images that go through the tower; 0 where its outputs are at hand.
        reads_layers: by `parts/decoder.py`, not by transformers' `generate`.
    """
    decoder, fed_back = sizes.decoder, answer - 1
    computed = positions + fed_back
    # A token that is fed back looks at the context, at those before it and at itself.
    pairs = positions**2 + fed_back * positions + fed_back * (fed_back + 1) // 2
    flops = decoder.linear_flops(computed, answer) + decoder.attention_flops(pairs)
    flops += decoder.adapter_flops(computed) + sizes.projection_flops(streams)
    flops -= decoder.spared_flops(positions, computed) if reads_layers else 0
    return flops + (frames * sizes.tower.forward_flops() if sizes.tower is not None else 0)


class UnknownSizes(ValueError):
    """A language model that the formulas of this module do not describe."""


def sizes_of(model: "EmotionModel", *, is_exact: bool = False) -> ModelSizes:
    """The sizes of a model, with weights or on meta.

    Args:
        model: any.
        is_exact: whether its answers are computed in float32 alone, with neither other weights nor autocast.

    Raises:
        UnknownSizes: it has no language model, or one with parts that are no plain layers, e.g. experts.
    """
    parts: dict[str, Any] = model.parts()
    if "language" not in parts:
        raise UnknownSizes(f"{type(model).__name__}: has no language model, so it is small beside one")
    towers = list(model.towers().values())
    return ModelSizes(
        decoder=_decoder_sizes(parts["language"], is_exact),
        tower=_tower_sizes(towers[0]) if towers else None,
        projection_weights={name: _num_weights(layer) for name, layer in parts["projections"].items()},
    )


def _num_weights(layer: Any) -> int:
    return layer.weight.numel()


def _decoder_sizes(language: Any, is_exact: bool) -> DecoderSizes:
    """Counted from the modules, for every architecture has names of its own for its sizes."""
    config = language.config
    matrices = _matrices(language)
    try:
        num_layers, num_heads = int(config.num_hidden_layers), int(config.num_attention_heads)
        width, vocabulary_size = int(config.hidden_size), int(config.vocab_size)
        mlp_width = int(getattr(config, "intermediate_size", None) or max(rows for rows, _ in matrices))
    except (AttributeError, TypeError, ValueError) as error:
        raise UnknownSizes(f"{config.model_type}: {error}") from error
    mlp = [rows * columns for rows, columns in matrices if mlp_width in (rows, columns, columns // 2)]
    adapter_weights, is_trained = _training(language)
    added = _added_once(language, is_exact)
    return DecoderSizes(
        width=width,
        num_layers=num_layers,
        num_heads=num_heads,
        query_width=num_heads * (getattr(config, "head_dim", None) or width // num_heads),
        layer_weights=sum(rows * columns for rows, columns in matrices),
        mlp_width=mlp_width,
        mlp_outputs=sum(mlp) // (width * num_layers),
        vocabulary_size=vocabulary_size,
        adapter_weights=adapter_weights,
        is_trained=is_trained,
        late_weights=_late_weights(language, added),
        added_weights=sum(_num_weights(layer) for layer in added),
    )


def _added_once(language: Any, is_exact: bool) -> list[nn.Linear]:
    """LoRA's matrices that are part of a weight where an answer is read layer by layer."""
    layers = unwrapped(language).model.layers.modules() if _is_known(language) else ()
    named = [(part, name) for part in layers if (name := adapter_added_once(part, is_exact)) is not None]
    return [matrices[name] for part, name in named for matrices in (part.lora_A, part.lora_B)]


def _is_known(language: Any) -> bool:
    return type(unwrapped(language)).__name__ in KINDS


def _late_weights(language: Any, added: Sequence[nn.Linear]) -> int:
    if not _is_known(language):
        return 0
    base, left_out = unwrapped(language), set(map(id, added))
    last = base.model.layers[base.config.num_hidden_layers - 1]
    return sum(
        _num_weights(layer)
        for name, layer in last.named_modules()
        if isinstance(layer, nn.Linear)
        and not name.startswith(("self_attn.k_proj", "self_attn.v_proj"))
        and id(layer) not in left_out
    )


def _matrices(language: Any) -> list[tuple[int, int]]:
    """Inputs and outputs of each matrix that every position goes through: no embeddings, adapters or head.

    Raises:
        UnknownSizes: there are others that not every position goes through, or that are no matrices.
    """
    head = language.get_output_embeddings()
    left_out = {id(head), id(getattr(head, "base_layer", None))}  # PEFT wraps what it adapts.
    found, explained = [], set()
    for name, module in language.named_modules():
        if "expert" in name:
            raise UnknownSizes(f"{language.config.model_type}: has experts, of which a position takes some")
        if isinstance(module, nn.Embedding) or id(module) in left_out:
            explained |= {id(parameter) for parameter in module.parameters()}
        elif isinstance(module, nn.Linear | Conv1D) and "lora_" not in name:
            explained.add(id(module.weight))
            # Quantised weights are packed; only the layer knows its shape.
            is_linear = isinstance(module, nn.Linear)
            found.append((module.in_features, module.out_features) if is_linear else tuple(module.weight.shape))
    unknown = [n for n, p in language.named_parameters() if p.ndim > 1 and "lora_" not in n and id(p) not in explained]
    if unknown or not found:
        raise UnknownSizes(f"{language.config.model_type}: {(unknown or ['its head'])[0]} is no plain layer")
    return found


def _tower_sizes(tower: Any) -> TowerSizes:
    settings, (adapter_weights, is_trained) = tower.settings, _training(tower)
    return TowerSizes(
        width=settings.width,
        num_layers=settings.num_layers,
        mlp_width=settings.mlp_width,
        patch_size=settings.patch_size,
        num_patches=(settings.image_size // settings.patch_size) ** 2,
        adapter_weights=adapter_weights,
        is_trained=is_trained,
    )


def _training(part: Any) -> tuple[int, bool]:
    """Entries of the part's adapters, and whether its own weights are trained."""
    named = list(part.named_parameters())
    adapters = sum(parameter.numel() for name, parameter in named if "lora_" in name)
    return adapters, any(parameter.requires_grad for name, parameter in named if "lora_" not in name)
