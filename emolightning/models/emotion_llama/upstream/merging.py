"""LoRA into the language model's own weights: a Hugging Face folder that needs no PEFT, and the projections beside it.

Shard by shard and tensor by tensor: of a 7B model one matrix is in memory at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_json_object
from emolightning.files.staging import staged
from emolightning.models.emotion_llama.upstream import names
from emolightning.models.emotion_llama.upstream.base import (
    TOKENIZER_FILES,
    Base,
    copy_files,
    language_settings,
    open_base,
)
from emolightning.models.emotion_llama.upstream.trained import LoraScale, Stored, Trained
from emolightning.models.emotion_llama.upstream.writing import write_json
from emolightning.models.parts.adapter import DESCRIPTION, LORA, LORA_CONFIG
from emolightning.models.parts.safetensors_files import INDEX, SINGLE, write_safetensors
from emolightning.models.parts.tensor_info import TensorInfo
from emolightning.models.parts.trained_parts import TrainedParts

LANGUAGE_FOLDER, VISION = "language", "vision.safetensors"


@dataclass(frozen=True)
class Merge:
    """A base and what changes in it."""

    base: Base
    lora: Mapping[str, Mapping[str, Stored]]
    """Tensor of the base -> `lora_A`, `lora_B` and, of DoRA, the magnitude."""
    full: Mapping[str, Stored]
    """Tensor of the base -> what it has become in training."""
    scale: LoraScale
    dtype: torch.dtype | None
    """Type of the result; None keeps that of the base."""

    def info(self, name: str) -> TensorInfo:
        """Shape and type of a merged tensor."""
        info = self.base.infos[name]
        return info if self.dtype is None else TensorInfo(info.shape, str(self.dtype).removeprefix("torch."))

    def tensor(self, name: str) -> Tensor:
        """A merged tensor."""
        dtype = self.info(name).torch_dtype
        if name in self.full:
            return self.full[name].load().to(dtype)
        weight = self.base.load(name)
        if name in self.lora:
            weight = merged(weight, {part: stored.load() for part, stored in self.lora[name].items()}, self.scale)
        return weight.to(dtype)


def merged(weight: Tensor, lora: Mapping[str, Tensor], scale: LoraScale) -> Tensor:
    """The weight that does alone what a linear layer and its adapter do together, in float32.

    Args:
        weight: (outputs, inputs)
        lora: `lora_A` (r, inputs), `lora_B` (outputs, r); of DoRA also the magnitude (outputs,).
        scale: of B @ A.
    """
    total = weight.to(torch.float32, copy=True)
    total.addmm_(lora["lora_B"].float(), lora["lora_A"].float(), alpha=scale.factor)
    if names.MAGNITUDE in lora:
        total.mul_((lora[names.MAGNITUDE].float() / torch.linalg.norm(total, dim=1))[:, None])
    return total


def export_merged(trained: Trained, out: Path, *, llama: Path | None = None, dtype: str | None = None) -> list[str]:
    """Write the merged language model, the projections and where the vision tower is.

    The folder is an adapter folder, too, of a model whose language model is frozen. A vision tower that was trained
    stays in the form that adapter folders have.

    Args:
        trained: what to merge.
        out: gets `language/`, `projections.safetensors` and `emolightning.json`.
        llama: where the language model lies now; None is where it lay in training.
        dtype: of the merged weights; None keeps that of the base.

    Returns:
        What is said about it.

    Raises:
        UserError: the base is missing or another one, `out` is taken.
        InputErrors: the adapters do not fit the base.
    """
    vision = {"frozen": [], "full": [VISION], "lora": [names.LORA_FOLDERS["vision"]]}[trained.how("vision")]
    fresh = {part: f"{part}.safetensors" for part in trained.format.parts}
    contents = [LANGUAGE_FOLDER, *fresh.values(), *vision, DESCRIPTION]
    taken = [name for name in contents if (out / name).exists()]
    if taken:
        raise UserError(f"out={out}: has {', '.join(taken)} already; give another folder")
    settings = language_settings(trained.settings("language"), trained.place)
    settings = replace(settings, path=str(llama)) if llama else settings
    base = open_base(settings)
    plan = _plan(trained, base, getattr(torch, dtype) if dtype else None)
    notes = _require_same_base(trained, base, settings)
    with staged(out, last=DESCRIPTION, label=f"out={out}") as stage:
        _write_language(plan, stage / LANGUAGE_FOLDER)
        for part, file in fresh.items():
            _write_part(trained.parts[part], stage / file)
        _write_vision(trained, stage)
        write_json(stage / DESCRIPTION, _description(trained, out, settings.path or "a random model"))
    changed = f"{len(plan.lora)} matrices with LoRA of {len(base.infos)} tensors" if plan.lora else "no LoRA to merge"
    return [f"merged: {changed}, into {base.name}", *notes, f"written: {out}"]


def _plan(trained: Trained, base: Base, dtype: torch.dtype | None) -> Merge:
    if trained.how("vision") == "lora" and not trained.place.is_dir():
        raise UserError(f"{trained.place}: the vision tower has LoRA; export the adapter folder of the run instead")
    lora: dict[str, dict[str, Stored]] = {}
    full: dict[str, Stored] = {}
    problems = []
    for name, stored in trained.parts["language"].items():
        layer = names.lora_part(name)
        target = f"{layer[0]}.weight" if layer else name
        if target not in base.infos:
            problems.append(f"{trained.place}: {name} belongs to {target}, which {base.name} does not have")
        elif layer:
            lora.setdefault(target, {})[layer[1]] = stored
        else:
            full[target] = stored
    problems += [problem for name, parts in lora.items() for problem in _lora_problems(name, parts, base, trained.lora)]
    problems += [
        f"{name} has shape {stored.info.shape}, that of {base.name} is {base.infos[name].shape}"
        for name, stored in full.items()
        if stored.info.shape != base.infos[name].shape
    ]
    if problems:
        raise InputErrors("export-weights", problems)
    return Merge(base, lora, full, trained.lora, dtype)


def _lora_problems(name: str, parts: Mapping[str, Stored], base: Base, scale: LoraScale) -> list[str]:
    shape, found = base.infos[name].shape, {part: stored.info.shape for part, stored in parts.items()}
    wanted: dict[str, tuple[int, ...]] = {"lora_A": (scale.r, shape[-1]), "lora_B": (shape[0], scale.r)}
    wanted |= {names.MAGNITUDE: (shape[0],)} if scale.use_dora else {}
    return [] if found == wanted else [f"LoRA of {name} has shapes {found}; {base.name} needs {wanted}"]


def _require_same_base(trained: Trained, base: Base, settings: Any) -> list[str]:
    """Merged into other weights the adapters would be noise.

    Raises:
        UserError: the base is not the one that was trained on.
    """
    known = trained.about.get("base_fingerprints")
    expected = known.get("language") if isinstance(known, Mapping) else None
    if trained.how("language") == "full":
        return []
    if not isinstance(expected, str | Mapping):
        return ["note: it is not recorded which language model these weights were trained on; nothing was compared"]
    if settings.quantization != "none":
        return ["note: trained beside quantised weights and merged into the plain ones; they were not compared"]
    known_of_type = expected if isinstance(expected, str) else expected.get(settings.dtype)
    if base.fingerprints([settings.dtype])[settings.dtype] != known_of_type:
        raise UserError(
            f"{base.name}: these weights were trained on another language model; say llama=FOLDER of that one (for "
            "model=tiny: the same torch and transformers versions)"
        )
    return []


def _write_language(plan: Merge, folder: Path) -> None:
    folder.mkdir()
    plan.base.write_config(folder)
    copy_files(plan.base.tokenizer, folder, TOKENIZER_FILES)
    if plan.dtype is not None:
        _set_dtype(folder / "config.json", plan.dtype)
    shards: dict[str, list[str]] = {}
    for name, shard in plan.base.shards.items():
        shards.setdefault(shard, []).append(name)
    for shard, members in shards.items():
        infos = {name: plan.info(name) for name in members}
        write_safetensors(folder / shard, infos, ((name, plan.tensor(name)) for name in members))
    if list(shards) != [SINGLE]:
        size = sum(plan.info(name).num_bytes for name in plan.base.infos)
        write_json(folder / INDEX, {"metadata": {"total_size": size}, "weight_map": dict(plan.base.shards)})


def _set_dtype(path: Path, dtype: torch.dtype) -> None:
    config = read_json_object(path)
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    write_json(path, {**config, key: str(dtype).removeprefix("torch.")})


def _write_part(tensors: Mapping[str, Stored], path: Path) -> None:
    def values() -> Iterator[tuple[str, Tensor]]:
        for name, stored in tensors.items():
            yield name, stored.load()

    write_safetensors(path, {name: stored.info for name, stored in tensors.items()}, values())


def _write_vision(trained: Trained, stage: Path) -> None:
    """What the tower learned, as an adapter folder has it."""
    if trained.how("vision") == "full":
        _write_part(trained.parts["vision"], stage / VISION)
    elif trained.how("vision") == "lora":
        folder = stage / names.LORA_FOLDERS["vision"]
        folder.mkdir()
        _write_part(trained.parts["vision"], folder / LORA)
        copy_files(trained.place / names.LORA_FOLDERS["vision"], folder, (LORA_CONFIG,))


def _description(trained: Trained, out: Path, base: str) -> dict[str, Any]:
    """That of the adapter, with the merged language model in the place of the base."""
    place = str(out / LANGUAGE_FOLDER)
    language = {**trained.about["model"]["language"], "path": place, "tokenizer": None}
    train = {"_target_": f"{TrainedParts.__module__}.{TrainedParts.__name__}", **asdict(TrainedParts())}
    train |= {"language": "frozen", "vision": trained.how("vision")}
    known = trained.about.get("base_fingerprints")
    fingerprints = {name: known[name] for name in known if name != "language"} if isinstance(known, Mapping) else {}
    return {
        **trained.about,
        "model": {**trained.about["model"], "llm": place, "language": language, "train": train},
        "base_fingerprints": fingerprints,
        "merged": {"weights": str(trained.place), "base": base, "lora_factor": trained.lora.factor},
    }
