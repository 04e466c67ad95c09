"""A small set of published files, imported and changed, for the tests of import, inspection and export."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from weights_factory import Sizes, make_checkpoint, make_eva, make_llama

from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import FEATURES, INPUTS
from emolightning.models.emotion_llama.upstream.importing import import_weights
from emolightning.models.emotion_llama.upstream.report import MatchReport
from emolightning.models.parts.adapter import load_adapter
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.vision import VisionSettings

SIZES = Sizes(seed=3)
VISION = VisionSettings(image_size=56, width=24, num_layers=2, num_heads=3, mlp_width=40)
LORA = LoraSettings(r=4, alpha=8)
FIRST_QUERY = "llama_model.base_model.model.model.layers.0.self_attn.q_proj."

Files = dict[str, Path]
"""Argument of `import-weights` -> path."""


def make_published(folder: Path) -> Files:
    return {
        "llama": make_llama(folder / "llama", SIZES),
        "eva": make_eva(folder / "eva.pth", SIZES),
        "checkpoint": make_checkpoint(folder / "trained.pth", SIZES),
    }


def run(
    files: Files, out: Path, *, vision: VisionSettings = VISION, lora: LoraSettings = LORA, **options
) -> MatchReport:
    """Import with the settings that fit, unless others are given."""
    return import_weights(**files, out=out, vision=vision, lora=lora, **options)


def build(files: Files, out: Path, *, image_size: int = 56, dtype: Any = "float32") -> EmotionLlama:
    """The model from imported folders."""
    model = build_emotion_llama(
        vision=replace(VISION, path=str(out / "eva_clip_g"), image_size=image_size, dtype=dtype),
        language=LanguageSettings(path=str(files["llama"]), dtype=dtype),
        lora=replace(LORA, dropout=0.0),
        inputs=INPUTS,
        feature_widths=dict.fromkeys(FEATURES, SIZES.features),
    )
    load_adapter(model, out / "adapter")
    return model.eval()


def changed(files: Files, tmp_path: Path, argument: str, change: Callable[[dict[str, Tensor]], object]) -> Files:
    """The inputs with one `.pth` whose tensors were edited in place."""
    content = torch.load(files[argument], weights_only=True)
    change(content["model"] if argument == "checkpoint" else content)
    path = tmp_path / f"changed_{argument}.pth"
    torch.save(content, path)
    return {**files, argument: path}


def tree(folder: Path) -> dict[str, bytes]:
    """Path below the folder -> content, of every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
