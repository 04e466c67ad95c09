"""What a file or folder of weights is, from names, shapes and settings: no tensor is read.

A released file is known by the family that it is of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emolightning.files.documents import read_json_object
from emolightning.models.parts.safetensors_files import SafetensorsFolder, safetensors_infos
from emolightning.models.parts.tensor_info import TensorInfo
from emolightning.models.parts.torch_files import TorchFile

RUN_CHECKPOINT = "checkpoint of a training run"
ADAPTER = "adapter folder"
RUN_FOLDER = "folder of a training run"
MERGED = "language model with merged LoRA, and projections"
LANGUAGE_MODEL = "Hugging Face folder of a language model"
VISION_MODEL = "Hugging Face folder of a vision tower"
SAFETENSORS = "safetensors file"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Description:
    """What a file or folder is."""

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    """In the order of interest, JSON-able."""


def argument_of(kind: str) -> str | None:
    """The argument of `import-weights` that takes a kind of file."""
    from emolightning.config.families import families

    known = {LANGUAGE_MODEL: "llama"}
    for family in families().values():
        known |= family.released_kinds() if hasattr(family, "released_kinds") else {}
    return known.get(kind)


def describe(path: Path) -> Description:
    """Kind and facts of a file or folder.

    Raises:
        UserError: it is not there, cut short, or refused because it is not plain tensors.
    """
    if path.is_dir():
        return _describe_folder(path)
    if path.suffix == ".safetensors":
        infos = safetensors_infos(path)
        return Description(SAFETENSORS, {"tensors": len(infos), "dtypes": dtypes_of(infos)})
    return describe_torch_file(TorchFile(path))


def describe_torch_file(file: TorchFile) -> Description:
    """The same for an opened `.pth` file."""
    from emolightning.config.families import families

    if "base_fingerprints" in file.top_level:
        return Description(RUN_CHECKPOINT, {"tensors": len(file.tensors), "epoch": file.epoch})
    for family in families().values():
        if hasattr(family, "recognised") and (found := family.recognised(file)) is not None:
            return found
    shown = {"top level": [ascii(key[:100]) for key in file.top_level[:10]], "tensors": sorted(file.tensors)[:10]}
    return Description(UNKNOWN, shown)


def _describe_folder(path: Path) -> Description:
    if (path / "emolightning.json").is_file():
        return _describe_export(path)
    if (path / "config.yaml").is_file() and (path / "checkpoints").is_dir():
        return Description(RUN_FOLDER, {"checkpoints": sorted(item.name for item in (path / "checkpoints").iterdir())})
    if not (path / "config.json").is_file():
        names = sorted(item.name for item in path.iterdir())[:10]
        return Description(UNKNOWN, {"files": names})
    config = read_json_object(path / "config.json")
    tensors = SafetensorsFolder(path).tensors
    is_vision = "vision" in str(config.get("model_type"))
    wanted = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "image_size")
    facts = {name: config[name] for name in wanted if name in config}
    facts |= {"tensors": len(tensors), "dtypes": dtypes_of(tensors)}
    return Description(VISION_MODEL if is_vision else LANGUAGE_MODEL, facts)


def _describe_export(path: Path) -> Description:
    content = read_json_object(path / "emolightning.json")
    facts = {name: content.get(name) for name in ("inputs", "labels", "feature_widths")}
    if (path / "language" / "config.json").is_file():
        return Description(MERGED, facts)
    if not (path / "adapter_config.json").is_file():
        return Description(ADAPTER, facts)
    lora = read_json_object(path / "adapter_config.json")
    own = {f"LoRA {word}": lora.get(name) for word, name in (("rank", "r"), ("alpha", "lora_alpha"))}
    return Description(ADAPTER, {**own, "base": lora.get("base_model_name_or_path"), **facts})


def dtypes_of(infos: Mapping[str, TensorInfo]) -> list[str]:
    """The types of some tensors."""
    return sorted({info.dtype for info in infos.values()})
