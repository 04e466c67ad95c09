"""The vision transformer of MAE, VideoMAE and EVA-CLIP, whose published files all have timm's names of tensors.

Sizes are read from the tensors. What a file has more (decoders, heads) is left out by whoever knows the file.
"""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.errors import InputErrors
from emolightning.models.parts.vision import interpolate_positions

PATCH, CLASS, POSITIONS, NORM = "patch_embed.proj.weight", "cls_token", "pos_embed", "norm.weight"
SUBJECT, SHOWN = "vision transformer", 5


class PlainVit(nn.Module):
    """Pre-norm blocks with GELU, after patches of a picture or tubes of a film.

    Args:
        tensors: of the file, by timm's names.
        num_heads: of attention; no tensor says it.
        num_positions: patches or tubes, where the file has no positions: they are sines then.
        eps: of the LayerNorms.

    Raises:
        InputErrors: tensors are missing, left over or of other shapes.
    """

    def __init__(self, tensors: Mapping[str, Tensor], *, num_heads: int, num_positions: int = 0, eps: float = 1e-6):
        super().__init__()
        state = _with_whole_bias(tensors)
        width, channels, *size = shape_of(state, PATCH)
        mlp_width = shape_of(state, "blocks.0.mlp.fc1.weight")[0]
        if width % num_heads:
            raise InputErrors(SUBJECT, [f"{num_heads} heads do not divide its width {width}"])
        with torch.device("meta"):
            convolution: Any = nn.Conv2d if len(size) == 2 else nn.Conv3d
            self.patch_embed = nn.ModuleDict({"proj": convolution(channels, width, tuple(size), stride=tuple(size))})
            self.cls_token = nn.Parameter(torch.empty(1, 1, width)) if CLASS in state else None
            if POSITIONS in state:
                self.pos_embed = nn.Parameter(torch.empty(1, shape_of(state, POSITIONS)[1], width))
            self.blocks = nn.ModuleList(Block(width, mlp_width, num_heads, eps) for _ in range(_depth(state)))
            self.norm = nn.LayerNorm(width, eps) if NORM in state else nn.Identity()
        _require_fitting(self, state)
        self.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
        if POSITIONS not in state:
            self.register_buffer("pos_embed", sine_positions(num_positions, width), persistent=False)
        self.width, self.patch_size = width, tuple(size)
        self.requires_grad_(False).eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """(batch, 3, height, width) or (batch, 3, frames, height, width) -> (batch, tokens, width), class first."""
        tokens = self.patch_embed["proj"](pixels).flatten(2).transpose(1, 2)
        if self.cls_token is not None:
            tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens = tokens + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class Block(nn.Module):
    """Attention and MLP, each after a LayerNorm and added to what came in."""

    def __init__(self, width: int, mlp_width: int, num_heads: int, eps: float):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, mlp_width), "fc2": nn.Linear(mlp_width, width)})
        self.num_heads = num_heads

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) -> the same."""
        qkv = self.attn["qkv"](self.norm1(tokens)).unflatten(2, (3, self.num_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.attn["proj"](seen.transpose(1, 2).flatten(2))
        return tokens + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.norm2(tokens))))


def sine_positions(count: int, width: int) -> Tensor:
    """VideoMAE's fixed positions, (1, count, width): computed in double precision, as its code does."""
    places = np.arange(count)[:, None] / np.power(10000, 2 * (np.arange(width) // 2) / width)[None]
    places[:, 0::2], places[:, 1::2] = np.sin(places[:, 0::2]), np.cos(places[:, 1::2])
    return torch.from_numpy(places.astype(np.float32))[None]


def _with_whole_bias(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """VideoMAE and EVA have no bias for the keys: zeros go between the other two."""
    state = dict(tensors)
    for name in [name for name in state if name.endswith("attn.q_bias")]:
        prefix = name.removesuffix("q_bias")
        query = state.pop(name)
        if f"{prefix}v_bias" not in state:
            raise InputErrors(SUBJECT, [f"1 tensor(s) missing: {prefix}v_bias"])
        value = state.pop(f"{prefix}v_bias")
        state[f"{prefix}qkv.bias"] = torch.cat([query, torch.zeros_like(query), value])
    return state


def _depth(state: Mapping[str, Tensor]) -> int:
    """Number of blocks; a file that skips some is refused, so that a name alone builds no model of any size."""
    found = {int(match[1]) for name in state if (match := re.match(r"blocks\.(\d{1,6})\.", name))}
    if found != set(range(len(found))):
        raise InputErrors(SUBJECT, [f"of {max(found) + 1} blocks only {len(found)} are there"])
    return len(found)


def shape_of(state: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    """The shape of a tensor that every file has.

    Raises:
        InputErrors: it is missing, or cannot be what its name says.
    """
    if name not in state:
        raise InputErrors(SUBJECT, [f"1 tensor(s) missing: {name}"])
    shape, allowed = tuple(state[name].shape), {PATCH: (4, 5), POSITIONS: (3,)}.get(name, (2,))
    if len(shape) not in allowed or 0 in shape or (name == PATCH and shape[1] != 3):
        raise InputErrors(SUBJECT, [f"1 tensor(s) of another shape: {name} {shape}"])
    return shape


def side_of(state: Mapping[str, Tensor]) -> int:
    """Patches along a side of the square picture that the positions are for, besides that of the class token.

    Raises:
        InputErrors: their number is no square.
    """
    count = shape_of(state, POSITIONS)[1] - 1
    side = round(max(count, 0) ** 0.5)
    if side < 1 or side * side != count or len(shape_of(state, PATCH)) != 4:
        raise InputErrors(SUBJECT, [f"{POSITIONS} has {count} positions besides the class token's, which is no square"])
    return side


def with_size(state: Mapping[str, Tensor], image_size: int) -> dict[str, Tensor]:
    """The same tensors with positions for pictures of another size.

    Raises:
        InputErrors: the size is no multiple of the patches'.
    """
    side_of(state)
    patch = shape_of(state, PATCH)[-1]
    if image_size < patch or image_size % patch:
        raise InputErrors(SUBJECT, [f"image_size {image_size} is no multiple of its patches' {patch} pixels"])
    return {**state, POSITIONS: interpolate_positions(state[POSITIONS], image_size // patch)}


def tubes_of(state: Mapping[str, Tensor], num_frames: int, image_size: int) -> int:
    """Tubes of a film.

    Raises:
        InputErrors: the file is about pictures, or its tubes do not fill the film.
    """
    size = shape_of(state, PATCH)[2:]
    whole = (num_frames, image_size, image_size)
    if len(size) != 3 or any(length % part for length, part in zip(whole, size, strict=True)):
        raise InputErrors(SUBJECT, [f"{PATCH} is for tubes of {size}, which do not fill films of {whole}"])
    return math.prod(length // part for length, part in zip(whole, size, strict=True))


def _require_fitting(model: PlainVit, state: Mapping[str, Tensor]) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    lists = {
        "missing": expected.keys() - state.keys(),
        "not of this model": state.keys() - expected.keys(),
        "of another shape": {name for name in expected.keys() & state if tuple(state[name].shape) != expected[name]},
    }
    problems = [f"{len(names)} tensor(s) {what}: {_shown(names)}" for what, names in lists.items() if names]
    if problems:
        raise InputErrors(SUBJECT, problems)


def _shown(names: Collection[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
