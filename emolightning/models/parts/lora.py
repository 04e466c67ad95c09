"""LoRA adapters by PEFT: attach them to the language model or to the vision tower."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from emolightning.errors import UserError
from emolightning.models.parts.quantization import is_int8_on_cpu

Targets = Sequence[str] | str

ALL = "all-linear"

TRAINED, START = "default", "start"
"""PEFT's names of the adapter that trains, and of a frozen one that takes away what that one began with."""


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
    init: Literal["default", "pissa", "olora"] = "default"
    """A at random and B zero, or both at the base's largest singular values (PiSSA) or at its QR (OLoRA)."""


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


@torch.no_grad()
def start_from_base(part: nn.Module) -> None:
    """Let fresh adapters begin where `init` says; the base stays as it is to the last bit.

    PEFT takes factors B0 A0 of the base's weights W for B and A, and W - B0 A0 for W. Here W stays, and the frozen
    adapter subtracts B0 A0: at first the part does what its base does, and it learns what PEFT's would learn.

    Args:
        part: may have adapters.
    """
    for wrapped in part.modules():
        if isinstance(wrapped, PeftModel) and (init := init_of(wrapped)) != "default":
            for layer in wrapped.modules():
                if isinstance(layer, LoraLayer) and not layer.get_base_layer().weight.is_meta:
                    _start(layer, init)


def init_of(part: PeftModel) -> str:
    """The setting `init` of its adapters."""
    return part.peft_config[START].init_lora_weights if START in part.peft_config else "default"


def _start(layer: Any, init: str) -> None:
    base = layer.get_base_layer()
    held = base.weight.data
    kept = held.clone()
    if init == "pissa":
        layer.pissa_init(TRAINED, init)
    else:
        layer.olora_init(TRAINED)
    base.weight.data = held.copy_(kept)  # OLoRA's writes into the weights, PiSSA's makes new ones.
    layer.lora_A[START].weight.copy_(layer.lora_A[TRAINED].weight)
    layer.lora_B[START].weight.copy_(-layer.lora_B[TRAINED].weight)


def is_start(name: str) -> bool:
    """Whether a parameter is of the frozen adapter.

    >>> is_start("layers.0.q_proj.lora_A.start.weight"), is_start("layers.0.q_proj.lora_A.default.weight")
    (True, False)
    """
    return f".lora_A.{START}." in name or f".lora_B.{START}." in name


def joined(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Both adapters as one of twice the rank, [A; A0] and [B, -B0], which does alone what they do together."""
    found = {name: tensor for name, tensor in state.items() if not is_start(name)}
    for name, tensor in state.items():
        if is_start(name):
            trained = name.replace(f".{START}.", f".{TRAINED}.")
            found[trained] = torch.cat([found[trained], tensor], dim=_rank_dim(name))
    return found


def separated(state: Mapping[str, Tensor], part: PeftModel) -> dict[str, dict[str, Tensor]]:
    """Name of an adapter -> its tensors, of those that `joined` made of them."""
    if START not in part.peft_config:
        return {TRAINED: dict(state)}
    halves = {name: tensor.tensor_split(2, dim=_rank_dim(name)) for name, tensor in state.items()}
    return {
        adapter: {name: half[number] for name, half in halves.items()}
        for number, adapter in enumerate((TRAINED, START))
    }


def _rank_dim(name: str) -> int:
    return 0 if ".lora_A." in name else 1


def joined_scale(part: PeftModel) -> dict[str, Any]:
    """What gives the matrices of `joined` their meaning, by PEFT's names."""
    config: Any = part.peft_config[TRAINED]
    r, alpha = config.r, config.lora_alpha
    if START in part.peft_config:
        r, alpha = 2 * r, alpha * (math.sqrt(2) if config.use_rslora else 2)
    return {"r": r, "lora_alpha": alpha, "use_dora": config.use_dora, "use_rslora": config.use_rslora}


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
    wrapped = get_peft_model(model, _config(settings, targets, settings.dropout, task_type))
    if settings.init != "default":
        _require_factors(wrapped, settings)
        _add_start(wrapped, settings, targets, task_type)
    return wrapped


def _config(settings: LoraSettings, targets: list[str] | str, dropout: float, task_type: str | None) -> LoraConfig:
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=dropout,
        target_modules=targets,
        use_dora=settings.use_dora,
        use_rslora=settings.use_rslora,
        bias="none",
        task_type=task_type,
    )


def _add_start(model: PeftModel, settings: LoraSettings, targets: list[str] | str, task_type: str | None) -> None:
    """Put the frozen adapter beside the trained one; it does nothing before it has weights, for its B is zero."""
    model.add_adapter(START, _config(settings, targets, 0.0, task_type))
    model.base_model.set_adapter([TRAINED, START])
    model.peft_config[START].init_lora_weights = settings.init
    for name, parameter in model.named_parameters():
        if is_start(name):
            parameter.requires_grad_(False)


def _require_factors(model: PeftModel, settings: LoraSettings) -> None:
    """Refuse layers that have no such factors."""
    said = f"model.lora.init={settings.init}"
    for name, layer in model.named_modules():
        if not isinstance(layer, LoraLayer):
            continue
        base = layer.get_base_layer()
        if settings.init == "olora" and isinstance(base, Conv1D):
            raise UserError(
                f"{said}: PEFT has no OLoRA for layers as GPT-2 has them, {name}; say model.lora.init=pissa"
            )
        if settings.r > (most := min(base.weight.shape)):
            sides = " by ".join(map(str, base.weight.shape))
            raise UserError(
                f"{said}: {_own_name(name)} is {sides}, so model.lora.r is at most {most}, not {settings.r}"
            )


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
