"""Checkpoints as the released AffectGPT saves them, and the configurations of its published sizes."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from emolightning.models.affectgpt.affectgpt import AffectGPT
from emolightning.models.affectgpt.build import build_affectgpt
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings

LORA = LoraSettings(r=4, alpha=32, dropout=0.0, targets="all-linear")
WIDTHS = {"face": 20, "frame": 20, "speech": 28, "picture": 20}

QWEN = {"vocab_size": 152064, "max_position_embeddings": 32768, "num_attention_heads": 28, "num_key_value_heads": 4,
        "tie_word_embeddings": False, "hidden_size": 3584, "intermediate_size": 18944,
        "num_hidden_layers": 28}  # fmt: skip
QWEN3 = {"vocab_size": 151936, "max_position_embeddings": 40960, "num_key_value_heads": 8, "head_dim": 128}
PUBLISHED = {
    "AffectGPT Qwen2.5-7B, CLIP-L/14, HuBERT-large": ("qwen2", QWEN, 768, 1024),
    "teacher": ("qwen3", {**QWEN3, "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
                          "num_attention_heads": 32, "tie_word_embeddings": False}, 768, 1024),
    "student": ("qwen3", {**QWEN3, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
                          "num_attention_heads": 16, "tie_word_embeddings": True}, 512, 768),
}  # fmt: skip
"""Name in `keys_fullsize.json` -> kind and sizes of the language model, widths of what is seen and heard."""


def make_model(llama: Path, fusion: FusionSettings = FusionSettings(), seed: int = 1, r: int = 4) -> AffectGPT:  # noqa: B008
    """A model over a folder, with everything that trains drawn."""
    model = build_affectgpt(
        language=LanguageSettings(path=str(llama)),
        lora=LoraSettings(r=r, alpha=LORA.alpha, dropout=0.0, targets=LORA.targets),
        fusion=fusion,
        inputs=[*WIDTHS, "transcript"],
        feature_widths=WIDTHS,
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 10)
    return model.eval()


def upstream_state(model: AffectGPT) -> dict[str, Tensor]:
    """What the released code saves of a student: what trains, the tied head again, the projection of distillation."""
    named = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    state = {
        name.replace("language.", "llama_model.", 1).replace("projections.", "", 1): value
        for name, value in named.items()
    }
    state["llama_model.base_model.model.lm_head.weight"] = model.language.get_input_embeddings().weight.detach().clone()
    return state | {"ot_hidden_proj.student_proj.0.weight": torch.eye(4)}


def save_checkpoint(path: Path, state: dict[str, Tensor], epoch: int = 7) -> Path:
    torch.save({"model": state, "optimizer": {}, "config": {"run": {}}, "scaler": None, "epoch": epoch}, path)
    return path


def make_published(folder: Path, kind: str, sizes: dict, **changes) -> Path:
    """A folder with the configuration of a published language model and no weights."""
    folder.mkdir(parents=True)
    config = {
        "model_type": kind,
        "architectures": [f"Qwen{kind[4:]}ForCausalLM"],
        "hidden_act": "silu",
        **sizes,
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file({}, folder / "model.safetensors")
    return folder
