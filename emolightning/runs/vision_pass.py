"""The frozen vision tower's one pass over the clips of a run, before its first step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.stores.manifest import Kept
from emolightning.data.stores.visual import See, VisualStore
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.parameters import base_fingerprint
from emolightning.prompt.processor import Processor
from emolightning.records.clips import Clip
from emolightning.runs.run import Run
from emolightning.training.learner import EmotionLearner


def with_vision(run: Run[Any], learner: EmotionLearner, clips: Sequence[Clip]) -> ClipDataModule:
    """The data of a run with the tower's vectors of some clips in place of frames, where the run wants that."""
    data, device, load = run.data, run.trainer.strategy.root_device, run.facts.load
    wanted, dtype = load.precomputes_vision, load.precompute_dtype
    visual = precompute_vision(data.corpus, data.processor, learner.model, clips, device, is_wanted=wanted, dtype=dtype)
    return ClipDataModule(data.corpus, data.processor, data.loading, visual=visual, shuffle=data.shuffle)


def precompute_vision(
    corpus: Corpus,
    processor: Processor,
    model: EmotionLlama,
    clips: Sequence[Clip],
    device: torch.device,
    *,
    is_wanted: bool = True,
    dtype: Kept | None = None,
) -> VisualStore | None:
    """The tower's vectors of some clips, to be handed out instead of frames; None where the tower runs in every step.

    Args:
        corpus: already read.
        processor: says which streams the tower makes of a frame.
        model: whose tower it is.
        clips: those that will be asked for.
        device: where the tower runs.
        is_wanted: False leaves it to the steps, as a tower that learns always is.
        dtype: type of the vectors on disk; None keeps what the tower computes.

    Raises:
        UserError: the disk is too small.
    """
    if not is_wanted or model.vision is None or model.vision.is_trained or corpus.frames is None:
        return None
    fingerprint, streams = base_fingerprint(model, "vision"), tuple(processor.frame_streams(1))
    dtype = dtype or ("float16" if model.vision.settings.dtype == "float16" else "float32")
    visual = VisualStore(corpus.folder, frames=corpus.frames, tower=fingerprint, streams=streams, dtype=dtype)
    with corpus.lock():
        size = _bytes_per_frame(model, dtype) * corpus.num_frames
        visual.prepare(clips, tower_on(model, device), bytes_per_clip=size)
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


def _bytes_per_frame(model: EmotionLlama, dtype: Kept) -> int:
    """Bytes of the patches' and the class token's vectors together, 2.9 MB at 448 pixels in float16."""
    assert model.vision is not None
    settings = model.vision.settings
    patches = (settings.image_size // settings.patch_size) ** 2
    return (patches + 1) * settings.width * np.dtype(dtype).itemsize
