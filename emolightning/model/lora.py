"""LoRA adapters by PEFT: attach them to the language model."""

from dataclasses import dataclass
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model

from emolightning.errors import UserError


@dataclass(frozen=True)
class LoraSettings:
    """The defaults are upstream's (`lora_r` 64, alpha 16, dropout 0.05, q and v)."""

    r: int = 64
    """Rank."""
    alpha: int = 16
    """Updates are scaled by alpha / r."""
    dropout: float = 0.05
    targets: Any = ("q_proj", "v_proj")
    """Names of linear layers, or `all-linear`."""


def attach_lora(language: Any, settings: LoraSettings) -> PeftModel:
    """Wrap the frozen language model; only the adapters train.

    Raises:
        UserError: no layer is called like the targets.
    """
    targets = settings.targets if isinstance(settings.targets, str) else list(settings.targets)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(language, config)
    except ValueError as error:
        raise UserError(f"model.lora.targets={settings.targets}: {error}") from error
