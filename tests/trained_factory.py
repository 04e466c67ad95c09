"""Models with adapters that do something, as adapter folders and as checkpoint files of runs."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
import yaml
from model_factory import VISION as TINY_VISION
from model_factory import WIDTHS
from torch import Tensor
from transformers import AutoModelForCausalLM
from weights_factory import Sizes

from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import INPUTS
from emolightning.models.parts.adapter import save_adapter
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.parameters import base_fingerprints, trained_state
from emolightning.models.parts.trained_parts import TrainedParts

LLAMA = Sizes(hidden=32, layers=2, heads=2, llama_mlp=48, seed=1)
RANDOM = LanguageSettings(width=32, num_layers=2, num_heads=2, mlp_width=48)
LORA = LoraSettings(r=4, alpha=8, dropout=0.0, targets="all-linear")
IDS = torch.tensor([[1, 17, 5, 230, 42, 99, 3]])


def description(language: LanguageSettings, lora: LoraSettings = LORA, train: TrainedParts = TrainedParts()) -> dict:  # noqa: B008
    """Of the entries of `emolightning.json` those that say what the model is."""
    model = {"language": asdict(language), "vision": asdict(TINY_VISION), "lora": asdict(lora), "train": asdict(train)}
    return {"model": json.loads(json.dumps(model)), "inputs": list(INPUTS), "features": {}, "prompt": {}}


def make(language: LanguageSettings, lora: LoraSettings = LORA, train: TrainedParts = TrainedParts()) -> EmotionLlama:  # noqa: B008
    """A model whose adapters do something."""
    torch.manual_seed(0)
    model = build_emotion_llama(
        vision=TINY_VISION, language=language, lora=lora, inputs=INPUTS, feature_widths=WIDTHS, train=train
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and ("lora_B" in name or "magnitude" in name or train.language == "full"):
                parameter += torch.randn_like(parameter) * 0.1
    return model.eval()


def save(model: EmotionLlama, folder: Path, language: LanguageSettings, *more) -> Path:
    save_adapter(model, folder, description(language, *more))
    return folder


def save_run(model: EmotionLlama, folder: Path, language: LanguageSettings, lora: LoraSettings = LORA) -> Path:
    """A checkpoint file in a run folder, as training leaves them."""
    (folder / "checkpoints").mkdir(parents=True)
    content = {
        "state_dict": {f"model.{name}": tensor for name, tensor in trained_state(model).items()},
        "base_fingerprints": base_fingerprints(model),
        "epoch": 4,
    }
    torch.save(content, folder / "checkpoints" / "best.ckpt")
    config = description(language, lora) | {
        "modalities": ["audio", "video", "text"],
        "inputs": dict.fromkeys(INPUTS, True),
        "data": {"labels": "mer6", "frame": "middle"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "checkpoints" / "best.ckpt"


def logits(language) -> Tensor:
    with torch.no_grad():
        return language(IDS).logits


def merged_language(out: Path, dtype: torch.dtype = torch.float32):
    return AutoModelForCausalLM.from_pretrained(out / "language", dtype=dtype).eval()
