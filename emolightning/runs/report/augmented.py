"""What a training is shown of a clip, pass by pass: as it is, changed, not at all, or mixed with another clip."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from emolightning.data.loading.corpus import Corpus
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.perturbing.mixing import mixed_targets
from emolightning.prompt.processor import Loaded
from emolightning.records.inputs import named
from emolightning.runs.report.pictures import jpeg_uri, thumbnail

PASSES = 4
"""Passes that are shown, the first ones of a training."""
STRIP_PX = (96, 20)
"""Width and height of the picture of an input's vectors."""


@dataclass(frozen=True)
class Shown:
    """One row of what is shown: the clip as it is, then the passes."""

    name: str
    """The input's, or `mixup`."""
    cells: list[str]
    """`kept`, `removed`, another text, or the address of a picture."""
    kind: Literal["vectors", "frames", "targets"] = "vectors"
    """What the pictures are of."""


def shown_passes(
    corpus: Corpus, clip_id: str, augmentation: Augmentation, picture: np.ndarray | None = None
) -> list[Shown]:
    """What the first passes of a training make of a clip.

    Vectors are those before they are mixed with another clip's: of that one a row says who it is, and what is taught.

    Args:
        corpus: its features are loaded as far as they are to be shown.
        clip_id: of a training clip.
        augmentation: what is done to it.
        picture: one of its frames, (height, width, 3) uint8, where there is one.
    """
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

    rows = [Shown(name, [cell(name, *each) for each in passes]) for name in corpus.inputs]
    if augmentation.of_frames and picture is not None:
        frames, seen = _frames(picture, clip_id, augmentation), named(corpus.inputs, "frames")
        rows = [_with_frames(row, frames) if row.name in seen else row for row in rows]
    return [*rows, *_mixtures(corpus, clip_id, augmentation)]


def _frames(picture: np.ndarray, clip_id: str, augmentation: Augmentation) -> list[str]:
    """Addresses of one frame, as it is and in the passes."""
    small = thumbnail(picture)
    changes = [augmentation.frame_change(clip_id, number) for number in range(PASSES)]
    return [jpeg_uri(pixels) for pixels in (small, *(change.of_picture(small) for change in changes))]


def _with_frames(row: Shown, frames: list[str]) -> Shown:
    cells = [frame if cell == "kept" else cell for cell, frame in zip(row.cells, frames, strict=True)]
    return Shown(row.name, cells, "frames")


def _mixtures(corpus: Corpus, clip_id: str, augmentation: Augmentation) -> list[Shown]:
    """Who a clip is mixed with, and the labels that it teaches then."""
    clips = corpus.clips_of("train") if augmentation.mixup else []
    if (mixup := augmentation.mixes(clips)) is None or clip_id not in mixup.ids:
        return []
    place = mixup.ids.index(clip_id)
    cells = [clips[place].label or "kept"]
    for number in range(PASSES):
        partner = mixup.partner(place, number)
        other = clips[partner.place]
        taught = mixed_targets(clips[place], other, partner.own)
        shares = ", ".join(f"{label} {share:.0%}" for label, share in taught.shares)
        valence = "" if taught.valence is None else f" valence {taught.valence:.2f}"
        cells.append(f"{1 - partner.own:.0%} of {other.id}: {shares}{valence}")
    return [Shown("mixup", cells, "targets")]


def _strip(values: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Vectors one below the other as greys, (height, width, 3) uint8; most of the clean ones fill the range."""
    low, high = np.percentile(clean, (2, 98))
    greys = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    image = Image.fromarray(greys.astype(np.uint8)).resize(STRIP_PX, Image.Resampling.NEAREST)
    return np.asarray(image.convert("RGB"))
