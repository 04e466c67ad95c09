"""Checkpoints of the released AffectGPT and Light-MER: into an adapter folder, and out of one.

Their files hold everything that trained, under names of PEFT 0.13. Files given later replace tensors of earlier ones,
as upstream's `ckpt_2` and `ckpt_3` do. Values are copied one tensor at a time.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import emolightning
from emolightning.errors import InputErrors, UserError
from emolightning.files.digests import sha256_of
from emolightning.files.documents import read_json_object
from emolightning.files.staging import staged
from emolightning.files.writing import written_whole
from emolightning.models.affectgpt.build import build_affectgpt, trained_widths
from emolightning.models.affectgpt.fusion import LAST
from emolightning.models.affectgpt.inputs import INPUTS
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.emotion_llama.upstream.base import open_base
from emolightning.models.emotion_llama.upstream.names import peft_file_name
from emolightning.models.emotion_llama.upstream.report import MatchReport
from emolightning.models.emotion_llama.upstream.values import not_finite
from emolightning.models.emotion_llama.upstream.writing import write_json
from emolightning.models.inspecting import Description
from emolightning.models.parts.adapter import CARD, DESCRIPTION, LORA, LORA_CONFIG
from emolightning.models.parts.card import model_card
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.parameters import PLAIN
from emolightning.models.parts.safetensors_files import read_safetensor, safetensors_infos, write_safetensors
from emolightning.models.parts.torch_files import TorchFile

REPORT, ADAPTER = "import.json", "adapter"
LANGUAGE, OWN_LANGUAGE, PROJECTIONS = "llama_model.", "language.", "projections."
HEAD = "llama_model.base_model.model.lm_head.weight"
OF_TRAINING = "ot_hidden_proj."
WEIGHTS = "projections.safetensors"

KIND = "AffectGPT checkpoint"

FEATURES = {
    "_target_": "emolightning.data.stores.features.FolderFeatures",
    "root": "data/features",
    "face": "clip_affectgpt_faces-FRA",
    "frame": "clip_affectgpt-FRA",
    "speech": "hubert_affectgpt-FRA",
}
"""Where an evaluation of an imported model looks for vectors that it is not told of."""

UNUSED = {
    HEAD: "the base's embeddings again: its head is tied to them",
    OF_TRAINING: "Light-MER's projection of hidden states, which only training uses",
}
"""How names of tensors begin that are not used -> why."""


def own_name(theirs: str) -> str:
    """Upstream's name of a parameter -> that of `AffectGPT.named_parameters()`.

    >>> own_name("affectgpt_proj.weight")
    'projections.affectgpt_proj.weight'
    """
    if theirs.startswith(LANGUAGE):
        return OWN_LANGUAGE + theirs.removeprefix(LANGUAGE)
    return PROJECTIONS + theirs


def upstream_name(part: str, name: str) -> str:
    """A name in a file of an adapter folder -> upstream's.

    >>> upstream_name("language", "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight")
    'llama_model.base_model.model.model.layers.0.mlp.up_proj.lora_A.default.weight'
    """
    if part == "language":
        return LANGUAGE + name.replace(".lora_A.weight", ".lora_A.default.weight").replace(
            ".lora_B.weight", ".lora_B.default.weight"
        )
    return name


def recognised(file: TorchFile) -> Description | None:
    """What an opened `.pth` file is, if it has layers of AffectGPT's fusion."""
    names = {*file.tensors}
    streams = [stream for stream, layer in LAST.items() if f"{layer}.weight" in names]
    if not streams:
        return None
    ranks = sorted({info.shape[0] for name, info in file.tensors.items() if ".lora_A." in name and info.shape})
    return Description(
        KIND,
        {
            "epoch": file.epoch,
            "LoRA rank": ranks[0] if len(ranks) == 1 else ranks,
            "LoRA targets": sorted({name.split(".lora_")[0].rpartition(".")[2] for name in names if ".lora_" in name}),
            "streams": streams,
            "video": _pooling("video", names),
            "audio": _pooling("audio", names),
            "trained with Light-MER's distillation": any(name.startswith(OF_TRAINING) for name in names),
            "optimizer": "optimizer" in file.top_level,
            "tensors": len(names),
        },
    )


def _pooling(kind: str, names: Collection[str]) -> str:
    """How a checkpoint makes tokens of a kind of vectors, as `model.fusion` calls it."""
    if any(name.startswith(f"{kind}_Qformer.") for name in names):
        return "qformer"
    return "attention" if f"{kind}_attention_mlp.weight" in names else "mean"


def import_affectgpt(
    *,
    llama: Path,
    checkpoints: Sequence[Path],
    out: Path,
    language: LanguageSettings,
    lora: LoraSettings,
    fusion: FusionSettings,
    description: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> MatchReport:
    """Convert a checkpoint, in one file or several.

    Args:
        llama: Hugging Face folder of the language model that it belongs to; read in place.
        checkpoints: upstream's `.pth`; later ones replace tensors of earlier ones.
        out: gets `adapter/` and, when that is whole, `import.json`.
        language: how the language model is loaded.
        lora: rank, alpha and targets that the checkpoint was trained with.
        fusion: how it makes tokens of vectors.
        description: more entries for the adapter's `emolightning.json`.
        dry_run: only say what would be done.

    Returns:
        The match report; also written as `import.json`.

    Raises:
        UserError: a file of the wrong kind, or a damaged one; `out` is taken.
        InputErrors: something does not fit; all of it.
    """
    files = [TorchFile(path) for path in checkpoints]
    report, places = MatchReport(), dict[str, TorchFile]()
    for file in files:
        report.sources[str(file.path)] = {"kind": KIND, "tensors": len(file.tensors)}
        for name in file.tensors:
            if name in places:
                report.leave(str(places[name].path), name, f"replaced by {file.path.name}")
            places[name] = file
    _leave_unused(places, report)
    widths = trained_widths({own_name(name): file.tensors[name].shape for name, file in places.items()})
    expected = _expected(llama, language, lora, fusion, widths)
    _match(places, expected, lora, report)
    used = {name: places[name] for name in places if own_name(name) in expected}
    if not report.problems:
        for file in files:
            names = [name for name, place in used.items() if place is file]
            report.problems += not_finite(file.path, file.stream(names))
    refusals = report.refusals(allow_partial=False)
    if refusals:
        raise InputErrors("import-weights", [line.partition("; allow_partial")[0] for line in refusals])
    if dry_run:
        return report
    if any((out / name).exists() for name in (ADAPTER, REPORT)):
        raise UserError(f"out={out}: has {ADAPTER} or {REPORT} already; give another folder, or remove them")
    report.files = {str(path): {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in checkpoints}
    base = {"language": open_base(LanguageSettings(path=str(llama))).fingerprints(sorted(PLAIN))}
    epochs = [file.epoch for file in files if file.epoch is not None]
    content = {
        "inputs": [name for name in INPUTS if name in widths or name == "transcript"],
        "feature_widths": widths,
        "base_fingerprints": base,
        "features": FEATURES,
        **({"epoch": epochs[-1]} if epochs else {}),
        **(description or {}),
    }
    with staged(out, last=REPORT, label=f"out={out}") as stage:
        _write_adapter(used, lora, str(llama), stage / ADAPTER, content)
        write_json(stage / REPORT, report.as_json())
    return report


def _leave_unused(places: dict[str, TorchFile], report: MatchReport) -> None:
    for name in [*places]:
        reason = next((reason for start, reason in UNUSED.items() if name.startswith(start)), None)
        if reason is not None:
            report.leave(str(places.pop(name).path), name, reason)


def _expected(
    llama: Path, language: LanguageSettings, lora: LoraSettings, fusion: FusionSettings, widths: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """Name of each parameter that trains -> its shape, for the language model of a folder."""
    settings = {**vars(language), "path": str(llama)}
    with torch.device("meta"):
        model = build_affectgpt(
            language=LanguageSettings(**settings), lora=lora, fusion=fusion, inputs=[*widths], feature_widths=widths
        )
    return {name: tuple(p.shape) for name, p in model.named_parameters() if p.requires_grad}


def _match(
    places: Mapping[str, TorchFile], expected: Mapping[str, tuple[int, ...]], lora: LoraSettings, report: MatchReport
) -> None:
    ranks = {file.tensors[name].shape[0] for name, file in places.items() if ".lora_A." in name}
    if ranks - {lora.r} and len(ranks) == 1:
        (rank,) = ranks
        report.problems.append(f"its LoRA has rank {rank}, and model.lora.r={lora.r}: say model.lora.r={rank}")
        return
    found = {own_name(name): (name, file) for name, file in places.items()}
    for own, shape in expected.items():
        if own not in found:
            report.missing[own] = "a checkpoint has everything that trains"
            continue
        theirs, file = found[own]
        if tuple(file.tensors[theirs].shape) != shape:
            report.problems.append(
                f"{file.path}: {theirs} has shape {tuple(file.tensors[theirs].shape)}, the model's is {shape}; give "
                "the language model that it was trained with, llama=FOLDER, and the same model.fusion"
            )
        report.use(str(file.path), (theirs,), own)
    for own, (theirs, file) in found.items():
        if own not in expected:
            report.homeless[theirs] = f"{file.path}; model.fusion or model.lora.targets may be others there"


def _write_adapter(
    used: Mapping[str, TorchFile], lora: LoraSettings, base: str, folder: Path, content: Mapping[str, Any]
) -> None:
    """PEFT's files, the layers of fusion, the description and the card."""
    folder.mkdir()
    adapted = {name: peft_file_name(name.removeprefix(LANGUAGE)) for name in used if name.startswith(LANGUAGE)}
    for path, names in ((folder / LORA, adapted), (folder / WEIGHTS, {n: n for n in used if n not in adapted})):
        infos = {own: used[theirs].tensors[theirs] for theirs, own in names.items()}
        write_safetensors(path, infos, _tensors(used, names))
    targets = {name.rpartition(".lora_")[0].rpartition(".")[2] for name in adapted}
    write_json(
        folder / LORA_CONFIG,
        {
            "base_model_name_or_path": base,
            "bias": "none",
            "lora_alpha": lora.alpha,
            "lora_dropout": lora.dropout,
            "peft_type": "LORA",
            "r": lora.r,
            "target_modules": sorted(targets),
            "task_type": "CAUSAL_LM",
        },
    )
    (folder / CARD).write_text(model_card(content), encoding="utf-8")
    write_json(folder / DESCRIPTION, content)


def _tensors(used: Mapping[str, TorchFile], names: Mapping[str, str]) -> Iterator[tuple[str, Tensor]]:
    for file in dict.fromkeys(used.values()):
        for theirs, tensor in file.stream([name for name in names if used[name] is file]):
            yield names[theirs], tensor


def export_affectgpt(folder: Path, out: Path) -> list[str]:
    """Write a `.pth` that the released code loads as its `ckpt_3`.

    Args:
        folder: an adapter folder.
        out: the file.

    Returns:
        What is said about it.

    Raises:
        UserError: `out` is taken, or the folder is no adapter of LoRA.
    """
    if out.exists():
        raise UserError(f"out={out}: is there already; give another name")
    about, lora = read_json_object(folder / DESCRIPTION), read_json_object(folder / LORA_CONFIG)
    files = {"language": folder / LORA, "projections": folder / WEIGHTS}
    state = {}
    for part, path in files.items():
        if not path.is_file():
            raise UserError(f"{path}: is not there; the released code needs LoRA and the layers of fusion")
        for name in safetensors_infos(path):
            state[upstream_name(part, name)] = read_safetensor(path, name)
    rank, alpha = lora.get("r"), lora.get("lora_alpha")
    notes = []
    if alpha != 32:
        notes.append(f"note: lora_alpha is {alpha} here; the released code has 32 written in, and would scale LoRA so")
    epoch = about.get("epoch")
    config = {"exported_by": f"EmoLightning {emolightning.__version__}", "model": {"arch": "affectgpt", "lora_r": rank}}
    with written_whole(out) as temporary, temporary.open("wb") as file:
        content = {"model": state, "optimizer": None, "config": config, "scaler": None, "epoch": epoch}
        torch.save(content, file)
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    return [*notes, f"written: {out}, {len(state)} tensors, {size / 2**20:.1f} MiB"]
