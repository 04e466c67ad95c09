"""The one pass of frozen vision towers over the clips of a run, before its first step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.loading.several import AnyVisual, Corpora, StoresOfCorpora
from emolightning.data.readers.several import by_corpus
from emolightning.data.stores.manifest import Kept
from emolightning.data.stores.visual import See, VisualStore
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.parameters import base_fingerprint
from emolightning.prompt.processor import Processor
from emolightning.records.clips import Clip
from emolightning.runs.run import Run
from emolightning.training.learner import EmotionLearner


def with_vision(run: Run[Any], learner: EmotionLearner, clips: Sequence[Clip]) -> ClipDataModule:
    """The data of a run with the towers' vectors of some clips in place of frames, where the run wants that."""
    data, device, load = run.data, run.trainer.strategy.root_device, run.facts.load
    wanted, dtype = load.precomputes_vision, load.precompute_dtype
    visual = precompute_vision(data.corpus, data.processor, learner.model, clips, device, is_wanted=wanted, dtype=dtype)
    return ClipDataModule(
        data.corpus,
        data.processor,
        data.loading,
        visual=visual,
        shuffle=data.shuffle,
        augmentation=data.augmentation,
    )


def precompute_vision(
    corpus: Corpus,
    processor: Processor,
    model: EmotionModel,
    clips: Sequence[Clip],
    device: torch.device,
    *,
    is_wanted: bool = True,
    dtype: Kept | None = None,
) -> dict[str, AnyVisual]:
    """Frame input -> its tower's vectors of some clips, to be handed out instead of frames.

    An input whose tower runs in every step is not among them.

    Args:
        corpus: already read.
        processor: says which streams a tower makes of a frame.
        model: whose towers they are.
        clips: those that will be asked for.
        device: where the towers run.
        is_wanted: False leaves it to the steps, as a tower that learns always is.
        dtype: type of the vectors on disk; None keeps what the tower computes.

    Raises:
        UserError: the disk is too small.
    """
    found: dict[str, Any] = {}
    if isinstance(corpus, Corpora):  # Each in its own cache, where a run on it alone finds them.
        how: dict[str, Any] = {"is_wanted": is_wanted, "dtype": dtype}
        for of, own in by_corpus(clips).items():
            for name, store in precompute_vision(corpus.parts[of], processor, model, own, device, **how).items():
                found.setdefault(name, {})[of] = store
        return {name: StoresOfCorpora(stores) for name, stores in found.items()}
    for name, tower in model.towers().items() if is_wanted else ():
        if tower.is_trained or name not in corpus.frames:
            continue
        kept: Kept = dtype or ("float16" if tower.settings.dtype == "float16" else "float32")
        found[name] = _visual_store(corpus, processor, model, name, kept)
        size = tower.settings.numbers_per_frame * np.dtype(kept).itemsize * corpus.num_frames[name]
        with corpus.lock():
            found[name].prepare(clips, tower_on(model, device, name), bytes_per_clip=size)
    return found


def _visual_store(corpus: Corpus, processor: Processor, model: EmotionModel, name: str, kept: Kept) -> VisualStore:
    """Open the store of what the tower of a frame input makes of the clips of a corpus."""
    (part,) = (part for part, module in model.parts().items() if module is model.towers()[name])
    return VisualStore(
        corpus.folder_of(name),
        frames=corpus.frames[name],
        tower=base_fingerprint(model, part),
        streams=tuple(processor.frame_streams({name: 1})),
        dtype=kept,
    )


def tower_on(model: EmotionModel, device: torch.device, name: str = "image") -> See:
    """The tower of a frame input as a function of one clip's frames, in its own dtype whatever a run computes in."""
    model.towers()[name].to(device)

    @torch.no_grad()
    def see(frames: np.ndarray) -> dict[str, np.ndarray]:
        streams = model.see({name: torch.from_numpy(frames)[None].to(device)})
        return {name: _storable(vectors[0]) for name, vectors in streams.items()}

    return see


def _storable(vectors: torch.Tensor) -> np.ndarray:
    """NumPy knows no bfloat16."""
    return (vectors.float() if vectors.dtype == torch.bfloat16 else vectors).cpu().numpy()
