"""The frozen vision tower's one pass over the clips of a run, before its first step."""

import math

import numpy as np
import torch
from omegaconf import DictConfig

from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.stores.visual import See
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.parameters import base_fingerprint
from emolightning.records.clips import Clip
from emolightning.training.learner import EmotionLearner


def precompute_vision(
    cfg: DictConfig, data: ClipDataModule, learner: EmotionLearner, clips: list[Clip], device: torch.device
) -> None:
    """Let the data module hand out the tower's vectors instead of frames; nothing where the tower itself learns."""
    tower = learner.model.vision
    if not cfg.precompute_vision or tower is None or tower.is_trained or "image" not in data.inputs:
        return
    data.use_tower(
        clips,
        tower_on(learner.model, device),
        fingerprint=base_fingerprint(learner.model, "vision"),
        bytes_per_frame=_bytes_per_frame(learner.model),
    )


def tower_on(model: EmotionLlama, device: torch.device) -> See:
    """The tower as a function of one clip's frames, in its own dtype whatever precision the run trains with."""
    tower = model.vision
    assert tower is not None
    tower.to(device)

    @torch.no_grad()
    def see(frames: np.ndarray) -> dict[str, np.ndarray]:
        streams = model.see(torch.from_numpy(frames)[None].to(device))
        return {name: _storable(vectors[0]) for name, vectors in streams.items()}

    return see


def _storable(vectors: torch.Tensor) -> np.ndarray:
    """NumPy knows no bfloat16."""
    return (vectors.float() if vectors.dtype == torch.bfloat16 else vectors).cpu().numpy()


def _bytes_per_frame(model: EmotionLlama) -> int:
    """Of the patches' and the class token's vectors together, 2.9 MB at 448 pixels in float16."""
    assert model.vision is not None
    settings = model.vision.settings
    patches = (settings.image_size // settings.patch_size) ** 2
    itemsize = 2 if settings.dtype == "float16" else 4
    return math.ceil((patches + 1) * settings.width * itemsize)
