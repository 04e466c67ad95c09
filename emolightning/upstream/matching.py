"""Which tensor of the published files fills which parameter of the model: every one on either side accounted for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from emolightning.errors import UserError
from emolightning.inputs import FEATURES
from emolightning.model.lora import LoraSettings, attach_lora
from emolightning.model.projection import Projections
from emolightning.model.vision import PATCHES_PER_TOKEN, VisionSettings, VisionTower
from emolightning.upstream import names
from emolightning.upstream.inspecting import (
    CHECKPOINT,
    EVA,
    LANGUAGE_MODEL,
    describe,
    describe_torch_file,
    require_kind,
)
from emolightning.upstream.reading import SafetensorsFolder, TensorInfo, TorchFile
from emolightning.upstream.report import MatchReport

OTHER_LANGUAGE = "the checkpoint belongs to another language model than llama="
FRESH_NORM = "upstream's ln_vision, never trained: weight 1, bias 0, eps 1e-5"


@dataclass(frozen=True)
class Sources:
    """The three opened inputs."""

    llama: SafetensorsFolder
    eva: TorchFile
    checkpoint: TorchFile


def open_sources(*, llama: Path, eva: Path, checkpoint: Path) -> Sources:
    """Open the inputs and make sure that each is of its kind.

    Raises:
        UserError: names the argument, the file and what it is instead.
    """
    if llama.is_file():
        raise UserError(f"llama={llama}: is a file; give the Hugging Face folder of the language model")
    language = SafetensorsFolder(llama)
    found = describe(llama).kind
    if found != LANGUAGE_MODEL:
        raise UserError(f"llama={llama}: expected the {LANGUAGE_MODEL}, but this is: {found}")
    tower, trained = TorchFile(eva), TorchFile(checkpoint)
    require_kind(tower, EVA, "eva")
    require_kind(trained, CHECKPOINT, "checkpoint")
    return Sources(language, tower, trained)


def match(sources: Sources, *, vision: VisionSettings, lora: LoraSettings, llama: Path) -> MatchReport:
    """Find a source for every parameter of the model, and a use or a reason for every tensor."""
    report = MatchReport(problems=_wrong_sizes(sources, vision, lora))
    if report.problems:  # Else each of hundreds of tensors would be one.
        return report
    with torch.device("meta"):
        tower = VisionTower(replace(vision, path=None)).tower.state_dict()
        base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(str(llama), local_files_only=True))
        base_state, is_tied = base.state_dict(), bool(base.config.tie_word_embeddings)
        width = base.get_input_embeddings().embedding_dim
        adapters = attach_lora(base, lora).state_dict()
        widths = _stream_widths(sources.checkpoint, vision)
        projections = Projections(widths, width).state_dict()
    _match_language(sources.llama, base_state, is_tied, report)
    _match_tower(sources.eva, tower, vision, report)
    _match_checkpoint(sources, adapters, projections, report)
    return report


def _wrong_sizes(sources: Sources, vision: VisionSettings, lora: LoraSettings) -> list[str]:
    """Settings that the files contradict as a whole, each file with all overrides that would fit."""
    tower = describe_torch_file(sources.eva).facts
    found = {f"model.vision.{name}": tower[name] for name in ("width", "patch_size", "mlp_width")}
    if tower["blocks"] < vision.num_layers:  # Upstream leaves the last block out, so one less is what fits.
        found["model.vision.num_layers"] = tower["blocks"] - 1
    own = {name: getattr(vision, name.rpartition(".")[2]) for name in found}
    problems = _contradictions(sources.eva.path, own, found)
    if not problems and vision.width % vision.num_heads:
        problems.append(f"model.vision.num_heads: {vision.width} is no multiple of {vision.num_heads}")
    trained = describe_torch_file(sources.checkpoint).facts
    found = {"model.lora.r": trained["LoRA rank"], "model.lora.alpha": trained["LoRA alpha"]}
    own = {"model.lora.r": lora.r, "model.lora.alpha": lora.alpha}
    return problems + _contradictions(sources.checkpoint.path, own, found)


def _contradictions(path: Path, own: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    different = {name: value for name, value in found.items() if isinstance(value, int | float) and value != own[name]}
    if not different:
        return []
    said = ", ".join(f"{name} is {value}, not {own[name]}" for name, value in different.items())
    return [f"{path}: {said}; say {' '.join(f'{name}={value}' for name, value in different.items())}"]


def _match_language(
    folder: SafetensorsFolder, expected: Mapping[str, Tensor], is_tied: bool, report: MatchReport
) -> None:
    file = str(folder.folder)
    for name, parameter in expected.items():
        if name not in folder.tensors and not (is_tied and name == "lm_head.weight"):
            report.missing.append(f"language.{name} ({file} has no {name})")
        elif name in folder.tensors:
            _compare(
                report, file, name, folder.tensors[name], tuple(parameter.shape), "use the config.json of the weights"
            )
            report.use(file, (name,), f"language.{name}")
    for name in folder.tensors.keys() - expected.keys():
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
            report.missing.append(f"vision.tower.{name} ({place} has no {absent[0]})")
            continue
        used.update(sources)
        report.use(place, sources, f"vision.tower.{name}")
        for source in sources:
            shape = _eva_shape(source, tuple(parameter.shape), file.tensors[source].shape)
            _compare(report, place, source, file.tensors[source], shape, "the file is damaged")
    for name in file.tensors.keys() - used:
        report.leave(place, name, _why_not_in_tower(name, vision.num_layers))


def _eva_shape(source: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a source must have: half biases are a third each, and any square grid of positions will do."""
    if source.endswith(("q_bias", "v_bias")):
        return (ours[0] // 3,)
    is_grid = source == "pos_embed" and len(theirs) == 3 and round((theirs[1] - 1) ** 0.5) ** 2 == theirs[1] - 1
    return (1, theirs[1], ours[-1]) if is_grid else ours


def _why_not_in_tower(name: str, num_layers: int) -> str:
    number = names.block_number(name)
    if number is not None and number >= num_layers:
        return f"block {number}: the tower has {num_layers}, upstream drops the last block as well"
    return (
        "behind the blocks: upstream uses neither a final norm nor a head" if number is None else "unknown to the tower"
    )


def _match_checkpoint(
    sources: Sources,
    adapters: Mapping[str, Tensor],
    projections: Mapping[str, Tensor],
    report: MatchReport,
) -> None:
    file, place = sources.checkpoint, str(sources.checkpoint.path)
    expected = {_peft_file_name(name): tuple(t.shape) for name, t in adapters.items() if ".lora_" in name}
    found: set[str] = set()
    for name, info in file.tensors.items():
        lora_target, projection = names.lora_name(name), names.projection_name(name)
        if lora_target in expected and lora_target is not None:
            found.add(lora_target)
            report.use(place, (name,), f"language.{lora_target}")
            _compare(report, place, name, info, expected[lora_target], OTHER_LANGUAGE)
        elif projection in projections and projection is not None:
            found.add(projection)
            report.use(place, (name,), f"projections.{projection}")
            _compare(report, place, name, info, tuple(projections[projection].shape), OTHER_LANGUAGE)
        else:
            report.leave(place, name, _why_not_in_model(name, sources, report))
    report.missing += [f"language.{name} ({place}{_other_targets(file)})" for name in expected if name not in found]
    report.missing += [f"projections.{name} ({place})" for name in projections if name not in found]


def _peft_file_name(name: str) -> str:
    return name.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.")


def _other_targets(file: TorchFile) -> str:
    """Where LoRA sits in the file, for a message about where it is missing."""
    found = sorted({name.split(".lora_")[0].rpartition(".")[2] for name in file.tensors if names.lora_name(name)})
    return f" has LoRA on {', '.join(found)}: say 'model.lora.targets=[{','.join(found)}]'" if found else " has no LoRA"


def _why_not_in_model(name: str, sources: Sources, report: MatchReport) -> str:
    """The reason for a tensor beside LoRA and projections; frozen ones must be those of the other two files."""
    base, tower = names.base_name(name), names.tower_name(name)
    if base is not None and base in sources.llama.tensors:
        _compare_values(name, sources.llama.load, base, sources, report, "llama")
        return "frozen tensor of the language model, the same in llama="
    if tower is not None and tower in sources.eva.tensors:
        if tower != "pos_embed":  # interpolated there
            _compare_values(name, sources.eva.load, tower, sources, report, "eva")
        return "frozen tensor of the vision tower, the same in eva="
    reason = names.why_unused(name)
    if reason is None and names.lora_name(name):
        reason = None
    if reason is None:
        report.problems.append(
            f"{sources.checkpoint.path}: {name} has no place in the model"
            + (_other_targets(sources.checkpoint) if names.lora_name(name) else "")
        )
    return reason or "unknown"


def _compare_values(
    name: str,
    load: Callable[[Iterable[str]], dict[str, Tensor]],
    other: str,
    sources: Sources,
    report: MatchReport,
    argument: str,
) -> None:
    own = sources.checkpoint.load([name])[name]
    theirs = load([other])[other]
    if own.shape != theirs.shape or not torch.equal(own.to(theirs.dtype), theirs):
        report.problems.append(
            f"{sources.checkpoint.path}: {name} differs from {other} in {argument}=: the base was trained too, or is "
            "another one; give the weights that this checkpoint belongs to"
        )


def _stream_widths(file: TorchFile, vision: VisionSettings) -> dict[str, int]:
    """Widths of the feature streams as the checkpoint has them; the vision streams follow from the tower."""
    widths = {"image": PATCHES_PER_TOKEN * vision.width, "class_token": vision.width}
    for stream in FEATURES:
        info = file.tensors.get(f"{names.PROJECTIONS[stream]}.weight")
        widths[stream] = info.shape[1] if info and len(info.shape) == 2 else 1024
    return widths


def _compare(report: MatchReport, file: str, name: str, info: TensorInfo, expected: tuple[int, ...], fix: str) -> None:
    if info.shape != expected:
        report.problems.append(f"{file}: {name} has shape {info.shape}, the model's is {expected}; {fix}")
