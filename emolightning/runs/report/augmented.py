"""What a training is shown of the inputs of a clip, pass by pass: as it is, with noise and gaps, or not at all."""

from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from emolightning.data.loading.corpus import Corpus
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.prompt.processor import Loaded
from emolightning.runs.report.pictures import jpeg_uri

PASSES = 4
"""Passes that are shown, the first ones of a training."""
STRIP_PX = (96, 20)
"""Width and height of the picture of an input's vectors."""


def shown_passes(corpus: Corpus, clip_id: str, augmentation: Augmentation) -> list[tuple[str, list[str]]]:
    """Each input of a clip, as it is and in the first passes: `kept`, `removed`, or the address of a picture."""
    vectors = {name: np.array(of[clip_id]) for name, of in corpus.features.vectors.items() if clip_id in of}
    loaded = Loaded(streams={name: torch.from_numpy(values) for name, values in vectors.items()})
    passes: list[tuple[frozenset[str], Mapping[str, Tensor]]] = [(frozenset(), loaded.streams)]
    for number in range(PASSES):
        changed = augmentation.changed(loaded, clip_id, number).streams
        passes.append((augmentation.removed(clip_id, number), changed))

    def cell(name: str, removed: frozenset[str], streams: Mapping[str, Tensor]) -> str:
        if name in removed:
            return "removed"
        return jpeg_uri(_strip(streams[name].numpy(), vectors[name])) if name in streams else "kept"

    return [(name, [cell(name, *each) for each in passes]) for name in corpus.inputs]


def _strip(values: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Vectors one below the other as greys, (height, width, 3) uint8; most of the clean ones fill the range."""
    low, high = np.percentile(clean, (2, 98))
    greys = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    image = Image.fromarray(greys.astype(np.uint8)).resize(STRIP_PX, Image.Resampling.NEAREST)
    return np.asarray(image.convert("RGB"))
