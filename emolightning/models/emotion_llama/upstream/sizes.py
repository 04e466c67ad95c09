"""Settings that files of weights contradict as a whole: one line with the overrides that fit, not one a tensor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.models.inspecting import Description
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.torch_files import TorchFile
from emolightning.models.parts.vision import VisionSettings


def wrong_tower(file: TorchFile, about: Description, vision: VisionSettings) -> list[str]:
    """What of `model.vision` the file of the tower contradicts."""
    facts = about.facts
    found = {f"model.vision.{name}": facts[name] for name in ("width", "patch_size", "mlp_width")}
    if not facts["blocks"] - 1 <= vision.num_layers <= facts["blocks"]:
        found["model.vision.num_layers"] = facts["blocks"] - 1  # Upstream leaves the last block out.
    own = {name: getattr(vision, name.rpartition(".")[2]) for name in found}
    problems = _contradictions(file.path, own, found)
    if not problems and vision.width % vision.num_heads:
        problems.append(f"model.vision.num_heads={vision.num_heads}: the width {vision.width} is no multiple of it")
    return problems


def wrong_lora(file: TorchFile, about: Description, lora: LoraSettings) -> list[str]:
    """What of `model.lora` the checkpoint contradicts."""
    rank = about.facts["LoRA rank"]
    if isinstance(rank, list) and rank:
        return [f"{file.path}: has LoRA of several ranks, {rank}; only one rank for all layers can be used"]
    kinds = {name: getattr(lora, name) for name in ("use_dora", "use_rslora")}
    found = {"model.lora.r": rank, "model.lora.alpha": about.facts["LoRA alpha"]}
    own = {"model.lora.r": lora.r, "model.lora.alpha": lora.alpha}
    words = [f"{name}=false" for name, is_used in kinds.items() if is_used]
    words += ["init=default"] if lora.init != "default" else []
    return [f"{file.path}: upstream's LoRA is plain; say model.lora.{word}" for word in words] + _contradictions(
        file.path, own, found
    )


def other_language_model(file: TorchFile, about: Description, *, width: int, num_layers: int | None) -> list[str]:
    """Whether the checkpoint was trained on a language model of another size than the one that is given."""
    widths = {shape[0] for shape in about.facts["projections"].values() if len(shape) == 2}
    layers = about.facts["LoRA layers"]
    found = [f"projections to a width of {sorted(widths)}, not {width}"] if widths and widths != {width} else []
    if num_layers is not None and layers > num_layers:
        found.append(f"LoRA on {layers} layers, not {num_layers}")
    if not found:
        return []
    return [f"{file.path}: has {' and '.join(found)}: it belongs to another language model than llama="]


def _contradictions(path: Path, own: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    different = {name: value for name, value in found.items() if isinstance(value, int | float) and value != own[name]}
    if not different:
        return []
    said = ", ".join(f"{name} is {value}, not {own[name]}" for name, value in different.items())
    return [f"{path}: {said}; say {' '.join(f'{name}={value}' for name, value in different.items())}"]
