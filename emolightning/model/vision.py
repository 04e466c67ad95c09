"""The vision tower: image -> patch vectors. transformers' `Blip2VisionModel` is EVA-CLIP-g under another name."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import Blip2VisionConfig, Blip2VisionModel

PATCHES_PER_TOKEN = 4
"""Consecutive patches of one image row that become one visual token (upstream's `encode_img`)."""


@dataclass(frozen=True)
class VisionSettings:
    """Sizes of the tower, and where its weights are. The defaults are EVA-CLIP-g as upstream uses it."""

    path: str | None = None
    """A folder with `config.json` and safetensors of a `Blip2VisionModel`; None leaves the weights random."""
    image_size: int = 448
    """Pixels, both ways."""
    patch_size: int = 14
    width: int = 1408
    num_layers: int = 39
    num_heads: int = 16
    mlp_width: int = 6144
    seed: int = 0
    """Of random weights."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"

    @property
    def num_tokens(self) -> int:
        """Visual tokens of one frame: 256 at 448 pixels."""
        patches = (self.image_size // self.patch_size) ** 2
        if self.image_size % self.patch_size or patches % PATCHES_PER_TOKEN:
            raise ValueError(
                f"Expected `image_size` to be a multiple of patch_size {self.patch_size} with a number of patches "
                f"divisible by {PATCHES_PER_TOKEN}, but got {self.image_size}."
            )
        return patches // PATCHES_PER_TOKEN


def missing_vision_files(settings: VisionSettings) -> list[str]:
    """One phrase for each thing that `path` lacks; empty when it can be loaded."""
    if settings.path is None:
        return []
    folder = Path(settings.path)
    if not folder.is_dir():
        return [f"the vision tower's folder {folder} (model.vision.path)"]
    absent = [] if (folder / "config.json").exists() else ["config.json"]
    absent += [] if any(folder.glob("*.safetensors")) else ["*.safetensors"]
    return [f"{name} in {folder}" for name in absent] or _other_sizes(settings, folder / "config.json")


def _other_sizes(settings: VisionSettings, path: Path) -> list[str]:
    """Sizes of the folder that the settings contradict: they would fail only in the first forward pass."""
    config = json.loads(path.read_text(encoding="utf-8"))
    names = {"image_size": "image_size", "patch_size": "patch_size", "width": "hidden_size"}
    return [
        f"a tower with model.vision.{ours}={getattr(settings, ours)} ({path} says {config[theirs]})"
        for ours, theirs in names.items()
        if theirs in config and config[theirs] != getattr(settings, ours)
    ]


class VisionTower(nn.Module):
    """Frozen EVA-CLIP-g; always in eval mode, whatever the rest of the model is in."""

    def __init__(self, settings: VisionSettings):
        super().__init__()
        self.settings = settings
        dtype = getattr(torch, settings.dtype)
        if settings.path is not None:
            self.tower = Blip2VisionModel.from_pretrained(settings.path, dtype=dtype, local_files_only=True)
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(settings.seed)
                self.tower = Blip2VisionModel(_config(settings)).to(dtype)
        _make_identity_affine(self.tower.post_layernorm)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "VisionTower":
        """Stays in eval mode: it is frozen, and dropout or drop path would only add noise."""
        return super().train(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, size, size) -> visual tokens (batch, num_tokens, 4 * width), class token (batch, 1, width)."""
        with torch.no_grad():
            hidden = self.tower(pixel_values=images.to(self.tower.dtype)).last_hidden_state
        return group_patches(hidden[:, 1:]), hidden[:, :1]


def group_patches(patches: Tensor) -> Tensor:
    """(batch, patches, width) -> (batch, patches / 4, 4 * width): 4 consecutive patches of a row, not a 2x2 block."""
    batch, num_patches, width = patches.shape
    return patches.reshape(batch, num_patches // PATCHES_PER_TOKEN, PATCHES_PER_TOKEN * width)


def _config(settings: VisionSettings) -> Blip2VisionConfig:
    return Blip2VisionConfig(
        hidden_size=settings.width,
        intermediate_size=settings.mlp_width,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=settings.num_heads,
        image_size=settings.image_size,
        patch_size=settings.patch_size,
        hidden_act="gelu",
        layer_norm_eps=1e-6,
        initializer_range=1 / settings.width**0.5 if settings.path is None else 0.02,
    )


def _make_identity_affine(norm: nn.LayerNorm) -> None:
    """Upstream's `ln_vision` is a fresh LayerNorm, never trained, saved or loaded: weight 1, bias 0, eps 1e-5."""
    norm.eps = 1e-5
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
