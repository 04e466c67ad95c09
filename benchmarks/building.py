"""The model under measurement: with its own weights, with random ones made on the device, or without any (meta)."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from emolightning.inputs import FEATURES, INPUTS
from emolightning.model.emotion_llama import EmotionLlama

Build = Callable[..., EmotionLlama]
"""Settings of a model's group -> the model; takes changed settings of `vision` and `language` by name."""


def build_model(
    build: Build, settings: Mapping[str, Any], device: torch.device, *, feature_width: int, seed: int
) -> EmotionLlama:
    """With the weights that its settings name."""
    torch.manual_seed(seed)
    return build(settings, **_seen(feature_width)).to(device)


def build_random(
    build: Build,
    settings: Mapping[str, Any],
    device: torch.device,
    *,
    feature_width: int,
    vocabulary_size: int,
    seed: int,
) -> EmotionLlama:
    """Random weights, each made on the device in its own dtype: a 7B model never is in float32 or in main memory."""
    model = build_on_meta(build, settings, feature_width=feature_width, vocabulary_size=vocabulary_size)
    model.to_empty(device=device)
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        _fill(name, parameter)
    _remake_rotary(model, device)
    return model


def build_on_meta(
    build: Build, settings: Mapping[str, Any], *, feature_width: int, vocabulary_size: int
) -> EmotionLlama:
    """Shapes and dtypes without values, whatever weights the settings name.

    Args:
        build: makes the model.
        settings: the model's group.
        feature_width: of face, motion and speech.
        vocabulary_size: of a language model whose settings name a folder, but no tokenizer.
    """
    language, vision = settings["language"], settings["vision"]
    own_vocabulary = language["path"] is None or language["tokenizer"] is not None
    bare = {**settings, "language": {**language, "path": None}, "vision": {**vision, "path": None}}
    with torch.device("meta"):
        model = build(bare, **_seen(feature_width))
        if (
            not own_vocabulary
        ):  # The small tokenizer writes the text; head and embeddings are as large as they would be.
            language = model.language.get_base_model() if isinstance(model.language, PeftModel) else model.language
            language.resize_token_embeddings(vocabulary_size, mean_resizing=False)
    return model


def _seen(feature_width: int) -> dict[str, Any]:
    return {"inputs": INPUTS, "feature_widths": dict.fromkeys(FEATURES, feature_width)}


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
