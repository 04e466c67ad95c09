"""What the recorded vectors of frames were made from: faces, films, weights and the recipe of each folder."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
from hydra.utils import get_class
from parity.recorded_features import STEPS, off

from emolightning.data.media.openface import find_faces
from emolightning.data.media.squeezing import squeezed_by_decoder
from emolightning.models.encoders.encoder import utterance
from emolightning.models.encoders.recipes import read_recipe

MERBENCH = {"clip": "clip_merbench", "dinov2": "dinov2_merbench", "videomae": "videomae_merbench",
            "data2vec-vision": "data2vec_vision_merbench"}  # fmt: skip
"""`model_type` of a folder -> the recipe that MERBench's script has for it."""

HEADS = (4, 16, 12, 8, 2, *range(1, 33))
"""Tiny towers have any of these; no tensor says how many."""


def encoder_of(recipe: str, weights: Path, **sizes: Any) -> Any:
    """The encoder of a recipe's file, with weights of any size."""
    said = dict(read_recipe(recipe).encoder)
    return get_class(said.pop("_target_"))(**{**said, "weights": str(weights), **sizes})


def vectors(encoder: Any, frames: np.ndarray, level: str) -> np.ndarray:
    """FRA or UTT of one clip, whose frames are all given."""
    (steps,) = encoder.encode([frames[encoder.positions(len(frames))]])
    return utterance(steps) if level == "UTT" else steps


def faces_of(golden: Path) -> dict[str, np.ndarray]:
    """Name -> (frames, height, width, 3) RGB, the stacks that README derives included."""
    found = {}
    for path in sorted((golden / "face").glob("*.npy")):
        faces = find_faces(golden / "face", path.stem)
        found[path.stem] = np.stack(list(faces.each(range(faces.num_frames))))
    if "face_long" in found:
        found["face_33"] = np.concatenate([found["face_long"], found["face_long"][::-1][:13]])
    if "face_short" in found:
        found["face_one"] = found["face_short"][:1]
    return found


def merbench_recipe(part: str, name: str, golden: Path) -> tuple[str, Path]:
    """The recipe and the folder of weights of a folder of vectors, e.g. `merbench` and `videomae-base`."""
    folder = golden / "models" / name.removeprefix("sunlicai-")
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    return "videomae_mer2024" if part == "mer2024" else MERBENCH[model_type], folder


def heads_that_fit(recipe: str, weights: Path, frames: np.ndarray, expected: np.ndarray) -> int:
    """The number of heads that gives this recorded mean; the other vectors then have to agree as well."""
    for heads in (heads for heads in HEADS if len(expected) % heads == 0):
        if off(vectors(encoder_of(recipe, weights, num_heads=heads), frames, "UTT"), expected) < STEPS:
            return heads
    raise AssertionError(f"{weights}: no number of heads gives the recorded vector")


def squeezed_film(path: Path, size: int) -> np.ndarray:
    """All frames at the size that the decoder gives them."""
    with av.open(str(path)) as container:
        return np.stack([squeezed_by_decoder(frame, size) for frame in container.decode(video=0)])
