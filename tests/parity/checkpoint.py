"""Checks of a checkpoint's table of contents, and of the full-size model's names and shapes."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from parity.comparison import Each, Same, Unchecked
from parity.golden import GoldenFolder
from parity.loops import optimizer_order
from parity.subject import Subject
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from emolightning.models.emotion_llama.inputs import FEATURES
from emolightning.models.emotion_llama.upstream.names import base_name, to_upstream, tower_name, why_unused
from emolightning.models.parts.lora import LoraSettings, attach_lora
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.torch_files import TorchFile, read_torch
from emolightning.models.parts.vision import PATCHES_PER_TOKEN, VisionSettings, VisionTower
from emolightning.training.optim.groups import decays

KEYS, FULL_SIZE = "checkpoint_keys.json", "keys_fullsize.json"


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `checkpoint_keys.json`: what our reader finds in the checkpoint."""
    path = golden.weights("model", "ckpt")
    file, content = TorchFile(path), read_torch(path)
    order = optimizer_order(file)
    about = {
        "top_level": {name: type(value).__name__ for name, value in content.items()},
        "epoch": file.epoch,
        "scaler": content.get("scaler"),
        "bytes_as_upstream_wrote_it": Unchecked("of a file that is not here"),
        "bytes_here": Unchecked("of an earlier copy"),
        "note": Unchecked("a sentence"),
        "model": Each(
            {name: {"shape": list(info.shape), "dtype": f"torch.{info.dtype}"} for name, info in file.tensors.items()}
        ),
        "optimizer_param_order": order,
        "n_weight_decay": sum(decays(name, _empty(file.tensors[name].shape)) for name in order),
        "config": Same(content.get("config")),
    }
    if isinstance(content.get("optimizer"), Mapping):
        groups = content["optimizer"]["param_groups"]
        about["optimizer_param_groups"] = [
            Same({key: _plain(key, value) for key, value in group.items()}) for group in groups
        ]
        about["optimizer_state_present_for"] = sorted(content["optimizer"]["state"])
    return {KEYS: about}


def _plain(key: str, value: Any) -> Any:
    """An option of the optimizer as JSON has it; of its parameters only how many they are."""
    if key == "params":
        return len(value)
    return list(value) if isinstance(value, tuple) else value


def recompute_full_size(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `keys_fullsize.json`: the published sizes, built without memory."""
    ours = full_size_names()
    recorded = golden.json(FULL_SIZE)["keys"]
    unused = {name for name in recorded if why_unused(name) and name not in ours}
    keys: dict[str, Any] = Each({name: {**entry, "source": _source(name, entry)} for name, entry in ours.items()})
    tiny = TorchFile(golden.weights("model", "ckpt")).tensors
    keys |= {name: _unused(name, list(tiny[name].shape) if name in tiny else None) for name in unused}
    return {FULL_SIZE: {"summary": _summary(keys, recorded, unused), "keys": keys}}


def _unused(name: str, shape: list[int] | None) -> dict[str, Any]:
    """Of a tensor that is saved and not built: the frequencies of a head of 128, or the head that nothing calls.

    Args:
        name: upstream's.
        shape: in the golden checkpoint; that of the head does not depend on the model's size.
    """
    if name.endswith("inv_freq"):
        source = "computed buffer; also saved in the checkpoint"
        return {"shape": [64], "trainable": False, "buffer": True, "in_checkpoint": True, "source": source}
    known = shape or Unchecked("shows in the summary's totals; the checkpoint has no such tensor")
    source = "checkpoint (unused head, random)"
    return {"shape": known, "trainable": True, "buffer": False, "in_checkpoint": True, "source": source}


def full_size_names() -> dict[str, dict[str, Any]]:
    """Upstream's name -> shape and role, of every tensor of the published sizes: Llama-2-7b, EVA-CLIP-g, LoRA 64."""
    vision = VisionSettings()
    with torch.device("meta"):
        llama = LlamaForCausalLM(LlamaConfig(hidden_size=4096, intermediate_size=11008, vocab_size=32000))
        llama.requires_grad_(False)
        parts = nn.ModuleDict({"language": attach_lora(llama, LoraSettings())})
        widths = {"image": PATCHES_PER_TOKEN * vision.width, "class_token": vision.width}
        parts["projections"] = Projections(widths | dict.fromkeys(FEATURES, 1024), llama.config.hidden_size)
        parts["vision"] = VisionTower(vision)
    found: dict[str, dict[str, Any]] = {}
    for name, parameter in parts.named_parameters():
        theirs = to_upstream(name)
        for source in theirs:
            shape = list(parameter.shape)
            shape = [shape[0] // 3] if len(theirs) == 2 else shape  # The biases of queries and values alone.
            trained = parameter.requires_grad
            found[source] = {"shape": shape, "trainable": trained, "buffer": False, "in_checkpoint": trained}
    return found


def _source(name: str, entry: Mapping[str, Any]) -> str:
    if entry["in_checkpoint"]:
        return "checkpoint"
    if name.startswith("ln_vision."):
        return "nowhere: default init (1 / 0)"
    if name == "visual_encoder.pos_embed":
        side = VisionSettings().image_size // VisionSettings().patch_size
        return f"eva_vit_g.pth key 'pos_embed' (bicubic 16x16->{side}x{side})"
    tower, base = tower_name(name), base_name(name)
    return f"eva_vit_g.pth key {tower!r}" if tower else f"HF Llama key {base!r}"


def _summary(keys: Mapping[str, Any], recorded: Mapping[str, Any], unused: set[str]) -> dict[str, Any]:
    """Totals; those of parts that are not built are taken from the record's own shapes."""
    entries = {name: recorded[name] if name in unused else entry for name, entry in keys.items()}
    sizes = {name: torch.Size(entry["shape"]).numel() for name, entry in entries.items() if not entry["buffer"]}
    trained = [name for name in sizes if entries[name]["trainable"]]

    def total(pattern: str) -> int:
        return sum(size for name, size in sizes.items() if re.match(pattern, name))

    with_decay = [name for name in trained if decays(name, _empty(entries[name]["shape"]))]
    return {
        "n_keys": len(entries),
        "n_checkpoint_keys": sum(entry["in_checkpoint"] for entry in entries.values()),
        "params_total": sum(sizes.values()),
        "params_trainable": sum(sizes[name] for name in trained),
        "params_lora": total(r".*\.lora_[AB]\."),
        "params_llama_proj": total(r"llama_proj\."),
        "params_feats_proj_x3": total(r"feats_llama_proj\d\."),
        "params_cls_tk_proj": total(r"cls_tk_llama_proj\."),
        "params_attention_unused": total(r"attention\."),
        "params_visual_encoder": total(r"visual_encoder\."),
        "params_llama_base": total(r"llama_model\.(?!.*\.lora_)"),
        "weight_decay_params": len(with_decay),
        "no_weight_decay_params": len(trained) - len(with_decay),
    }


def _empty(shape: Any) -> nn.Parameter:
    return nn.Parameter(torch.empty(tuple(shape), device="meta"))
