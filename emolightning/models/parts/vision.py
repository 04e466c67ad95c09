"""The vision tower: image -> patch vectors. transformers' `Blip2VisionModel` is EVA-CLIP-g under another name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Blip2VisionConfig, Blip2VisionModel

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.models.parts.safetensors_files import read_safetensor, safetensors_infos

PATCHES_PER_TOKEN = 4
"""Consecutive patches of one image row that become one visual token (upstream's `encode_img`)."""

POSITIONS = "embeddings.position_embedding"


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
    """Seed of random weights."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of the weights; those that train in full need float32."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    """torch's fused attention, or written out, as upstream's."""

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

    @property
    def numbers_per_frame(self) -> int:
        """Numbers of what the tower makes of a frame, patches and class token: 1.4 million at 448 pixels."""
        return ((self.image_size // self.patch_size) ** 2 + 1) * self.width


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
    """Sizes of the folder that the settings contradict. The image size may differ: positions are interpolated."""
    config = read_json_object(path)
    names = {
        "patch_size": "patch_size",
        "width": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "mlp_width": "intermediate_size",
    }
    return [
        f"a tower with model.vision.{ours}={getattr(settings, ours)} ({path} says {config[theirs]})"
        for ours, theirs in names.items()
        if theirs in config and config[theirs] != getattr(settings, ours)
    ]


class VisionTower(nn.Module):
    """EVA-CLIP-g. While it is frozen it stays in eval mode, whatever the rest of the model is in."""

    def __init__(self, settings: VisionSettings):
        super().__init__()
        self.settings = settings
        dtype = getattr(torch, settings.dtype)
        if settings.path is not None:
            self.tower = _load_tower(settings, Path(settings.path))
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(settings.seed)
                self.tower = Blip2VisionModel(_config(settings)).to(dtype)
        _make_identity_affine(self.tower.post_layernorm)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "VisionTower":
        """A frozen tower stays in eval mode: dropout would only add noise."""
        return super().train(mode and self.is_trained)

    @property
    def is_trained(self) -> bool:
        """Whether any of its parameters learns."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, size, size) -> visual tokens (batch, num_tokens, 4 * width), class token (batch, 1, width)."""
        with torch.set_grad_enabled(self.is_trained and torch.is_grad_enabled()):
            hidden = self.tower(pixel_values=images.to(self.tower.dtype)).last_hidden_state
        return group_patches(hidden[:, 1:]), hidden[:, :1]


def group_patches(patches: Tensor) -> Tensor:
    """(batch, patches, width) -> (batch, patches / 4, 4 * width): 4 consecutive patches of a row, not a 2x2 block."""
    batch, num_patches, width = patches.shape
    return patches.reshape(batch, num_patches // PATCHES_PER_TOKEN, PATCHES_PER_TOKEN * width)


def _load_tower(settings: VisionSettings, folder: Path) -> Blip2VisionModel:
    """A saved tower, its positions interpolated to the image size of the settings, as upstream does.

    Raises:
        UserError: tensors are missing, left over or of other shapes.
    """
    state: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        state |= {name: read_safetensor(file, name) for name in safetensors_infos(file)}
    positions = state.get(POSITIONS)
    if positions is not None and positions.ndim == 3:
        state[POSITIONS] = interpolate_positions(positions, settings.image_size // settings.patch_size)
    dtype = getattr(torch, settings.dtype)
    with torch.device("meta"):
        tower = Blip2VisionModel(_config(settings))
    try:
        tower.load_state_dict({name: tensor.to(dtype) for name, tensor in state.items()}, assign=True)
    except RuntimeError as error:
        raise UserError(f"{folder}: does not hold the tower of model.vision: {error}") from error
    return tower


def interpolate_positions(positions: Tensor, side: int) -> Tensor:
    """(1, 1 + n * n, width) -> (1, 1 + side * side, width), bicubic in float32; the class token's stays as it is.

    Source: `interpolate_pos_embed` of the released code, without antialiasing.
    """
    if positions.shape[1] == 1 + side * side:
        return positions
    own = round((positions.shape[1] - 1) ** 0.5)
    grid = positions[:, 1:].float().reshape(1, own, own, -1).permute(0, 3, 1, 2)
    resized = functional.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1].float(), resized.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


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
        attn_implementation=settings.attention,
        initializer_range=1 / settings.width**0.5 if settings.path is None else 0.02,
    )


def _make_identity_affine(norm: nn.LayerNorm) -> None:
    """Upstream's `ln_vision` is a fresh LayerNorm, never trained, saved or loaded: weight 1, bias 0, eps 1e-5."""
    norm.eps = 1e-5
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
