"""Trained weights of a run by part and name, wherever they lie: in an adapter folder or in a checkpoint file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from emolightning.config.renamed import with_present_names
from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.models.emotion_llama.upstream import names
from emolightning.models.emotion_llama.upstream.format import Format, format_of
from emolightning.models.inspecting import RUN_CHECKPOINT, describe_torch_file
from emolightning.models.parts.adapter import DESCRIPTION, LORA, LORA_CONFIG
from emolightning.models.parts.lora import is_start
from emolightning.models.parts.safetensors_files import read_safetensor, safetensors_infos
from emolightning.models.parts.tensor_info import TensorInfo, require_trained_weights
from emolightning.models.parts.torch_files import TorchFile, read_torch

CHECKPOINT_PREFIXES = {"language": "model.language.", "vision": "model.vision.tower."}
"""Part that has a base -> what precedes its names in a checkpoint file."""

UNSUPPORTED = ("rank_pattern", "alpha_pattern", "modules_to_save", "lora_bias", "fan_in_fan_out")
"""Options of PEFT that this project never sets; a merge without them would be wrong."""


@dataclass(frozen=True)
class LoraScale:
    """What the numbers of LoRA's matrices mean."""

    r: int
    alpha: float
    use_rslora: bool = False
    use_dora: bool = False

    @property
    def factor(self) -> float:
        """The number that B @ A is multiplied by."""
        return self.alpha / (self.r**0.5 if self.use_rslora else self.r)


@dataclass(frozen=True)
class Stored:
    """A tensor on the disk."""

    info: TensorInfo
    load: Callable[[], Tensor]


@dataclass(frozen=True)
class Trained:
    """What a run learned, and what it learned it on."""

    place: Path
    """The file or folder."""
    parts: Mapping[str, Mapping[str, Stored]]
    """`language`, `vision`, `projections` ... -> name -> tensor; LoRA by its names in PEFT's adapter file."""
    lora: LoraScale
    """The scale of LoRA, the same in every part that has it."""
    about: Mapping[str, Any]
    """As in `emolightning.json`: `model`, `inputs`, `labels`, `prompt`, `base_fingerprints` ..."""
    epoch: int | None = None
    """The last one that was finished, where it is known."""

    @property
    def format(self) -> Format:
        """That of the checkpoints of its family."""
        return format_of(self.about.get("model"))

    def how(self, part: str) -> str:
        """`lora`, `full` or `frozen`."""
        found = self.parts[part]
        return "lora" if any(".lora_" in name for name in found) else "full" if found else "frozen"

    def settings(self, part: str) -> dict[str, Any]:
        """`model.language` and the like.

        Raises:
            UserError: the description has none.
        """
        model = self.about.get("model")
        found = model.get(part) if isinstance(model, Mapping) else None
        if not isinstance(found, Mapping):
            raise UserError(f"{self.place}: its description has no model.{part}; it was not written by this project")
        return {str(key): value for key, value in found.items() if not str(key).startswith("_")}


def read_adapter(folder: Path) -> Trained:
    """An adapter folder.

    Raises:
        UserError: a file is missing, damaged, or uses an option of PEFT that this project does not know.
    """
    about = with_present_names(read_json_object(folder / DESCRIPTION))
    fresh = format_of(about.get("model")).parts
    parts: dict[str, dict[str, Stored]] = {part: _stored(folder / f"{part}.safetensors") for part in fresh}
    scales = []
    for part, place in names.LORA_FOLDERS.items():
        parts[part] = {}
        if (folder / place / LORA).is_file():
            parts[part] = _stored(folder / place / LORA)
            scales.append(_peft_scale(folder / place / LORA_CONFIG))
        elif (folder / f"{part}.safetensors").is_file():
            parts[part] = _stored(folder / f"{part}.safetensors")
    if len(set(scales)) > 1:
        raise UserError(f"{folder}: the language model's LoRA and the vision tower's have other settings: {scales}")
    epoch = about.get("epoch")
    return Trained(folder, parts, [*scales, LoraScale(1, 1)][0], about, epoch if isinstance(epoch, int) else None)


def read_checkpoint(path: Path, describe: Callable[[], Mapping[str, Any]]) -> Trained:
    """A checkpoint file of a training run.

    Args:
        path: the file.
        describe: what `emolightning.json` of the run would say; not asked before the file is known to be one.

    Raises:
        UserError: it is no such file.
    """
    file = TorchFile(path)
    found = describe_torch_file(file).kind
    if found != RUN_CHECKPOINT:
        raise UserError(f"checkpoint={path}: expected a {RUN_CHECKPOINT}, but this is: {found}")
    about = dict(describe())
    format = format_of(about.get("model"))
    prefixes = {**CHECKPOINT_PREFIXES, **{part: f"model.{part}." for part in format.parts}}
    parts: dict[str, dict[str, Stored]] = {part: {} for part in prefixes}
    for name, info in file.tensors.items():
        part = next((part for part, prefix in prefixes.items() if name.startswith(prefix)), None)
        if part is None:
            raise UserError(f"{path}: {name} is in no part of the model; it was written by another version")
        own = names.peft_file_name(name.removeprefix(prefixes[part]))
        parts[part][own] = Stored(info, partial(_load_one, file, name))
    widths = {
        name.removesuffix(".weight"): stored.info.shape[1]
        for name, stored in parts["projections"].items()
        if name.removesuffix(".weight") in format.features
    }
    known = read_torch(path).get("base_fingerprints")
    if not isinstance(known, dict):
        raise DamagedFile(path, "it does not say which base its weights belong to: no base_fingerprints")
    about |= {"feature_widths": widths, "base_fingerprints": known}
    lora = Trained(path, parts, LoraScale(1, 1), about).settings("lora")
    if any(is_start(name) for name in file.tensors):
        raise UserError(
            f"{path}: with model.lora.init={lora.get('init')} a checkpoint has two adapters in pieces; the adapter "
            f"folder has them as one: say checkpoint={path.parent.parent / 'adapter'}"
        )
    return Trained(path, parts, _scale(path, lora, alpha="alpha"), about, file.epoch)


def _load_one(file: TorchFile, name: str) -> Tensor:
    return _sound(file.path, name, file.load([name])[name])


def _stored(path: Path) -> dict[str, Stored]:
    infos = safetensors_infos(path)
    return {name: Stored(info, partial(_read_one, path, name)) for name, info in infos.items()}


def _read_one(path: Path, name: str) -> Tensor:
    return _sound(path, name, read_safetensor(path, name))


def _sound(path: Path, name: str, tensor: Tensor) -> Tensor:
    require_trained_weights(path, {name: tensor})
    return tensor


def _peft_scale(path: Path) -> LoraScale:
    config = read_json_object(path)
    used = [name for name in UNSUPPORTED if config.get(name)]
    if config.get("peft_type") != "LORA" or used or config.get("bias", "none") != "none":
        raise UserError(f"{path}: is not LoRA as this project writes it ({', '.join(used) or 'peft_type, bias'})")
    return _scale(path, config, alpha="lora_alpha")


def _scale(path: Path, settings: Mapping[str, Any], *, alpha: str) -> LoraScale:
    kinds = {name: bool(settings.get(name)) for name in ("use_rslora", "use_dora")}
    try:
        scale = LoraScale(int(settings["r"]), float(settings[alpha]), **kinds)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: r and {alpha} of LoRA must be numbers ({error!r})") from error
    if scale.r < 1:
        raise UserError(f"{path}: r of LoRA is {scale.r}; it must be at least 1")
    return scale
