"""What the recorded vectors of frames were made from: faces, films, weights and the recipe of each folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from hydra.utils import get_class
from omegaconf import OmegaConf
from safetensors.numpy import load_file

from emolightning.config.places import CONFIG_DIR
from emolightning.data.media.openface import find_faces
from emolightning.models.encoders.encoder import utterance

MERBENCH = {"clip": "clip_merbench", "dinov2": "dinov2_merbench", "videomae": "videomae_merbench",
            "data2vec-vision": "data2vec_vision_merbench"}  # fmt: skip
"""`model_type` of a folder -> the recipe that MERBench's script has for it."""

HEADS = (4, 16, 12, 8, 6, 3, 2, 1)
"""Tiny towers have any of these; no tensor says how many."""


def encoder_of(recipe: str, weights: Path, **sizes: Any) -> Any:
    """The encoder of a recipe's file, with weights of any size."""
    content = OmegaConf.to_container(OmegaConf.load(CONFIG_DIR / "recipe" / f"{recipe}.yaml"))
    parameters = {key: value for key, value in content["encoder"].items() if key != "_target_"}
    return get_class(content["encoder"]["_target_"])(**{**parameters, "weights": str(weights), **sizes})


def vectors(encoder: Any, frames: np.ndarray, level: str) -> np.ndarray:
    """FRA or UTT of one clip, whose frames are all given."""
    (steps,) = encoder.encode([frames[encoder.positions(len(frames))]])
    return utterance(steps) if level == "UTT" else steps


def deviation(found: np.ndarray, recorded: np.ndarray) -> float:
    """The largest difference, relative to the largest recorded value."""
    assert found.dtype == np.float32
    assert found.shape == recorded.shape
    return float(np.abs(found - recorded).max() / np.abs(recorded).max())


def faces_of(golden: Path) -> dict[str, np.ndarray]:
    """Name -> (frames, height, width, 3) RGB, the stacks that README derives included."""
    found = {}
    for path in sorted((golden / "face").glob("*.npy")):
        faces = find_faces(golden / "face", path.stem)
        found[path.stem] = faces.read(range(faces.num_frames))
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


def heads_that_fit(recipe: str, weights: Path, frames: np.ndarray, recorded: np.ndarray, tolerance: float) -> int:
    """The number of heads that gives this recorded mean; the other vectors then have to agree as well."""
    for heads in (heads for heads in HEADS if len(recorded) % heads == 0):
        if deviation(vectors(encoder_of(recipe, weights, num_heads=heads), frames, "UTT"), recorded) < tolerance:
            return heads
    raise AssertionError(f"{weights}: no number of heads gives the recorded vector")


def decord_frames(path: Path, size: int) -> Iterator[np.ndarray]:
    """All frames as decord gives them: resized before the colours are converted, in one graph of filters."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = av.filter.Graph()
        nodes = [graph.add_buffer(template=stream), graph.add("scale", f"{size}:{size}:flags=bilinear")]
        nodes += [graph.add("format", "rgb24"), graph.add("buffersink")]
        graph.link_nodes(*nodes).configure()
        for frame in container.decode(stream):
            graph.push(frame)
            yield graph.pull().to_ndarray(format="rgb24")


def recorded_in(path: Path) -> dict[str, np.ndarray]:
    """Content of a safetensors file."""
    return load_file(path)
