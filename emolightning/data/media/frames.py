"""The frames that the vision tower sees: chosen, resized once, kept on disk as uint8."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from emolightning.data.checkup.unusable import NO_PEAK, UNDECODABLE, Fault, Faults
from emolightning.data.media.choice import FrameChoice
from emolightning.data.media.images import normalise, resize
from emolightning.data.media.video import read_frames
from emolightning.data.stores.cache import Outcome, compute_missing, load_array
from emolightning.errors import UserError
from emolightning.records.clips import Clip


class FrameStore:
    """Chosen frames of clips at the model's size.

    Args:
        folder: cache of the dataset; a folder per choice and size is made inside.
        choice: of the frames of a clip.
        image_size: pixels, both ways.
        num_workers: processes that decode.
    """

    def __init__(self, folder: Path, *, choice: FrameChoice, image_size: int, num_workers: int):
        self.choice = choice
        self.image_size = image_size
        self.num_workers = num_workers
        self.folder = folder / f"frames-{choice.key}-{image_size}"

    def prepare(self, clips: Sequence[Clip]) -> Faults:
        """Decode what is not there yet; what cannot be decoded is returned."""
        faults: dict[str, list[Fault]] = {}
        for clip in clips:
            try:
                self.choice.of_clip(clip.id)
            except UserError as error:
                faults[clip.id] = [Fault(NO_PEAK, str(error), "add it, or say data.frame=peak to have it found")]
        clips = [clip for clip in clips if clip.id not in faults]
        compute = partial(read_clip_frames, choice=self.choice, image_size=self.image_size)
        summary = compute_missing(clips, {"image": self.folder}, compute, title="Frames", num_workers=self.num_workers)
        undecodable = {clip_id: [Fault(UNDECODABLE, problem)] for clip_id, problem in summary.problems.items()}
        return faults | undecodable

    def load(self, clip: Clip) -> np.ndarray:
        """float32 (frames, 3, size, size), normalised."""
        return np.stack([normalise(frame) for frame in load_array(self.folder / f"{clip.id}.npy")])


def read_clip_frames(clip: Clip, names: tuple[str, ...], *, choice: FrameChoice, image_size: int) -> Outcome:
    """The chosen frames of one clip: uint8 (frames, size, size, 3)."""
    # Resized one by one: four frames of 8K at full size are 400 MB.
    choice = choice.of_clip(clip.id)
    frames = read_frames(
        clip.video, choice, span=clip.span, keep=partial(resize, size=image_size), corruption=clip.corruption
    )
    return Outcome({name: np.stack(frames) for name in names})
