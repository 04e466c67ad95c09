"""Pictures inside of a page, so that it is one file."""

import base64
import io

import numpy as np
from PIL import Image

THUMBNAIL_PX = 112


def jpeg(pixels: np.ndarray) -> bytes:
    """(height, width, 3) uint8 as the content of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def jpeg_uri(pixels: np.ndarray) -> str:
    """(height, width, 3) uint8 as the address of an image."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(pixels)).decode()


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8, shrunk to the size of a card."""
    image = Image.fromarray(frame)
    image.thumbnail((THUMBNAIL_PX * 2, THUMBNAIL_PX))
    return np.asarray(image)
