"""What EVA-CLIP's file is, and a checkpoint with LoRA: from names, shapes and settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.models.emotion_llama.upstream.format import FORMAT, Format, formats
from emolightning.models.emotion_llama.upstream.names import (
    base_name,
    block_number,
    layer_number,
    lora_name,
    tower_name,
    why_unused,
)
from emolightning.models.inspecting import Description, argument_of, describe, describe_torch_file, dtypes_of
from emolightning.models.parts.tensor_info import TensorInfo
from emolightning.models.parts.torch_files import TorchFile

EVA = "EVA-CLIP vision tower"
CHECKPOINT = FORMAT.kind
PATCHES = "patch_embed.proj.weight"
LARGEST = 1e9
"""Largest number that a file may state about itself."""


def recognised(file: TorchFile, wanted: str | None = None) -> Description | None:
    """What an opened `.pth` file is, if it is a vision tower or a checkpoint with LoRA.

    Args:
        file: the file.
        wanted: the kind that it is taken for where it could be of several, as MiniGPT-v2's checkpoint can.
    """
    infos = file.tensors
    if PATCHES in infos and len(infos[PATCHES].shape) == 4:
        return Description(EVA, _eva_facts(infos))
    ranked = sorted(formats(), key=lambda each: (each.score(infos), each.kind == wanted), reverse=True)
    if any(ranked[0].own(name) or lora_name(name) for name in infos):
        return Description(ranked[0].kind, _checkpoint_facts(file, ranked[0]))
    return None


def released_kinds() -> dict[str, str]:
    """Kind of file -> the argument of `import-weights` that takes it."""
    return {EVA: "eva", **dict.fromkeys((format.kind for format in formats()), "checkpoint")}


def open_torch(path: Path, wanted: str, argument: str) -> tuple[TorchFile, Description]:
    """Open a `.pth` file of a kind.

    Args:
        path: the file.
        wanted: the kind.
        argument: of `import-weights`, for messages.

    Raises:
        UserError: names the argument, the file, what it is instead and which argument takes that.
    """
    try:
        if path.is_dir() or path.suffix == ".safetensors":
            found = describe(path)
        else:
            file = TorchFile(path)
            found = describe_torch_file(file)
            found = (found.kind in released_kinds() and recognised(file, wanted)) or found
            if found.kind == wanted:
                return file, found
    except UserError as error:
        raise UserError(f"{argument}={error}") from None
    raise wrong_kind(path, wanted, found.kind, argument)


def wrong_kind(path: Path, wanted: str, found: str, argument: str) -> UserError:
    """What is said of a file that was given for another one."""
    argument_of_it = argument_of(found)
    other = f"; give it as {argument_of_it}=" if argument_of_it not in (None, argument) else ""
    return UserError(f"{argument}={path}: expected the {wanted}, but this is: {found}{other}")


def _eva_facts(infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
    width, _, patch, _ = infos[PATCHES].shape
    numbers = {number for name in infos if (number := block_number(name)) is not None}
    mlp, positions = infos.get("blocks.0.mlp.fc1.weight"), infos.get("pos_embed")
    grid = round(max(0, positions.shape[1] - 1) ** 0.5) if positions and len(positions.shape) == 3 else 0
    return {
        "width": width,
        "patch_size": patch,
        "blocks": len(numbers),
        "mlp_width": mlp.shape[0] if mlp and mlp.shape else None,
        "position grid": f"{grid}x{grid}",
        "dtypes": dtypes_of(infos),
        "tensors": len(infos),
    }


def _checkpoint_facts(file: TorchFile, format: Format) -> dict[str, Any]:
    infos, model = file.tensors, _section(file.config, "model")
    loras = [name for name in infos if lora_name(name)]
    ranks = sorted({infos[name].shape[0] for name in loras if ".lora_A" in name and infos[name].shape})
    layers = format.projections()
    streams = [stream for stream, layer in layers.items() if f"{layer}.weight" in infos]
    counts = {
        "language tensors of the frozen base": sum(base_name(name) is not None for name in infos),
        "vision tensors": sum(tower_name(name) is not None for name in infos),
        "unused tensors": sum(why_unused(name) is not None for name in infos),
    }
    return {
        "role": likely_role(file.config),
        "epoch": file.epoch,
        "LoRA rank": ranks[0] if len(ranks) == 1 else ranks,
        "LoRA alpha": _number(model.get("lora_alpha")),
        "LoRA targets": sorted({name.split(".lora_")[0].rpartition(".")[2] for name in loras}),
        "LoRA layers": len({layer_number(name) for name in loras} - {None}),
        "projections": {stream: list(infos[f"{layers[stream]}.weight"].shape) for stream in streams},
        "image_size": _number(model.get("image_size")),
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
    if "exported_by" in config:
        return f"exported by {_short(config['exported_by'])}"
    started_from, run = _section(config, "model").get("ckpt"), _section(config, "run")
    stage = (
        f"likely stage 2 or later: it started from {_short(started_from)}"
        if started_from
        else "likely stage 1: it started from no earlier checkpoint"
    )
    rate, epochs, datasets = run.get("init_lr"), run.get("max_epoch"), _section(config, "datasets")
    details = [f"init_lr {_short(rate)}"] if rate is not None else []
    details += [f"{_short(epochs)} epochs"] if epochs is not None else []
    details += [f"data {', '.join(map(_short, list(datasets)[:5]))}"] if datasets else []
    return "; ".join([stage, ", ".join(details)] if details else [stage])


def _short(value: Any) -> str:
    """A value that a file chose, in a few printable characters."""
    return ascii(str(value) if isinstance(value, str | int | float) else type(value).__name__)[1:-1][:200]


def _number(value: Any) -> int | float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
    return value if is_number else None


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}
