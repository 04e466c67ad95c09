"""The frozen vision tower's one pass over the clips of a run, before its first step."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.stores.visual import See, VisualStore
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.parameters import base_fingerprint
from emolightning.prompt.processor import Processor
from emolightning.records.clips import Clip
from emolightning.runs.run import Run
from emolightning.training.learner import EmotionLearner


def with_vision(run: Run[Any], learner: EmotionLearner, clips: Sequence[Clip]) -> ClipDataModule:
    """The data of a run with the tower's vectors of some clips in place of frames, where the run wants that."""
    data, device, wanted = run.data, run.trainer.strategy.root_device, run.facts.load.precomputes_vision
    visual = precompute_vision(data.corpus, data.processor, learner.model, clips, device, is_wanted=wanted)
    return ClipDataModule(data.corpus, data.processor, data.loading, visual=visual, shuffle=data.shuffle)


def precompute_vision(
    corpus: Corpus,
    processor: Processor,
    model: EmotionLlama,
    clips: Sequence[Clip],
    device: torch.device,
    *,
    is_wanted: bool = True,
) -> VisualStore | None:
    """The tower's vectors of some clips, to be handed out instead of frames; None where the tower runs in every step.

    Args:
        corpus: already read.
        processor: says which streams the tower makes of a frame.
        model: whose tower it is.
        clips: those that will be asked for.
        device: where the tower runs.
        is_wanted: False leaves it to the steps, as a tower that learns always is.

    Raises:
        UserError: the disk is too small.
    """
    if not is_wanted or model.vision is None or model.vision.is_trained or corpus.frames is None:
        return None
    fingerprint, streams = base_fingerprint(model, "vision"), tuple(processor.frame_streams(1))
    visual = VisualStore(corpus.folder, frames=corpus.frames, tower=fingerprint, streams=streams)
    with corpus.lock():
        visual.prepare(clips, tower_on(model, device), bytes_per_clip=_bytes_per_frame(model) * corpus.num_frames)
    return visual


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
    """Bytes of the patches' and the class token's vectors together, 2.9 MB at 448 pixels in float16."""
    assert model.vision is not None
    settings = model.vision.settings
    patches = (settings.image_size // settings.patch_size) ** 2
    itemsize = 2 if settings.dtype == "float16" else 4
    return math.ceil((patches + 1) * settings.width * itemsize)
