"""Checks of image preprocessing, to the last bit."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parity.comparison import Near, Unchecked
from parity.golden import GoldenFolder
from parity.subject import Subject

from emolightning.data.media.images import resize, to_model_input

ABOUT, TENSORS = "image/preprocess.json", "image/preprocess.npz"
ENTRY = re.compile(r"(?P<picture>[a-z]+)_(?P<size>\d+)")


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `image/preprocess.json` and `image/preprocess.npz`."""
    about: dict[str, Any] = {}
    for name in golden.json(ABOUT) if golden.has(ABOUT) else {}:
        found = ENTRY.fullmatch(name)
        picture = _picture(golden, found["picture"]) if found else None
        if found and picture is not None:
            about[name] = _about(to_model_input(picture, int(found["size"])))
        elif name == "frame_shape_hwc" and (frame := _picture(golden, "frame")) is not None:
            about[name] = list(frame.shape)
        else:
            about[name] = Unchecked("its picture is not there" if found else "says how it was made")
    return {ABOUT: about, TENSORS: _arrays(golden)}


def _arrays(golden: GoldenFolder) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for name in golden.arrays(TENSORS) if golden.has(TENSORS) else {}:
        found = ENTRY.match(name)
        picture = _picture(golden, found["picture"]) if found else None
        if not found or picture is None:
            arrays[name] = Unchecked("its picture is not there")
            continue
        size, kind = int(found["size"]), name[found.end() :]
        if kind == "_resized_uint8_chw":
            arrays[name] = torch.from_numpy(resize(picture, size).transpose(2, 0, 1).copy())
        elif rows := re.fullmatch(r"_tensor(?:_rows_([\d_]+))?", kind):
            values = to_model_input(picture, size)
            chosen = values[:, [int(row) for row in rows[1].split("_")]] if rows[1] else values
            arrays[name] = torch.from_numpy(np.ascontiguousarray(chosen))
    return arrays


def _picture(golden: GoldenFolder, name: str) -> np.ndarray | None:
    """(height, width, 3), of `<name>.png` or else the first `<name>_*.png`."""
    from PIL import Image

    folder: Path = golden.place("image")
    found = sorted([*folder.glob(f"{name}.png"), *folder.glob(f"{name}_*.png")])
    return np.asarray(Image.open(found[0]).convert("RGB")) if found else None


def _about(values: np.ndarray) -> dict[str, Any]:
    middle = values.shape[1] // 2
    tensor = torch.from_numpy(values)
    return {
        "eval_equals_train_processor": Unchecked("upstream has two processors, this project one"),
        "pil_emulation_bit_equal": Unchecked("of the recording"),
        "mean": Near(float(tensor.mean()), 1e-6),
        "std": Near(float(tensor.std()), 1e-6),
        "first_values": values[:, 0, 0].tolist(),
        "centre": values[:, middle, middle].tolist(),
        "sha256_float32": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest(),
    }
