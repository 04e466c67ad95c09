"""Checks of what a folder says of its inputs: sizes against the weights, options against the checkpoint's own."""

import math
import re
from typing import Any

from parity.comparison import AnyOrder, Near, Unchecked
from parity.golden import CONFIG, SAMPLES, GoldenFolder
from parity.subject import Subject

from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.torch_files import TorchFile, read_torch
from emolightning.records.labels import MER9

PLACES = ("llama_model", "ckpt")
EXACT = 1e-12


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `model_config.json`."""
    path = golden.weights("model", "ckpt")
    options = _options(read_torch(path), "model")
    width = TorchFile(golden.weights("eva", "file")).tensors["patch_embed.proj.weight"].shape[0]
    about = {
        "model": {name: _option(name, options) for name in golden.config["model"]},
        "eva": _eva(golden, subject),
        "ln_vision": {"source": Unchecked("a sentence; the values stand in vision.json")},
        "lora": _lora(golden, TorchFile(path), options),
        "cls_tk_llama_proj_in": width,
        "oracle_dtype": Unchecked("a sentence"),
    }
    return {CONFIG: {name: value for name, value in about.items() if name in golden.config}}


def _options(checkpoint: Any, section: str) -> dict[str, Any]:
    """A section of the configuration that upstream saved in the checkpoint; empty where it saved none."""
    config = checkpoint.get("config")
    options = config.get(section) if isinstance(config, dict) else None
    return options if isinstance(options, dict) else {}


def run_options(golden: GoldenFolder) -> dict[str, Any]:
    """Those of training, from the checkpoint."""
    return _options(read_torch(golden.weights("model", "ckpt")), "run")


def _option(name: str, options: dict[str, Any]) -> Any:
    if name in PLACES:
        return Unchecked("an input: where the weights are")
    return options.get(name, Unchecked("an input that the checkpoint's configuration does not name"))


def _eva(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    tensors = TorchFile(golden.weights("eva", "file")).tensors
    width, _, _, patch = tensors["patch_embed.proj.weight"].shape
    hidden = tensors["blocks.0.mlp.fc1.weight"].shape[0]
    side = math.isqrt(tensors["pos_embed"].shape[1] - 1)
    image, tower = subject.samples[0].example.images["image"], subject.model.vision
    assert image is not None
    assert tower is not None
    about = {
        "file": Unchecked("an input: where the weights are"),
        "img_size": image.shape[-1],
        "pretrained_img_size": side * patch,
        "patch_size": patch,
        "embed_dim": width,
        "depth": Unchecked("an input: how many of the blocks are used shows in vision.json"),
        "num_heads": Unchecked("an input: shows in vit_out"),
        # Upstream takes the whole part of width x ratio.
        "mlp_ratio": Near((hidden + 0.5) / width, 0.5 / width, "absolute"),
        "mlp_hidden": hidden,
        "qkv_bias": "blocks.0.attn.q_bias" in tensors,
        "ln_eps": tower.tower.encoder.layers[0].layer_norm1.eps,
    }
    return {name: value for name, value in about.items() if name in golden.config["eva"]}


def _lora(golden: GoldenFolder, checkpoint: TorchFile, options: dict[str, Any]) -> dict[str, Any]:
    found = [re.search(r"\.(\w+)\.lora_A\.", name) for name in checkpoint.tensors]
    rank = next(info.shape[0] for name, info in checkpoint.tensors.items() if ".lora_A." in name)
    settings = golden.config["lora"]
    about = {
        "r": rank,
        "alpha": options.get("lora_alpha", Unchecked("an input that the checkpoint's configuration does not name")),
        "scaling": Near(settings["alpha"] / rank, EXACT, "absolute"),
        "targets": AnyOrder(sorted({match[1] for match in found if match})),
        # Nothing was recorded with it: upstream's fixed value, the default here.
        "dropout": LoraSettings().dropout,
    }
    return {name: value for name, value in about.items() if name in settings}


def recompute_samples(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `samples.json`: the label's number, by the label that ends the answer."""
    return {SAMPLES: [_sample(row) for row in golden.json(SAMPLES)]}


def _sample(row: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {name: Unchecked("an input") for name in row}
    label = row["answer"].split()[-1:]
    if "emotion" in row and label and label[0] in MER9:
        about["emotion"] = MER9.index(label[0])
    return about
