"""What a file of weights is, from its names, shapes and settings: no tensor is read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.upstream.names import (
    PROJECTIONS,
    base_name,
    block_number,
    lora_name,
    projection_name,
    tower_name,
    why_unused,
)
from emolightning.upstream.reading import SafetensorsFolder, TensorInfo, TorchFile, safetensors_infos

EVA = "EVA-CLIP vision tower"
CHECKPOINT = "Emotion-LLaMA checkpoint"
RUN_CHECKPOINT = "checkpoint of a training run"
ADAPTER = "adapter folder"
LANGUAGE_MODEL = "Hugging Face folder of a language model"
VISION_MODEL = "Hugging Face folder of a vision tower"
SAFETENSORS = "safetensors file"
UNKNOWN = "unknown"

ARGUMENT_OF = {EVA: "eva", CHECKPOINT: "checkpoint", LANGUAGE_MODEL: "llama"}
"""Kind -> the argument of `import-weights` that takes it."""


@dataclass(frozen=True)
class Description:
    """What a file or folder is."""

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    """In the order of interest, JSON-able."""


def describe(path: Path) -> Description:
    """Kind and facts of a file or folder.

    Raises:
        UserError: it is not there, cut short, or refused because it is not plain tensors.
    """
    if path.is_dir():
        return _describe_folder(path)
    if path.suffix == ".safetensors":
        infos = safetensors_infos(path)
        return Description(SAFETENSORS, {"tensors": len(infos), "dtypes": _dtypes(infos)})
    return describe_torch_file(TorchFile(path))


def describe_torch_file(file: TorchFile) -> Description:
    """The same for an opened `.pth` file."""
    infos = file.tensors
    if "base_fingerprints" in file.top_level:
        return Description(RUN_CHECKPOINT, {"tensors": len(infos), "epoch": file.epoch})
    if "patch_embed.proj.weight" in infos:
        return Description(EVA, _eva_facts(infos))
    if any(projection_name(name) or lora_name(name) for name in infos):
        return Description(CHECKPOINT, _checkpoint_facts(file))
    return Description(UNKNOWN, {"top level": file.top_level[:10], "tensors": sorted(infos)[:10]})


def require_kind(file: TorchFile, wanted: str, argument: str) -> None:
    """Refuse another kind of file, saying what it is.

    Raises:
        UserError: names the file, what it is and which argument takes it.
    """
    found = describe_torch_file(file).kind
    if found == wanted:
        return
    other = f"; give it as {ARGUMENT_OF[found]}=" if found in ARGUMENT_OF else ""
    raise UserError(f"{argument}={file.path}: expected the {wanted}, but this is: {found}{other}")


def _eva_facts(infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
    width, _, patch, _ = infos["patch_embed.proj.weight"].shape
    numbers = {number for name in infos if (number := block_number(name)) is not None}
    mlp = infos.get("blocks.0.mlp.fc1.weight")
    grid = infos["pos_embed"].shape[1] - 1 if "pos_embed" in infos else 0
    return {
        "width": width,
        "patch_size": patch,
        "blocks": len(numbers),
        "mlp_width": mlp.shape[0] if mlp else None,
        "position grid": f"{round(grid**0.5)}x{round(grid**0.5)}",
        "dtypes": _dtypes(infos),
        "tensors": len(infos),
    }


def _checkpoint_facts(file: TorchFile) -> dict[str, Any]:
    infos, model = file.tensors, _section(file.config, "model")
    loras = [name for name in infos if lora_name(name)]
    ranks = sorted({infos[name].shape[0] for name in loras if ".lora_A" in name})
    streams = [stream for stream, layer in PROJECTIONS.items() if f"{layer}.weight" in infos]
    counts = {
        "language tensors of the frozen base": sum(base_name(name) is not None for name in infos),
        "vision tensors": sum(tower_name(name) is not None for name in infos),
        "unused tensors": sum(why_unused(name) is not None for name in infos),
    }
    return {
        "role": likely_role(file.config),
        "epoch": file.epoch,
        "LoRA rank": ranks[0] if len(ranks) == 1 else ranks,
        "LoRA alpha": model.get("lora_alpha"),
        "LoRA targets": sorted({name.split(".lora_")[0].rpartition(".")[2] for name in loras}),
        "LoRA layers": len({name.split(".self_attn.")[0] for name in loras}),
        "projections": {stream: list(infos[f"{PROJECTIONS[stream]}.weight"].shape) for stream in streams},
        "image_size": model.get("image_size"),
        "optimizer": "optimizer" in file.top_level,
        **{name: count for name, count in counts.items() if count},
    }


def likely_role(config: Mapping[str, Any]) -> str:
    """What a checkpoint's own settings say about the training it comes from; a guess, and called one.

    >>> likely_role({"model": {"ckpt": "stage1.pth"}, "run": {"init_lr": 1e-6, "max_epoch": 30}})
    'likely stage 2 or later: it started from stage1.pth; init_lr 1e-06, 30 epochs'
    """
    if not config:
        return "not said: the file has no settings"
    started_from, run = _section(config, "model").get("ckpt"), _section(config, "run")
    stage = (
        f"likely stage 2 or later: it started from {started_from}"
        if started_from
        else "likely stage 1: it started from no earlier checkpoint"
    )
    epochs = run.get("max_epoch")
    details = [f"init_lr {run['init_lr']}"] if "init_lr" in run else []
    details += [f"{epochs} epochs"] if epochs is not None else []
    details += [f"data {', '.join(_section(config, 'datasets'))}"] if _section(config, "datasets") else []
    return "; ".join([stage, ", ".join(details)] if details else [stage])


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}


def _describe_folder(path: Path) -> Description:
    if (path / "emolightning.json").is_file():
        content = _read_json(path / "emolightning.json")
        facts = {name: content.get(name) for name in ("inputs", "labels", "feature_widths")}
        return Description(ADAPTER, facts)
    if not (path / "config.json").is_file():
        names = sorted(item.name for item in path.iterdir())[:10]
        return Description(UNKNOWN, {"files": names})
    config = _read_json(path / "config.json")
    tensors = SafetensorsFolder(path).tensors
    is_vision = "vision" in str(config.get("model_type"))
    wanted = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "image_size")
    facts = {name: config[name] for name in wanted if name in config}
    facts |= {"tensors": len(tensors), "dtypes": _dtypes(tensors)}
    return Description(VISION_MODEL if is_vision else LANGUAGE_MODEL, facts)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: is not a JSON object")
    return content


def _dtypes(infos: Mapping[str, TensorInfo]) -> list[str]:
    return sorted({info.dtype for info in infos.values()})
