"""Which tensor of the published files fills which parameter of the model: every one on either side accounted for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from emolightning.errors import UserError
from emolightning.models.emotion_llama.upstream import names
from emolightning.models.emotion_llama.upstream.base import language_on_meta
from emolightning.models.emotion_llama.upstream.format import FORMAT, Format
from emolightning.models.emotion_llama.upstream.frozen import why_unused
from emolightning.models.emotion_llama.upstream.inspecting import EVA, open_torch, wrong_kind
from emolightning.models.emotion_llama.upstream.report import MatchReport
from emolightning.models.emotion_llama.upstream.sizes import other_language_model, wrong_lora, wrong_tower
from emolightning.models.inspecting import LANGUAGE_MODEL, Description, describe
from emolightning.models.parts.lora import LoraSettings, attach_lora
from emolightning.models.parts.safetensors_files import SafetensorsFolder
from emolightning.models.parts.tensor_info import TensorInfo
from emolightning.models.parts.torch_files import TorchFile
from emolightning.models.parts.vision import PATCHES_PER_TOKEN, VisionSettings, VisionTower

OTHER_LANGUAGE = "the checkpoint belongs to another language model than llama="
FRESH_NORM = "upstream's ln_vision, never trained: weight 1, bias 0, eps 1e-5"


@dataclass(frozen=True)
class Sources:
    """The three opened inputs, and what each is."""

    llama: SafetensorsFolder
    eva: TorchFile
    checkpoint: TorchFile
    about: Mapping[str, Description]
    """Argument -> description."""
    format: Format = FORMAT
    """That of the checkpoint."""

    @property
    def paths(self) -> dict[str, Path]:
        """Argument -> its path."""
        return {"llama": self.llama.folder, "eva": self.eva.path, "checkpoint": self.checkpoint.path}


@dataclass(frozen=True)
class Expected:
    """Names and shapes of the model's parameters, without values."""

    language: Mapping[str, Tensor]
    is_tied: bool
    """Whether the head is the embedding, and not in the folder."""
    tower: Mapping[str, Tensor]
    adapters: Mapping[str, Tensor]
    """LoRA by its names in PEFT's adapter file."""
    fresh: Mapping[str, Tensor]
    """What has no base, by its names in the model."""


def open_sources(*, llama: Path, eva: Path, checkpoint: Path, format: Format = FORMAT) -> Sources:
    """Open the inputs and make sure that each is of its kind.

    Raises:
        UserError: names the argument, the file and what it is instead.
    """
    try:
        found = describe(llama)
        if found.kind != LANGUAGE_MODEL:
            raise wrong_kind(llama, LANGUAGE_MODEL, found.kind, "llama")
        language = SafetensorsFolder(llama)
    except UserError as error:
        raise error if str(error).startswith("llama=") else UserError(f"llama={error}") from None
    tower, about_tower = open_torch(eva, EVA, "eva")
    trained, about_trained = open_torch(checkpoint, format.kind, "checkpoint")
    return Sources(language, tower, trained, {"llama": found, "eva": about_tower, "checkpoint": about_trained}, format)


def match(sources: Sources, *, vision: VisionSettings, lora: LoraSettings) -> MatchReport:
    """Find a source for every parameter of the model, and a use or a reason for every tensor."""
    about = sources.about
    report = MatchReport(
        sources={str(sources.paths[name]): {"kind": of.kind, **of.facts} for name, of in about.items()},
        problems=wrong_tower(sources.eva, about["eva"], vision)
        + wrong_lora(sources.checkpoint, about["checkpoint"], lora),
        notes=_notes(sources, vision, lora),
    )
    config = language_on_meta(sources.llama.folder).config
    report.problems += other_language_model(
        sources.checkpoint,
        about["checkpoint"],
        width=config.hidden_size,
        num_layers=getattr(config, "num_hidden_layers", None),
    )
    if report.problems:  # Else each of hundreds of tensors would be one.
        return report
    expected = expect(sources, vision, lora)
    _match_language(sources.llama, expected, report)
    _match_tower(sources.eva, expected.tower, vision, report)
    _match_checkpoint(sources, expected, report)
    return report


def _notes(sources: Sources, vision: VisionSettings, lora: LoraSettings) -> list[str]:
    facts, place = sources.about["checkpoint"].facts, sources.checkpoint.path
    notes = []
    if facts["LoRA alpha"] is None:
        notes.append(f"{place} does not say LoRA's alpha; model.lora.alpha={lora.alpha} was taken")
    if facts["image_size"] not in (None, vision.image_size):
        notes.append(
            f"{place} was trained on images of {facts['image_size']} pixels; this model has {vision.image_size}"
        )
    return notes


def expect(sources: Sources, vision: VisionSettings, lora: LoraSettings) -> Expected:
    """The model that the files are for, built without memory.

    Raises:
        UserError: transformers cannot build the language model, or no layer is called like LoRA's targets.
    """
    base = language_on_meta(sources.llama.folder)
    with torch.device("meta"):
        state, is_tied = base.state_dict(), bool(base.config.tie_word_embeddings)
        width = base.get_input_embeddings().embedding_dim
        adapters = attach_lora(base, lora).state_dict()
        return Expected(
            language=state,
            is_tied=is_tied,
            tower=VisionTower(replace(vision, path=None)).tower.state_dict(),
            adapters={
                names.peft_file_name(name): t
                for name, t in adapters.items()
                if names.lora_part(names.peft_file_name(name))
            },
            fresh={
                f"{part}.{name}": tensor
                for part, module in sources.format.fresh(vision, _feature_widths(sources), width).items()
                for name, tensor in module.state_dict().items()
            },
        )


def _feature_widths(sources: Sources) -> dict[str, int]:
    """Widths of the feature streams as the checkpoint has them."""
    theirs = sources.format.projections()
    found = {name: sources.checkpoint.tensors.get(f"{theirs[name]}.weight") for name in sources.format.features}
    return {
        name: info.shape[1] if info and len(info.shape) == 2 else sources.format.widths[name]
        for name, info in found.items()
    }


def _match_language(folder: SafetensorsFolder, expected: Expected, report: MatchReport) -> None:
    """A gap here is a problem that `allow_partial` does not mend: the folder is read in place."""
    file = str(folder.folder)
    for name, parameter in expected.language.items():
        if name in folder.tensors:
            _compare(
                report, file, name, folder.tensors[name], tuple(parameter.shape), "use the weights' own config.json"
            )
            report.use(file, (name,), f"language.{name}")
        elif expected.is_tied and name == "lm_head.weight":
            report.fresh[f"language.{name}"] = "the embedding's own weights, by config.json"
        else:
            report.problems.append(f"{file}: has no {name}; get a whole copy of the language model")
    for name in sorted(folder.tensors.keys() - expected.language.keys()):
        reason = names.why_unused(name) or "not a parameter of the model that config.json describes"
        report.leave(file, name, reason)


def _match_tower(file: TorchFile, expected: Mapping[str, Tensor], vision: VisionSettings, report: MatchReport) -> None:
    used: set[str] = set()
    place = str(file.path)
    for name, parameter in expected.items():
        sources = names.tower_sources(name)
        if not sources:
            report.fresh[f"vision.tower.{name}"] = FRESH_NORM
            continue
        absent = [source for source in sources if source not in file.tensors]
        if absent:
            report.missing[f"vision.tower.{name}"] = f"{place} has no {', '.join(absent)}"
            continue
        used.update(sources)
        report.use(place, sources, f"vision.tower.{name}")
        for source in sources:
            shape = _eva_shape(source, tuple(parameter.shape), file.tensors[source].shape)
            _compare(report, place, source, file.tensors[source], shape, "get a sound copy of eva_vit_g.pth")
    for name in sorted(file.tensors.keys() - used):
        _leave_of_tower(name, place, vision.num_layers, report)


def _eva_shape(source: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a source must have: half biases are a third each, and any square grid of positions will do."""
    if source.endswith(("q_bias", "v_bias")):
        return (ours[0] // 3,)
    is_grid = (
        source == "pos_embed"
        and len(theirs) == 3
        and theirs[1] > 1
        and round((theirs[1] - 1) ** 0.5) ** 2 == theirs[1] - 1
    )
    return (1, theirs[1], ours[-1]) if is_grid else ours


def _leave_of_tower(name: str, place: str, num_layers: int, report: MatchReport) -> None:
    number = names.block_number(name)
    if number is None:
        report.leave(place, name, "outside of the blocks: upstream uses neither a final norm nor a head")
    elif number >= num_layers:
        report.leave(place, name, f"block {number}: the tower has {num_layers}, upstream drops the last block as well")
    else:
        report.homeless[name] = f"{place}: blocks of EVA-CLIP-g have no such tensor; this is another tower"


def _match_checkpoint(sources: Sources, expected: Expected, report: MatchReport) -> None:
    file, place = sources.checkpoint, str(sources.checkpoint.path)
    found: dict[str, str] = {}
    for name, info in file.tensors.items():
        target, shape = _target(name, expected, sources.format)
        if target is None:
            reason = why_unused(name, sources, report)
            if reason is not None:
                report.leave(place, name, reason)
            else:
                report.homeless[name] = place + (_lora_targets(file) if names.lora_name(name) else "")
            continue
        if target in found:
            report.problems.append(f"{place}: {found[target]} and {name} are the same parameter; delete one of them")
        found[target] = name
        report.use(place, (name,), target)
        _compare(report, place, name, info, shape, _other_sizes(target, info.shape, shape))
    report.missing |= {
        f"language.{name}": f"{place}{_lora_targets(file)}"
        for name in expected.adapters
        if f"language.{name}" not in found
    }
    report.missing |= {name: place for name in expected.fresh if name not in found}


def _target(name: str, expected: Expected, format: Format) -> tuple[str | None, tuple[int, ...]]:
    """The parameter of ours that a tensor of the checkpoint fills, and its shape; None for a tensor that fills none."""
    lora, own = names.lora_name(name), format.own(name)
    if lora in expected.adapters and lora is not None:
        return f"language.{lora}", tuple(expected.adapters[lora].shape)
    if own in expected.fresh and own is not None:
        return own, tuple(expected.fresh[own].shape)
    return None, ()


def _other_sizes(name: str, found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Which of the other files a tensor of the checkpoint does not fit; any width of feature vectors fits."""
    stream = name.removeprefix(names.OWN_PROJECTIONS).partition(".")[0]
    is_of_tower = stream in ("image", "class_token") and len(found) == len(expected) == 2 and found[0] == expected[0]
    if not is_of_tower:
        return OTHER_LANGUAGE
    per_token = PATCHES_PER_TOKEN if stream == "image" else 1
    return (
        f"the checkpoint belongs to a vision tower of width {found[1] / per_token:g}, that in eva= is "
        f"{expected[1] // per_token} wide"
    )


def _lora_targets(file: TorchFile) -> str:
    """Where LoRA sits in the file, for a message about where it is missing."""
    found = sorted({name.split(".lora_")[0].rpartition(".")[2] for name in file.tensors if names.lora_name(name)})
    return f" has LoRA on {', '.join(found)}: say 'model.lora.targets=[{','.join(found)}]'" if found else " has no LoRA"


def _compare(report: MatchReport, file: str, name: str, info: TensorInfo, expected: tuple[int, ...], fix: str) -> None:
    if info.shape != expected:
        report.problems.append(f"{file}: {name} has shape {info.shape}, the model's is {expected}; {fix}")
    elif not info.torch_dtype.is_floating_point:
        report.problems.append(f"{file}: {name} holds {info.dtype}, not floating-point numbers; get the plain weights")
