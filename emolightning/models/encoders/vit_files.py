"""Encoders whose published weights are a file of their own: the team's MAE and VideoMAE, and EVA-CLIP-g."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emolightning.errors import InputErrors, UserError
from emolightning.models.encoders.frames import CHUNK, ChunkedFrames, Sees
from emolightning.models.encoders.pixels import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD, squeezed

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_SIZE = 224
EVA_BLOCKS = 40
HINT = "get the file that the recipe names"
FILM, REGIONS = 16, 2
"""Emotion-LLaMA-v2 takes 16 frames, and keeps the mean of each of 2 x 2 regions of a frame."""


class MaeFileEncoder(ChunkedFrames):
    """The class token of an MAE in its own format, one vector a frame (`mae_340`).

    Args:
        weights: the `.pth` file, or a folder with this one `.pth`.
        num_heads: of attention.
        frames: the rule for positions.
        sees: whole frames, or faces.
        device: where to compute.

    Raises:
        UserError: no such file, damaged, or none of tensors only.
        InputErrors: tensors are missing or of other shapes.
    """

    def __init__(
        self,
        *,
        weights: Path | str,
        num_heads: int = 16,
        frames: str = "every",
        sees: Sees = "faces",
        device: str = "cpu",
    ):
        from emolightning.models.parts.plain_vit import PlainVit, side_of

        file = the_file(weights)
        tensors = _tensors(file, left_out=("decoder_", "mask_token", "head."))
        with _named(file):
            side = side_of(tensors)
            self._model = PlainVit(tensors, num_heads=num_heads).to(device)
        size = side * self._model.patch_size[-1]
        super().__init__(
            files=[file],
            frames=frames,
            pixels=squeezed(size, "bilinear"),
            device=device,
            sees=sees,
            chunk=CHUNK,
        )

    def see(self, pixels: "Tensor") -> "Tensor":
        """(frames, 3, size, size) -> (frames, width)."""
        return self._model(pixels)[:, 0]


class VideoMaeFileEncoder(ChunkedFrames):
    """All tokens of a VideoMAE in its own pre-training format, 16 frames at a time (`maeV_399`).

    The norm after the last block is in the file and not applied: the released extraction replaces it by the mean over
    tokens, which is what `utterance` computes.

    Args:
        weights: the `.pth` file, or a folder with this one `.pth`.
        num_heads: of attention.
        frames: the rule for positions.
        window: frames that the model takes.
        sees: whole frames, or faces.
        device: where to compute.

    Raises:
        UserError: no such file, damaged, or none of tensors only; or the rule gives no whole windows.
        InputErrors: tensors are missing or of other shapes.
    """

    def __init__(
        self,
        *,
        weights: Path | str,
        num_heads: int = 16,
        frames: str = "pairs:8",
        window: int = 16,
        sees: Sees = "faces",
        device: str = "cpu",
    ):
        from emolightning.models.parts.plain_vit import PlainVit, tubes_of

        file = the_file(weights)
        tensors = _tensors(file, prefix="encoder.", left_out=("norm.",))
        with _named(file):
            tubes = tubes_of(tensors, window, IMAGE_SIZE)
            self._model = PlainVit(tensors, num_heads=num_heads, num_positions=tubes).to(device)
        super().__init__(
            files=[file],
            frames=frames,
            pixels=squeezed(IMAGE_SIZE, "bilinear"),
            device=device,
            sees=sees,
            chunk=window,
            is_film=True,
        )

    def see(self, pixels: "Tensor") -> "Tensor":
        """(frames, 3, size, size) of a window -> (tubes * patches, width)."""
        return self._model(pixels.transpose(0, 1)[None])[0]


class EvaFileEncoder(ChunkedFrames):
    """EVA-CLIP-g from `eva_vit_g.pth`, as Emotion-LLaMA (448 pixels) or its second version (224 pixels) has it.

    Args:
        weights: the `.pth` file, or a folder with this one `.pth`.
        version: `v1`: 39 of the 40 blocks, a LayerNorm without parameters, all tokens of a frame, class first. `v2`:
            all blocks, the file's own norm, the mean of 2 x 2 regions of a frame, row by row, without the class.
        num_heads: of attention.
        num_blocks: of the tower that `version` is about; None is that of EVA-CLIP-g.
        image_size: pixels, both ways; None is that of the version.
        frames: the rule for positions.
        sees: whole frames, or faces.
        device: where to compute.

    Raises:
        UserError: no such file, damaged, or none of tensors only.
        InputErrors: tensors are missing or of other shapes.
    """

    def __init__(
        self,
        *,
        weights: Path | str,
        version: Literal["v1", "v2"],
        num_heads: int = 16,
        num_blocks: int | None = None,
        image_size: int | None = None,
        frames: str,
        sees: Sees = "frames",
        device: str = "cpu",
    ):
        from torch import nn

        from emolightning.models.parts.plain_vit import PlainVit, with_size

        if version not in ("v1", "v2"):
            raise UserError(f"version={version!r} is none of v1, v2")
        file, is_v1 = the_file(weights), version == "v1"
        size = image_size or (448 if is_v1 else 224)
        blocks = num_blocks or (EVA_BLOCKS - 1 if is_v1 else EVA_BLOCKS)
        tensors = _first_blocks(file, _tensors(file, left_out=("head.", *(["norm."] if is_v1 else []))), blocks)
        if not is_v1 and "norm.weight" not in tensors:
            raise InputErrors(str(file), ["norm.weight is missing, which version=v2 applies; get the whole file"])
        with _named(file):
            self._model = PlainVit(with_size(tensors, size), num_heads=num_heads).to(device)
        if is_v1:
            self._model.norm = nn.LayerNorm(self._model.width, eps=1e-5, device=device).requires_grad_(False)
        self._is_v1 = is_v1
        super().__init__(
            files=[file],
            frames=frames,
            pixels=squeezed(size, "bicubic", CLIP_MEAN, CLIP_STD)
            if is_v1
            else squeezed(size, "bilinear", IMAGENET_MEAN, IMAGENET_STD),
            device=device,
            sees=sees,
            chunk=CHUNK if is_v1 else FILM,
            is_film=not is_v1,
        )

    def see(self, pixels: "Tensor") -> "Tensor":
        """(frames, 3, size, size) -> (frames * tokens, width)."""
        tokens = self._model(pixels)
        if self._is_v1:
            return tokens.flatten(0, 1)
        side = round((tokens.shape[1] - 1) ** 0.5)
        return regions(tokens[:, 1:].unflatten(1, (side, side)))


def regions(patches: "Tensor") -> "Tensor":
    """(frames, rows, columns, width) -> (16 * 4, width): the means of 2 x 2 regions, which may overlap."""
    from torch.nn import functional

    means = functional.adaptive_avg_pool3d(patches.permute(3, 0, 1, 2), (FILM, REGIONS, REGIONS))
    return means.flatten(1).transpose(0, 1)


def the_file(weights: Path | str) -> Path:
    """The `.pth` file that a path is, or that is alone in a folder.

    Raises:
        UserError: there is none, or there are several.
    """
    path = Path(weights)
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.pth"))
    if len(found) != 1:
        names = ", ".join(ascii(file.name)[1:-1] for file in found[:5]) or "none"
        raise UserError(f"{path}: holds {len(found)} files *.pth ({names}) and one is needed; give the file itself")
    return found[0]


def _tensors(file: Path, *, prefix: str = "", left_out: Collection[str] = ()) -> "dict[str, Tensor]":
    """The tensors below a prefix, without it, except for those that begin like one of `left_out`."""
    from emolightning.models.parts.torch_files import TorchFile

    content = TorchFile(file)
    names = [name for name in content.tensors if name.startswith(prefix)]
    if not names:
        raise InputErrors(str(file), [f"holds no tensor called {prefix}*; {HINT}"])
    tensors = {name.removeprefix(prefix): tensor for name, tensor in content.load(names).items()}
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(tuple(left_out))}


def _first_blocks(file: Path, tensors: "Mapping[str, Tensor]", count: int) -> "dict[str, Tensor]":
    if f"blocks.{count - 1}.norm1.weight" not in tensors:
        raise InputErrors(str(file), [f"blocks.{count - 1} is missing; {count} blocks are needed"])
    beyond = {name for name in tensors if (found := re.match(r"blocks\.(\d+)\.", name)) and int(found[1]) >= count}
    return {name: tensor for name, tensor in tensors.items() if name not in beyond}


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Problems of tensors name their file."""
    try:
        yield
    except InputErrors as error:
        raise InputErrors(str(file), [*error.problems[:-1], f"{error.problems[-1]}; {HINT}"]) from error
