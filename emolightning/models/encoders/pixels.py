"""Frame -> what an encoder of images takes, equal to the last bit to what published features were made with."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from emolightning.errors import UserError

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

PROCESSOR = "preprocessor_config.json"
LARGEST_SIDE = 2048
"""Pixels of a side that a folder may ask for."""
SMALLEST_SHARE = 0.2
"""Share of a resized frame that a folder may cut out: the frame is made so much larger before."""

Pixels = Callable[[np.ndarray], np.ndarray]
"""uint8 (height, width, 3) -> float32 (3, height, width)."""
Resize = Callable[[np.ndarray, int], np.ndarray]
"""A frame and a size -> uint8 (size, size, 3)."""


def squeezed(
    size: int,
    resample: Literal["bilinear", "bicubic"],
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Pixels:
    """Torchvision's `Resize((size, size))` on PIL images, `ToTensor` and, where there is a mean, `Normalize`."""
    values = np.tile(np.arange(256, dtype=np.float32) / np.float32(255), (3, 1))
    if mean is not None and std is not None:
        means, stds = (np.array(numbers, dtype=np.float32)[:, None] for numbers in (mean, std))
        values = (values - means) / stds
    kind = Image.Resampling[resample.upper()]

    def pixels(frame: np.ndarray) -> np.ndarray:
        small = np.asarray(Image.fromarray(frame).resize((size, size), kind))
        return np.stack([values[channel][small[..., channel]] for channel in range(3)])

    return pixels


def of_folder(folder: Path) -> Pixels:
    """The image processor of a Hugging Face folder, in its variant on PIL, whatever else is installed.

    Raises:
        UserError: the folder has none that transformers can build, or it asks for an absurd size.
    """
    processor = _processor(folder)

    def pixels(frame: np.ndarray) -> np.ndarray:
        # The layout is said: of 3 rows of pixels it would be guessed.
        found = processor(images=[frame], input_data_format="channels_last", return_tensors="np")["pixel_values"]
        array = np.asarray(found, dtype=np.float32)
        return array.reshape(array.shape[-3:])

    _require_sensible(folder, processor)
    return pixels


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    from emolightning.models.parts.pretrained import broken_json, first_line

    if not (folder / PROCESSOR).is_file():
        raise UserError(f"{folder}: holds no {PROCESSOR}, which says how frames become pixels; copy it there")
    try:
        return AutoImageProcessor.from_pretrained(
            str(folder), backend="pil", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # Whatever a wrong file makes of transformers' many classes.
        raise UserError(
            f"{folder}: {broken_json(folder, (PROCESSOR,))}{PROCESSOR} describes no image processor that transformers "
            f"can build ({first_line(error)}); get the model's own file"
        ) from error


def _require_sensible(folder: Path, processor: Any) -> None:
    """Refuse what would fill the memory with the first frame."""
    for name in ("size", "crop_size", "pad_size"):
        sides = getattr(processor, name, None) or {}
        for key, value in dict(sides).items():
            if value is not None and not (isinstance(value, int) and 1 <= value <= LARGEST_SIDE):
                said = ascii(value)[:40]
                raise UserError(f"{folder}: {PROCESSOR} says {name}.{key}={said}; it must be 1 to {LARGEST_SIDE}")
    share = getattr(processor, "crop_pct", None)
    if share is not None and not (isinstance(share, int | float) and SMALLEST_SHARE <= share <= 1):
        said = ascii(share)[:40]
        raise UserError(f"{folder}: {PROCESSOR} says crop_pct={said}; it must be {SMALLEST_SHARE} to 1")


def pil_bicubic(frame: np.ndarray, size: int) -> np.ndarray:
    """PIL's `resize` to (size, size)."""
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC))


def opencv_resized(frame: np.ndarray, size: int) -> np.ndarray:
    """OpenCV's `resize` of bytes to (size, size) with INTER_LINEAR, in its whole numbers.

    OpenCV has weights of 11 bits, and drops 4 bits of the first pass before the second.
    """
    height, width = frame.shape[:2]
    if (height, width) == (size, size):
        return frame
    if (height, width) == (2 * size, 2 * size):  # OpenCV takes the mean of each block here.
        blocks = frame.astype(np.int32).reshape(size, 2, size, 2, 3)
        return ((blocks.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)
    left, right, alpha = _taps(width, size, clamps=True)
    upper, lower, beta = _taps(height, size, clamps=False)
    rows = frame.astype(np.int32)
    across = rows[:, left] * (2048 - alpha)[None, :, None] + rows[:, right] * alpha[None, :, None] >> 4
    first, second = across[upper] * (2048 - beta)[:, None, None], across[lower] * beta[:, None, None]
    return (((first >> 16) + (second >> 16) + 2) >> 2).astype(np.uint8)


def _taps(length: int, size: int, *, clamps: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two positions for each pixel of the result, and the weight of the second in 1/2048."""
    places = ((np.arange(size) + 0.5) * (length / size) - 0.5).astype(np.float32)
    starts = np.floor(places).astype(np.int64)
    parts = places - starts.astype(np.float32)
    if clamps:  # Along rows OpenCV takes the border alone; along columns it takes it twice, with both weights.
        parts = np.where((starts < 0) | (starts >= length - 1), np.float32(0), parts)
    weights = np.rint(parts * np.float32(2048)).astype(np.int32)
    return starts.clip(0, length - 1), (starts + 1).clip(0, length - 1), weights
