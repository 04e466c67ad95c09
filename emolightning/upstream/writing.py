"""Matched tensors -> folders in the formats of transformers and PEFT, one shard at a time."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from emolightning.inputs import FEATURES, INPUTS
from emolightning.labels import MER9
from emolightning.model.adapter import DESCRIPTION, PROJECTIONS
from emolightning.model.lora import LoraSettings
from emolightning.model.vision import VisionSettings, VisionTower
from emolightning.upstream import names
from emolightning.upstream.reading import INDEX, TorchFile

SHARD_BYTES = 256 * 2**20
"""Of output held in memory at a time, beside as much of the mapped input."""


def write_tower(file: TorchFile, vision: VisionSettings, folder: Path) -> None:
    """Config and safetensors of a `Blip2VisionModel`, with the file's own position grid, a shard at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    side = round((file.tensors["pos_embed"].shape[1] - 1) ** 0.5)
    with torch.device("meta"):
        tower = VisionTower(replace(vision, path=None, image_size=side * vision.patch_size)).tower
    config = tower.config
    config.architectures = ["Blip2VisionModel"]
    config.save_pretrained(folder)
    shards = _shards({name: _source_bytes(file, name) for name in tower.state_dict()})
    places: dict[str, str] = {}
    for number, members in enumerate(shards, start=1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors" if len(shards) > 1 else "model.safetensors"
        _write_shard(file, members, vision.width, folder / name)
        places |= dict.fromkeys(members, name)
    if len(shards) > 1:
        size = sum(_source_bytes(file, name) for name in places)
        write_json(folder / INDEX, {"metadata": {"total_size": size}, "weight_map": places})


def _source_bytes(file: TorchFile, name: str) -> int:
    size = 0
    for source in names.tower_sources(name):
        info = file.tensors.get(source)
        if info is not None:
            size += torch.Size(info.shape).numel() * getattr(torch, info.dtype).itemsize
    return size


def _shards(sizes: Mapping[str, int]) -> list[list[str]]:
    """Names in order, divided so that no part is larger than SHARD_BYTES, single tensors aside."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if shards[-1] and filled + size > SHARD_BYTES:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def _write_shard(file: TorchFile, members: list[str], width: int, path: Path) -> None:
    wanted = [source for name in members for source in names.tower_sources(name) if source in file.tensors]
    mapped = file.load(wanted)
    tensors = {}
    for name in members:
        sources = [mapped[source] for source in names.tower_sources(name) if source in mapped]
        if name.startswith("post_layernorm."):
            tensors[name] = torch.ones(width) if name.endswith("weight") else torch.zeros(width)
        elif name.endswith("self_attn.qkv.bias") and len(sources) == 2:
            tensors[name] = torch.cat([sources[0], torch.zeros_like(sources[0]), sources[1]])
        elif len(sources) == 1:
            tensors[name] = sources[0].contiguous()
    _save(tensors, path)


def write_adapter(
    file: TorchFile,
    llama: Path,
    vision: VisionSettings,
    lora: LoraSettings,
    folder: Path,
    description: Mapping[str, Any],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    mapped = file.load(file.tensors)
    loras = {str(names.lora_name(name)): t.contiguous() for name, t in mapped.items() if names.lora_name(name)}
    projections = {
        str(names.projection_name(name)): t.contiguous() for name, t in mapped.items() if names.projection_name(name)
    }
    _save(loras, folder / "adapter_model.safetensors")
    _save(projections, folder / PROJECTIONS)
    config = {
        "base_model_name_or_path": str(llama),
        "bias": "none",
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "peft_type": "LORA",
        "r": lora.r,
        "target_modules": sorted(lora.targets) if not isinstance(lora.targets, str) else lora.targets,
        "task_type": "CAUSAL_LM",
    }
    write_json(folder / "adapter_config.json", config)
    content = {
        "base_fingerprints": {},
        "inputs": list(INPUTS),
        "labels": list(MER9),
        "feature_widths": {
            name: projections[f"{name}.weight"].shape[1] for name in FEATURES if f"{name}.weight" in projections
        },
        "frame": "first",
        **description,
    }
    write_json(folder / DESCRIPTION, content)


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    """Whole or not there."""
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(tensors, temporary, metadata={"format": "pt"})
    os.replace(temporary, path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
