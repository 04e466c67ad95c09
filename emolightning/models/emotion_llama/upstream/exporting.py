"""Trained weights -> a `.pth` that the released Emotion-LLaMA loads as its `ckpt`.

It holds LoRA, the projections and the rotary frequencies, under upstream's names. What upstream saves beside them is
left out: the optimizer, without which it cannot resume, and the Attention head that nothing calls (it loads with
`strict=False`, and the head stays as it was made).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

import emolightning
from emolightning.errors import InputErrors, UserError
from emolightning.files.writing import written_whole
from emolightning.models.emotion_llama.upstream import names
from emolightning.models.emotion_llama.upstream.base import language_on_meta
from emolightning.models.emotion_llama.upstream.format import Format
from emolightning.models.emotion_llama.upstream.trained import Trained

TARGETS = ("q_proj", "v_proj")
"""Upstream has LoRA on these; its settings cannot change that."""


def export_upstream(
    trained: Trained, out: Path, *, llama: Path | None = None, allow_partial: bool = False
) -> list[str]:
    """Write the file.

    Args:
        trained: what to write.
        out: the file, e.g. `emotion_llama.pth`.
        llama: where the language model lies now; None is where it lay in training. It may be absent.
        allow_partial: write although upstream's model has parameters that were not trained here.

    Returns:
        What is said about it.

    Raises:
        UserError: `out` is taken.
        InputErrors: upstream's model has no place for something, or needs more; all of it.
    """
    if out.exists():
        raise UserError(f"out={out}: is there already; give another name")
    if llama and not llama.is_dir():
        raise UserError(f"llama={llama}: no such folder; give the Hugging Face folder of the language model")
    path = llama or trained.settings("language").get("path")
    config = language_on_meta(Path(path)).config if path and Path(path).is_dir() else None
    alpha, notes = _upstream_alpha(trained)
    problems = [*_no_place(trained, config), *([] if alpha else [_no_alpha(trained)])]
    format = trained.format
    gaps = _gaps(trained, config, format)
    if problems or (gaps and not allow_partial):
        hint = "; allow_partial=true writes what there is, and upstream then draws the rest anew"
        raise InputErrors("export-weights", [*problems, *(gap + hint for gap in gaps)])
    state = _state(trained, config, format)
    notes += [f"note: {gap}" for gap in gaps] + _odd_widths(trained, format)
    notes += (
        []
        if config or not format.has_frequencies
        else ["note: the language model is not there, so no rotary frequencies; upstream computes them"]
    )
    content = {"model": state, "config": _config(trained, alpha, format), "scaler": None, "epoch": trained.epoch}
    _save(content, out)
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    return [*notes, f"written: {out}, {len(state)} tensors, {size / 2**20:.1f} MiB"]


def _upstream_alpha(trained: Trained) -> tuple[int | None, list[str]]:
    """Upstream divides alpha by r: rank-stabilised LoRA needs another alpha; None where it is no whole number."""
    alpha = trained.lora.factor * trained.lora.r
    if abs(alpha - round(alpha)) > 1e-9 * alpha:
        return None, []
    note = f"note: rsLoRA of alpha {trained.lora.alpha:g} is LoRA of lora_alpha {round(alpha)} in upstream's settings"
    return round(alpha), [note] if trained.lora.use_rslora else []


def _no_alpha(trained: Trained) -> str:
    return (
        f"{trained.place}: rsLoRA of alpha {trained.lora.alpha:g} and rank {trained.lora.r} scales by what no whole "
        "lora_alpha of upstream gives; use format=merged"
    )


def _no_place(trained: Trained, config: Any) -> list[str]:
    """What upstream's model cannot hold: it would load the file and leave that out without a word."""
    problems = []
    if config is not None and config.model_type != "llama":
        problems.append(f"the language model is a {config.model_type}; upstream loads Llama only: use format=merged")
    if trained.how("vision") != "frozen":
        problems.append(
            "the vision tower was trained; upstream reads its own from eva_vit_g.pth: use the adapter folder"
        )
    if trained.how("language") == "full":
        problems.append("all of the language model was trained; upstream's file has LoRA only: use format=merged")
    if trained.lora.use_dora:
        problems.append("upstream has no DoRA; use format=merged")
    layers = {part[0].rpartition(".")[2] for name in trained.parts["language"] if (part := names.lora_part(name))}
    others = sorted(layers - set(TARGETS))
    if others:
        problems.append(
            f"upstream has LoRA on {' and '.join(TARGETS)} only, not on {', '.join(others)}: use format=merged"
        )
    return problems


def _gaps(trained: Trained, config: Any, format: Format) -> list[str]:
    """What upstream's model has and was not trained here: there it would be random."""
    own = {f"{part}.{name}" for part, tensors in trained.parts.items() for name in tensors}
    absent = [start for start in format.layers if not any(name.startswith(f"{start}.") for name in own)]
    absent = [start.removeprefix(names.OWN_PROJECTIONS) for start in absent]
    gaps = [f"no projection of {', '.join(absent)}: upstream always sees all inputs"] if absent else []
    if trained.how("language") == "frozen":
        return [*gaps, "no LoRA: the language model was frozen"]
    found = {part for name in trained.parts["language"] if (part := names.lora_part(name))}
    numbers = {int(number) for layer, _ in found for number in re.findall(r"layers\.(\d+)\.", layer)}
    layers = config.num_hidden_layers if config is not None else max(numbers, default=-1) + 1
    wanted = {f"model.layers.{number}.self_attn.{target}" for number in range(layers) for target in TARGETS}
    missing = sorted(wanted - {layer for layer, _ in found})
    return gaps + ([f"no LoRA on {len(missing)} layers, e.g. {missing[0]}"] if missing else [])


def _odd_widths(trained: Trained, format: Format) -> list[str]:
    """Upstream's code has its widths written in; it would refuse others when it loads the file."""
    found = {stream: trained.parts["projections"].get(f"{stream}.weight") for stream in format.widths}
    widths = {stream: stored.info.shape[1] for stream, stored in found.items() if stored}
    odd = [
        f"{stream} {width}, not {format.widths[stream]}"
        for stream, width in widths.items()
        if width != format.widths[stream]
    ]
    return [f"note: vectors of other widths than the released code has written in: {'; '.join(odd)}"] if odd else []


def _state(trained: Trained, config: Any, format: Format) -> dict[str, Tensor]:
    state = {}
    for part in ("language", *format.parts):
        for name, stored in trained.parts[part].items():
            (theirs,) = format.upstream(f"{part}.{name}")
            state[theirs] = stored.load().clone()  # Mapped ones would be saved together with the whole file.
    if config is not None and format.has_frequencies:
        frequencies = LlamaRotaryEmbedding(config).inv_freq
        for layer in range(config.num_hidden_layers):
            prefix = f"{names.LANGUAGE_PREFIX}base_model.model.model.layers.{layer}.self_attn."
            state[f"{prefix}rotary_emb.inv_freq"] = frequencies.clone()
    return state


def _config(trained: Trained, alpha: int | None, format: Format) -> dict[str, Any]:
    """Upstream's own names; what it reads comes from its own file of settings, so these are for people."""
    model = {
        "arch": format.arch,
        "image_size": trained.settings("vision").get("image_size"),
        **({"lora_r": trained.lora.r, "lora_alpha": alpha} if trained.how("language") == "lora" else {}),
        "end_sym": "</s>",
        "chat_template": True,
    }
    return {"exported_by": f"EmoLightning {emolightning.__version__}", "model": model}


def _save(content: Mapping[str, Any], out: Path) -> None:
    """Whole or not there."""
    with written_whole(out) as temporary, temporary.open("wb") as file:
        torch.save(dict(content), file)
