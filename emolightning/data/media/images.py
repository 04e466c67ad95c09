"""Frame -> what the vision tower sees, equal to the last bit to the preprocessing the published weights were made with.

That is torchvision 0.15.2's `Resize((size, size), BICUBIC)`, `ToTensor`, `Normalize`, which works on PIL images and
ignores the aspect ratio. In two steps, because the resized bytes are what is worth caching: a quarter of the floats.
"""

import numpy as np
from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def _normalised_values() -> np.ndarray:
    """(3, 256) float32: channel, byte -> value. Float32 throughout, in torchvision's order of operations."""
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    mean, std = (np.array(numbers, dtype=np.float32)[:, None] for numbers in (CLIP_MEAN, CLIP_STD))
    return (values[None] - mean) / std


_VALUES = _normalised_values()


def to_model_input(frame: np.ndarray, size: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB -> (3, size, size) float32."""
    return normalise(resize(frame, size))


def resize(frame: np.ndarray, size: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB -> (size, size, 3) uint8, squeezed to a square without cropping."""
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC))


def normalise(pixels: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8 RGB -> (3, height, width) float32 with CLIP's mean and standard deviation."""
    return np.stack([_VALUES[channel][pixels[..., channel]] for channel in range(3)])
