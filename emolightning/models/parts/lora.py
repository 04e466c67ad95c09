"""LoRA adapters by PEFT: attach them to the language model or to the vision tower."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers.pytorch_utils import Conv1D

from emolightning.errors import UserError
from emolightning.models.parts.quantization import is_int8_on_cpu

Targets = Sequence[str] | str

ALL = "all-linear"


@dataclass(frozen=True)
class LoraSettings:
    """The defaults are upstream's (`lora_r` 64, alpha 16, dropout 0.05, q and v)."""

    r: int = 64
    """Rank."""
    alpha: int = 16
    """Updates are scaled by alpha / r."""
    dropout: float = 0.05
    targets: Targets = ("q_proj", "v_proj")
    """Linear layers of the language model, by their names or one name, or `all-linear`: all but its head."""
    vision_targets: Targets = ("qkv", "projection", "fc1", "fc2")
    """Those of the vision tower; for `model.train.vision=lora`."""
    use_dora: bool = False
    """Learn the magnitude of each output beside the direction (DoRA); slower."""
    use_rslora: bool = False
    """Scale by alpha / sqrt(r) instead (rank-stabilised)."""


def attach_lora(language: Any, settings: LoraSettings, *, within: str = "") -> PeftModel:
    """Wrap the frozen language model; only the adapters train.

    Args:
        language: the model.
        settings: of the adapters.
        within: name of the module that alone gets adapters, where the model has more than a language model.

    Raises:
        UserError: no linear layer is called like one of the targets.
    """
    part = language.get_submodule(within) if within else language
    targets = _known(part, settings.targets, "model.lora.targets")
    if within:
        names = dict.fromkeys(_own_name(name) for name in _linear_layers(part)) if targets == ALL else targets
        # PEFT takes a regular expression for whole names of layers.
        targets = rf"{re.escape(within)}\.(.*\.)?({'|'.join(map(re.escape, names))})"
    return _attach(language, settings, targets, task_type="CAUSAL_LM")


def attach_vision_lora(tower: Any, settings: LoraSettings) -> PeftModel:
    """Wrap the frozen vision tower; only the adapters train.

    Raises:
        UserError: no linear layer is called like one of the targets.
    """
    targets = _known(tower, settings.vision_targets, "model.lora.vision_targets")
    return _attach(tower, settings, targets, task_type=None)


def unwrapped(model: Any) -> Any:
    """The model inside of PEFT's wrapper, or the model itself where there is none."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _known(model: nn.Module, targets: Targets, key: str) -> list[str] | str:
    """The names of layers that there are, or `all-linear`."""
    if targets == ALL:
        return ALL
    names = [targets] if isinstance(targets, str) else list(targets)
    _require_layers(model, names, key)
    return names


def _attach(model: Any, settings: LoraSettings, targets: list[str] | str, *, task_type: str | None) -> PeftModel:
    if settings.use_dora and is_int8_on_cpu(model):
        raise UserError(
            "model.lora.use_dora=true: PEFT has no DoRA beside int8 weights on a CPU; say "
            "model.language.quantization=nf4 or none, or use a GPU"
        )
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        use_dora=settings.use_dora,
        use_rslora=settings.use_rslora,
        bias="none",
        task_type=task_type,
    )
    return get_peft_model(model, config)


def _require_layers(model: nn.Module, targets: list[str], key: str) -> None:
    """PEFT would leave a target out that it does not find beside others that it does."""
    layers = _linear_layers(model)
    unknown = [target for target in targets if not any(f".{name}".endswith(f".{target}") for name in layers)]
    if unknown or not targets:
        names = dict.fromkeys(map(_own_name, layers))
        wrong = f"no linear layer is called {' or '.join(unknown)}" if unknown else "names no layer"
        raise UserError(f"{key}={list(targets)}: {wrong}; {type(model).__name__} has {', '.join(names)}; or say {ALL}")


def _linear_layers(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]


def _own_name(layer: str) -> str:
    return layer.rpartition(".")[2]
