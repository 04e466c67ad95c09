"""Pictures inside of a page, so that it is one file."""

import base64
import io

import numpy as np
from PIL import Image


def jpeg_uri(pixels: np.ndarray) -> str:
    """(height, width, 3) uint8 as the address of an image."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
