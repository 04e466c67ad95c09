"""What a model holds, in numbers and bytes: read from its parameters, which may be on meta."""

from typing import Any

import torch
from torch import Tensor, nn

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.quantization import Quantization
from emolightning.models.sizes.held import Held

NF4_BLOCK = 64
"""Numbers that share a float32 scale, in bitsandbytes."""


def held(model: EmotionModel, *, planned: Quantization = "none") -> Held:
    """Its parameters by what becomes of them.

    Args:
        model: with weights, or on meta.
        planned: quantization that a model on meta would be loaded with.
    """
    packed = _packed(model, planned)
    own = [p for name, p in model.named_parameters() if name not in packed]
    trained = [p for p in own if p.requires_grad]
    frozen = [p for p in own if not p.requires_grad and p.is_floating_point()]
    foreign = [p for p in own if not p.requires_grad and not p.is_floating_point()]
    blocks = _blocks(model)
    language = model.parts().get("language", nn.Module())
    is_shared = not packed and all(p.is_floating_point() for p in language.parameters())
    block = max((_bytes(layer) for layer in blocks), default=0)
    return Held(
        frozen=sum(p.numel() for p in frozen),
        frozen_bytes=sum(p.nbytes for p in frozen),
        quantized_bytes=sum(packed.values()) + sum(_foreign_bytes(p) for p in foreign),
        trained=sum(p.numel() for p in trained),
        trained_bytes=sum(p.nbytes for p in trained),
        block_bytes=block,
        outside_bytes=_bytes(model) - sum(_bytes(layer) for layer in blocks),
        shared_bytes=_bytes(language) if is_shared else 0,
    )


def cast_copies(model: EmotionModel, compute: torch.dtype, *, checkpointing: bool, planned: Quantization) -> int:
    """Bytes of the copies that autocast makes of weights in another type than the computation's.

    A frozen matrix has one until its backward pass, for autograd keeps it; with checkpointing only one layer's at a
    time. Trained ones are kept by autocast itself until the forward pass has ended, and by autograd.
    """
    part = model.parts().get("language", nn.Module())
    packed, blocks = _packed(model, planned), _blocks(part)
    within = [_frozen_copies(layer, compute) for layer in blocks]
    language = _frozen_copies(part, compute, skipped={name.partition(".")[2] for name in packed})
    inner = 0 if packed else sum(within)
    if checkpointing and within and not packed:
        language -= inner - max(within)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad and p.ndim > 1 and p.dtype != compute)
    return language + trained * compute.itemsize


def _frozen_copies(part: nn.Module, compute: torch.dtype, skipped: Any = ()) -> int:
    layers = [(name, layer) for name, layer in part.named_modules() if isinstance(layer, nn.Linear)]
    weights: list[Tensor] = [layer.weight for name, layer in layers if f"{name}.weight" not in skipped]
    copied = (w for w in weights if w.is_floating_point() and not w.requires_grad and w.dtype != compute)
    return sum(w.numel() for w in copied) * compute.itemsize


def residual_bytes(model: EmotionModel, compute: torch.dtype, *, is_cast: bool) -> int:
    """Bytes of a number between layers: sums of two half types are float32.

    Args:
        model: its embeddings say of what type the stream begins.
        compute: type of matrix products.
        is_cast: all weights are held in that type.
    """
    language: Any = model.parts()["language"]
    own = language.get_input_embeddings().weight.dtype
    return compute.itemsize if is_cast or own == compute else torch.float32.itemsize


def _packed(model: EmotionModel, planned: Quantization) -> dict[str, int]:
    """Name of a weight that would be quantised -> its bytes: all matrices of the language model but the head."""
    if planned == "none":
        return {}
    language: Any = model.parts()["language"]
    head = language.get_output_embeddings()
    return {
        f"language.{name}.weight": _packed_bytes(layer.weight, planned)
        for name, layer in language.named_modules()
        if isinstance(layer, nn.Linear) and layer is not head and "lora_" not in name
    }


def _packed_bytes(weight: Tensor, planned: Quantization) -> int:
    if planned == "int8":
        return weight.numel() + weight.shape[0] * torch.float32.itemsize
    scales = -(-weight.numel() // NF4_BLOCK) * torch.float32.itemsize
    return -(-weight.numel() // 2) + scales


def _foreign_bytes(parameter: Any) -> int:
    """Bytes of a quantised weight and its scales, as bitsandbytes holds them."""
    state = getattr(parameter, "quant_state", None)
    scales = getattr(state, "absmax", None) if state is not None else getattr(parameter, "SCB", None)
    return parameter.nbytes + (scales.nbytes if scales is not None else 0)


def _blocks(model: nn.Module) -> list[nn.Module]:
    """The layers of transformers: all entries of lists of modules."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return [layer for layers in lists for layer in layers]


def _bytes(part: nn.Module) -> int:
    return sum(p.nbytes for p in part.parameters())
