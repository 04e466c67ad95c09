"""The model under measurement: with its own weights, or with random ones made on the device."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import FEATURES, INPUTS
from emolightning.models.family import Sees
from emolightning.models.sizes.on_meta import build_on_meta


def build_model(
    build: Callable[..., EmotionLlama],
    settings: Mapping[str, Any],
    device: torch.device,
    *,
    feature_width: int,
    seed: int,
) -> EmotionLlama:
    """Build the model with the weights that its settings name."""
    torch.manual_seed(seed)
    return build(settings, sees=seen(feature_width)).to(device)


def build_random(
    build: Callable[..., EmotionLlama],
    settings: Mapping[str, Any],
    device: torch.device,
    *,
    feature_width: int,
    vocabulary_size: int,
    seed: int,
) -> EmotionLlama:
    """Random weights, each made on the device in its own dtype: a 7B model never is in float32 or in main memory."""
    model = build_on_meta(build, settings, vocabulary_size=vocabulary_size, sees=seen(feature_width))
    model.to_empty(device=device)
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        _fill(name, parameter)
    _remake_rotary(model, device)
    return model


def seen(feature_width: int) -> Sees:
    """What a model of the benchmark sees."""
    return Sees(tuple(INPUTS), dict.fromkeys(FEATURES, feature_width))


@torch.no_grad()
def _fill(name: str, parameter: nn.Parameter) -> None:
    """As these layers begin: values of about unit size in, values of about unit size out; LoRA adds nothing yet."""
    if parameter.ndim > 1 and "lora_B" not in name:
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    else:
        nn.init.constant_(parameter, 1.0 if parameter.ndim == 1 and name.endswith("weight") else 0.0)


def _remake_rotary(model: nn.Module, device: torch.device) -> None:
    """Frequencies are computed, not stored, and have no value on meta."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "inv_freq"):
                with torch.device(device):
                    setattr(parent, name, type(child)(child.config))
