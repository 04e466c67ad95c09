"""Runs to ask about new clips, without training: an adapter folder whose answers are random, and clips."""

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from media_factory import make_media
from omegaconf import OmegaConf

from emolightning.config.families import family_of
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.stores.features import describe_clip
from emolightning.models.family import Sees
from emolightning.models.parts.adapter import save_adapter
from emolightning.records.clips import Clip
from emolightning.records.labels import MER6

NAMES = ("face", "motion", "speech")


def make_clips(folder: Path, number: int = 3) -> list[Path]:
    """Short clips that differ in their sound."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        make_media(folder / f"clip{n}.mp4", seconds=0.4, loudness=(0.1 + 0.2 * (n % 4),) * 2, size=(64 + 2 * n, 64))
        for n in range(number)
    ]


def make_run(folder: Path, clip: Path, *, widths: dict[str, int] | None = None) -> Path:
    """The adapter folder of a tiny model for features=signal, or for vectors of other widths."""
    if widths is None:
        widths = {name: array.shape[1] for name, array in describe_clip(Clip("clip", clip), NAMES).arrays.items()}
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train")
    config = OmegaConf.to_container(cfg, resolve=True)
    inputs = ["image", *widths, "transcript"]
    torch.manual_seed(0)
    model = family_of(cfg.model).build(config["model"], sees=Sees(inputs, widths, MER6))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    description = {name: config[name] for name in ("model", "features", "prompt")}
    about = {"inputs": inputs, "labels": list(MER6), "offered": list(MER6), "frame": "middle", "feature_widths": widths}
    save_adapter(model, folder, {**description, **about})
    return folder
