"""The language model's frozen weights in 8 or 4 bits, by bitsandbytes; adapters beside them train in float32."""

import os
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import nn

Quantization = Literal["none", "int8", "nf4"]
"""As they are; 8 bits (LLM.int8); 4 bits (NormalFloat, as in QLoRA)."""


def is_installed() -> bool:
    """Whether there is a bitsandbytes; importing it takes seconds."""
    return find_spec("bitsandbytes") is not None


def quantized_loading(quantization: Literal["int8", "nf4"], dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of `from_pretrained`; the computation is in `dtype`."""
    from transformers import BitsAndBytesConfig

    if quantization == "int8":
        config = BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    return {"quantization_config": config, "device_map": {"": _device()}}


def _device() -> str:
    """The GPU of this process: weights that are quantised there never lie whole in another one's memory."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"


def keep_layout(model: nn.Module) -> None:
    """Keep 4-bit weights as they were loaded.

    On a CPU with AVX-512 bfloat16, bitsandbytes repacks them in the first evaluation, in place, for a kernel without
    gradients: training after a validation would go on with no gradient through these layers, without a word.
    """
    layers: Any = model.modules()
    for layer in layers:
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False


def is_int8_on_cpu(model: nn.Module) -> bool:
    """Where PEFT's DoRA loses the scales of the weights."""
    return any(type(p).__name__ == "Int8Params" and p.device.type == "cpu" for p in model.parameters())
