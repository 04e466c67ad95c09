"""Matched tensors -> folders in the formats of transformers and PEFT, one tensor in memory at a time."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emolightning.models.emotion_llama.upstream import names
from emolightning.models.emotion_llama.upstream.matching import Expected, Sources
from emolightning.models.parts.adapter import DESCRIPTION, LORA, LORA_CONFIG
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.safetensors_files import SINGLE, write_safetensors
from emolightning.models.parts.tensor_info import TensorInfo
from emolightning.models.parts.torch_files import TorchFile
from emolightning.models.parts.vision import VisionSettings, VisionTower
from emolightning.records.labels import MER9

NORM = ("layer_norm1", "layer_norm2", "post_layernorm")


def write_tower(file: TorchFile, vision: VisionSettings, folder: Path) -> None:
    """Config and safetensors of a `Blip2VisionModel`, with the file's own position grid; what it lacks is fresh."""
    folder.mkdir()
    positions = file.tensors.get("pos_embed")
    side = round((positions.shape[1] - 1) ** 0.5) if positions else vision.image_size // vision.patch_size
    with torch.device("meta"):
        tower = VisionTower(replace(vision, path=None, image_size=side * vision.patch_size)).tower
    tower.config.architectures = ["Blip2VisionModel"]
    tower.config.save_pretrained(folder)
    shapes = {name: tuple(tensor.shape) for name, tensor in tower.state_dict().items()}
    infos = {name: TensorInfo(shape, _tower_dtype(file, name)) for name, shape in shapes.items()}
    write_safetensors(folder / SINGLE, infos, _tower_tensors(file, shapes))


def _tower_sources(file: TorchFile, name: str) -> tuple[str, ...]:
    """All that a tensor is made of; none if any of it is absent."""
    sources = names.tower_sources(name)
    return sources if all(source in file.tensors for source in sources) else ()


def _tower_dtype(file: TorchFile, name: str) -> str:
    sources = _tower_sources(file, name)
    return file.tensors[sources[0]].dtype if sources else "float32"


def _tower_tensors(file: TorchFile, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    values = file.stream(source for name in shapes for source in _tower_sources(file, name))
    for name, shape in shapes.items():
        parts = [next(values)[1] for _ in _tower_sources(file, name)]
        if not parts:
            yield name, fresh(name, shape)
        elif len(parts) == 2:  # Biases of queries and values; upstream's keys have none.
            yield name, torch.cat([parts[0], torch.zeros_like(parts[0]), parts[1].to(parts[0].dtype)])
        else:
            yield name, parts[0]


def fresh(name: str, shape: tuple[int, ...]) -> Tensor:
    """What a parameter without a tensor starts from, the same each time.

    Zeros for biases and LoRA's B, ones for norms, and torch's own uniform distribution of a linear layer for the rest.
    """
    if name.endswith("bias") or ".lora_B." in name:
        return torch.zeros(shape)
    if any(norm in name for norm in NORM):
        return torch.ones(shape)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    bound = (torch.Size(shape[1:]).numel() or 1) ** -0.5
    return torch.empty(shape).uniform_(-bound, bound, generator=torch.Generator().manual_seed(seed))


def write_adapter(
    sources: Sources,
    expected: Expected,
    lora: LoraSettings,
    folder: Path,
    description: Mapping[str, Any],
) -> None:
    """An adapter folder with all that `expected` names; what the file lacks is fresh.

    Args:
        sources: with upstream's checkpoint.
        expected: names and shapes.
        lora: the adapters.
        folder: is made.
        description: more entries of `emolightning.json`: settings of the model, fingerprints of its bases ...
    """
    folder.mkdir()
    file, format = sources.checkpoint, sources.format
    by_lora = {str(names.lora_name(name)): name for name in file.tensors}
    _write_part(file, expected.adapters, by_lora, folder / LORA)
    for part in dict.fromkeys(name.partition(".")[0] for name in expected.fresh):
        own = {name: tensor for name, tensor in expected.fresh.items() if name.startswith(f"{part}.")}
        inside = {name.removeprefix(f"{part}."): tensor for name, tensor in own.items()}
        found = {
            str(format.own(name)).removeprefix(f"{part}."): name for name in file.tensors if format.own(name) in own
        }
        _write_part(file, inside, found, folder / f"{part}.safetensors")
    write_json(folder / LORA_CONFIG, _peft_config(lora, description))
    widths = {name: expected.fresh[f"{names.OWN_PROJECTIONS}{name}.weight"].shape[1] for name in format.features}
    content = {
        "inputs": list(format.inputs),
        "labels": list(MER9),
        "feature_widths": widths,
        "frame": "first",
        **description,
    }
    write_json(folder / DESCRIPTION, content)


def _write_part(file: TorchFile, expected: Mapping[str, Tensor], sources: Mapping[str, str], path: Path) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    infos = {
        name: TensorInfo(shape, file.tensors[sources[name]].dtype if name in sources else "float32")
        for name, shape in shapes.items()
    }
    write_safetensors(path, infos, _part_tensors(file, shapes, sources))


def _part_tensors(
    file: TorchFile, shapes: Mapping[str, tuple[int, ...]], sources: Mapping[str, str]
) -> Iterable[tuple[str, Tensor]]:
    present = {sources[name]: name for name in shapes if name in sources}
    for source, tensor in file.stream(present):
        yield present[source], tensor
    for name, shape in shapes.items():
        if name not in sources:
            yield name, fresh(name, shape)


def _peft_config(lora: LoraSettings, description: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "base_model_name_or_path": description.get("model", {}).get("language", {}).get("path"),
        "bias": "none",
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "peft_type": "LORA",
        "r": lora.r,
        "target_modules": lora.targets if isinstance(lora.targets, str) else sorted(lora.targets),
        "task_type": "CAUSAL_LM",
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Sorted, so that the same content is the same file."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
