"""The frames of a clip as a model's tensors, without torchvision: what the class's own video processor gives.

transformers' video processors work on torchvision's functions, which are torch's own underneath; these are called here,
so that values are equal to the last bit. Which frames there are has been decided before.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BatchFeature
from transformers.image_utils import (
    IMAGENET_STANDARD_MEAN,
    IMAGENET_STANDARD_STD,
    OPENAI_CLIP_MEAN,
    OPENAI_CLIP_STD,
    PILImageResampling,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize as resize_of_film
from transformers.video_processing_utils import VideoProcessorMixin
from transformers.video_utils import VideoMetadata

Enters = Literal["patches", "frames", "images"]
"""How a video enters: as patches of frames in pairs, as whole frames, or as so many pictures."""

CLIP = {"image_mean": OPENAI_CLIP_MEAN, "image_std": OPENAI_CLIP_STD}
STANDARD = {"image_mean": IMAGENET_STANDARD_MEAN, "image_std": IMAGENET_STANDARD_STD}
PAIRS = {"temporal_patch_size": 2, "merge_size": 2}

MODES = {PILImageResampling.BILINEAR: "bilinear", PILImageResampling.BICUBIC: "bicubic"}

THRESHOLD = 0.1
"""VideoLLaMA3 leaves out what changes less than this from one frame to the next."""


@dataclass(frozen=True)
class Way:
    """How one kind of model takes a video."""

    enters: Enters = "images"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What its video processor has where the folder says nothing."""
    pixels: Literal["frame", "film", "share"] = "frame"
    """What a limit of pixels is for: each frame, all frames as Qwen3-VL counts them, or an equal share for each."""
    compresses: bool = False
    """Whether places that do not change are left out."""


def _square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def _tokens(fewest: int, most: int, side: int) -> dict[str, int]:
    return {"shortest_edge": fewest * side**2, "longest_edge": most * side**2}


QWEN2 = Way("patches", {**CLIP, **PAIRS, "patch_size": 14, "size": _tokens(128, 768, 28)})
QWEN3 = Way("patches", {**STANDARD, **PAIRS, "patch_size": 16, "size": _tokens(128, 768, 32)}, "film")
LLAVA = Way("frames", {**CLIP, "size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": _square(224)})
SQUARE = Way("frames", {**CLIP, "size": _square(384)})

WAYS: Mapping[str, Way] = {
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen2_5_omni_thinker", "qwen3_omni_moe_thinker"), QWEN2),
    **dict.fromkeys(("qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"), QWEN3),
    **dict.fromkeys(("video_llava", "llava_next_video"), LLAVA),
    **dict.fromkeys(("llava_onevision", "internvl"), SQUARE),
    "video_llama_3": Way(
        "patches",
        {**STANDARD, "patch_size": 14, "temporal_patch_size": 1, "merge_size": 2, "size": _tokens(128, 768, 28)},
        "share",
        compresses=True,
    ),
}
"""Kind of model -> how it takes a video; all others are shown pictures."""


class FilmProcessor(VideoProcessorMixin):
    """Stands where a processor has its video processor.

    Args:
        way: of the kind of model.
        settings: what the folder says.
        max_pixels: of a frame at most; None leaves it to the folder.
    """

    resample = PILImageResampling.BICUBIC
    do_resize = do_rescale = do_normalize = True
    do_center_crop = False
    rescale_factor = 1 / 255
    size: dict[str, int]
    crop_size: dict[str, int]
    patch_size: int
    merge_size: int
    temporal_patch_size: int

    def __init__(self, way: Way, settings: Mapping[str, Any], max_pixels: int | None = None):
        super().__init__()
        own = {name: value for name, value in settings.items() if value is not None and not name.startswith("_")}
        for name, value in {**way.defaults, **own}.items():
            setattr(self, name, value)
        self.size = dict(getattr(self, "size", None) or {})
        for old, new in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
            if way.enters == "patches" and old in own:  # As older folders call them.
                self.size[new] = own[old]
        self.way, self.most = way, max_pixels

    def to_dict(self) -> dict[str, Any]:
        """What the tensors depend on."""
        names = ("size", "crop_size", "image_mean", "image_std", "patch_size", "temporal_patch_size", "merge_size")
        switches = ("resample", "do_resize", "do_center_crop", "do_rescale", "do_normalize", "rescale_factor")
        found = {name: getattr(self, name, None) for name in (*names, *switches)}
        return {"enters": self.way.enters, "max_pixels": self.most, **found, "resample": int(self.resample)}

    def __call__(self, videos: Any, video_metadata: Any = None, **kwargs: Any) -> BatchFeature:
        """The tensors of one video.

        Args:
            videos: a list, or a list of lists, of one array: (frames, height, width, 3) uint8.
            video_metadata: what is known of it.
            **kwargs: what processors pass on; of it their own `size` counts, as Omni has one.
        """
        video = videos[0][0] if isinstance(videos[0], list | tuple) else videos[0]
        frames = torch.from_numpy(video).permute(0, 3, 1, 2).contiguous()
        size = dict(kwargs.get("size") or self.size)
        made = self._patches(frames, size) if self.way.enters == "patches" else self._whole(frames, size)
        return BatchFeature({**made, "video_metadata": [VideoMetadata(**dict(each)) for each in video_metadata]})

    def _whole(self, frames: Tensor, size: Mapping[str, int]) -> dict[str, Tensor]:
        """Frames of one size, (1, frames, 3, height, width)."""
        if self.do_resize:
            frames = self.resized(frames, *_size(size, frames.shape[-2], frames.shape[-1]))
        if self.do_center_crop:
            frames = _cropped(frames, self.crop_size["height"], self.crop_size["width"])
        return {"pixel_values_videos": self.normalised(frames)[None]}

    def _patches(self, frames: Tensor, size: Mapping[str, int]) -> dict[str, Tensor]:
        """Rows of patches, their grid, and what of it counts."""
        factor = self.patch_size * self.merge_size
        if self.do_resize:
            number, _, height, width = frames.shape
            frames = self.resized(frames, *self._size_of_patches(size, number, height, width, factor))
        pixels, grid = patchified(
            self.normalised(frames), self.patch_size, merge=self.merge_size, together=self.temporal_patch_size
        )
        made = {"pixel_values_videos": pixels, "video_grid_thw": torch.tensor([grid])}
        if self.way.compresses:
            made["video_merge_sizes"] = torch.tensor([self.merge_size])
            made["video_compression_mask"] = changing(pixels, grid, self.merge_size)
        return made

    def _size_of_patches(
        self, size: Mapping[str, int], number: int, height: int, width: int, factor: int
    ) -> tuple[int, int]:
        fewest, most = size["shortest_edge"], size["longest_edge"]
        if self.way.pixels == "film":
            limit = most if self.most is None else min(most, self.most * number)
            fewest = min(fewest, limit)
            return resize_of_film(number, height, width, self.temporal_patch_size, factor, fewest, limit)
        limit = most // number if self.way.pixels == "share" else most
        limit = limit if self.most is None else min(limit, self.most)
        return smart_resize(height, width, factor, min(fewest, limit), limit)

    def resized(self, frames: Tensor, height: int, width: int) -> Tensor:
        """(frames, 3, height, width) uint8, by torchvision's steps."""
        if frames.shape[-2:] == (height, width):
            return frames
        mode = MODES[PILImageResampling(self.resample)]
        return functional.interpolate(frames, (height, width), mode=mode, align_corners=False, antialias=True)

    def normalised(self, frames: Tensor) -> Tensor:
        """float32; both steps in one, as transformers does it."""
        if not self.do_normalize:
            return frames * self.rescale_factor if self.do_rescale else frames
        mean, deviation = (torch.tensor(getattr(self, name)) for name in ("image_mean", "image_std"))
        if self.do_rescale:
            mean, deviation = mean * (1.0 / self.rescale_factor), deviation * (1.0 / self.rescale_factor)
        return frames.float().sub(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))


def _size(size: Mapping[str, int], height: int, width: int) -> tuple[int, int]:
    """As large as the folder says; by the shorter side with the aspect ratio kept."""
    if "height" in size:
        return size["height"], size["width"]
    side = size["shortest_edge"]
    short, long = sorted((height, width))
    other = int(side * long / short)
    return (side, other) if height <= width else (other, side)


def _cropped(frames: Tensor, height: int, width: int) -> Tensor:
    """The middle, with black around what is smaller."""
    missing = [max(0, height - frames.shape[-2]), max(0, width - frames.shape[-1])]
    top, left = missing[0] // 2, missing[1] // 2
    frames = functional.pad(frames, (left, missing[1] - left, top, missing[0] - top))
    top, left = int((frames.shape[-2] - height) / 2), int((frames.shape[-1] - width) / 2)
    return frames[..., top : top + height, left : left + width]


def patchified(frames: Tensor, patch: int, *, merge: int, together: int) -> tuple[Tensor, list[int]]:
    """Qwen-VL's rows: (time * height * width of the grid, 3 * together * patch * patch), and that grid.

    Args:
        frames: (frames, 3, height, width), sides multiples of patch * merge; the last one is repeated to be enough.
        patch: pixels of a side.
        merge: patches, both ways, that become one token and so lie side by side.
        together: frames that share a patch.
    """
    if lacking := -len(frames) % together:
        frames = torch.cat([frames, frames[-1:].expand(lacking, -1, -1, -1)])
    grid = [len(frames) // together, frames.shape[2] // patch, frames.shape[3] // patch]
    time, height, width = grid
    pieces = frames.view(time, together, 3, height // merge, merge, patch, width // merge, merge, patch)
    return pieces.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(math.prod(grid), -1), grid


def changing(pixels: Tensor, grid: Sequence[int], merge: int) -> Tensor:
    """Which tokens VideoLLaMA3 keeps: those of the first frame, and those that changed since the one before.

    Args:
        pixels: rows of patches.
        grid: time, height and width.
        merge: patches of a token, both ways.

    Returns:
        (tokens,) bool
    """
    time, height, width = grid
    tokens = pixels.view(time, height * width // merge**2, -1)
    changes = (tokens[1:] - tokens[:-1]).abs().mean(dim=-1) * 255
    mask = torch.cat([torch.full_like(tokens[:1, :, 0], THRESHOLD + 1), changes]) > THRESHOLD
    mask[mask.sum(dim=1) < 1, :1] = True  # Each frame keeps one.
    return mask.flatten()
