"""Where LoRA begins: what cannot begin there."""

from omegaconf import DictConfig, OmegaConf

from emolightning.config.families import trained_parts
from emolightning.config.problems import Problem

KEY = "model.lora.init"


def check_lora_init(cfg: DictConfig) -> list[Problem]:
    """Other settings of the model that its adapters cannot begin with."""
    init = OmegaConf.select(cfg, KEY, default="default")
    if init not in ("pissa", "olora"):
        return []
    quantization = OmegaConf.select(cfg, "model.language.quantization", default="none")
    refusals = {
        "DoRA has a magnitude beside A and B, which nothing takes away again; say model.lora.use_dora=false": (
            OmegaConf.select(cfg, "model.lora.use_dora", default=False) is True
        ),
        f"A and B are factors of plain weights, and model.language.quantization={quantization} packs them; say "
        "model.language.quantization=none": quantization != "none",
        "is about LoRA, by which no part of this run trains; say model.train.language=lora, or leave it out": (
            (parts := trained_parts(cfg)) is not None and "lora" not in parts.values()
        ),
    }
    return [Problem(KEY, said) for said, is_so in refusals.items() if is_so]
