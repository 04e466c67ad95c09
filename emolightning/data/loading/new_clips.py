"""Clips that belong to no dataset: their inputs, read at once, and what became of each input."""

import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from emolightning.data.checkup.unusable import NO_MEDIA, NO_PEAK, NO_SOUND, NO_VECTORS, UNDECODABLE, Fault
from emolightning.data.media.choice import FrameChoice, parse_frame_choice, require_equal
from emolightning.data.media.frames import read_clip_frames
from emolightning.data.media.images import normalise
from emolightning.data.media.opening import MediaError
from emolightning.data.media.sending import media_of
from emolightning.data.media.video import has_picture
from emolightning.data.stores.cache import WITH_BARS
from emolightning.data.stores.features import FeatureSource, Missing
from emolightning.data.stores.manifest import Manifest
from emolightning.errors import UserError
from emolightning.prompt.processor import Loaded
from emolightning.records.clips import AnyMedium, Clip
from emolightning.records.inputs import SENT, Inputs, active_inputs, named
from emolightning.records.predictions import MISSING, OFF, USED, ZERO

log = logging.getLogger(__name__)

NOTHING_LEFT = "nothing to look at"
NO_PICTURE = "there is no picture in the file"
NO_TRANSCRIPT = "no transcript was given"
ABSENT = {"video": NO_PICTURE, "audio": NO_SOUND}
"""Modality of what a model reads by itself -> what is said of a clip that has none."""


@dataclass(frozen=True)
class Seen:
    """What a model gets of one clip."""

    loaded: Loaded
    inputs: dict[str, str]
    """Input -> what became of it, see `Prediction.inputs`."""


@dataclass
class _Clip:
    """One clip while it is read."""

    clip: Clip
    has_picture: bool = True
    images: dict[str, Tensor] = field(default_factory=dict)
    media: dict[str, tuple[AnyMedium, ...]] = field(default_factory=dict)
    vectors: dict[str, np.ndarray] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Feature input -> why there are no vectors."""
    fault: Fault | None = None


class ClipReader:
    """Reads the inputs of clips, a few at a time. Nothing is kept.

    Args:
        known: all inputs of the model's family.
        active: those that the model looks at.
        features: where vectors come from; None where the model looks at none.
        widths: feature input -> width of its vectors.
        choice: of frames, of inputs whose family fixes none.
        frame_sizes: frame input -> pixels of a frame.
        missing: `zero` puts zeros in the place of what a clip does not have; else it is left out of the sequence.
        num_workers: threads that decode frames.
        require_recipes: refuses vectors of another recipe than the model's, or gives a sentence for each.
    """

    def __init__(
        self,
        known: Inputs,
        active: Inputs,
        features: FeatureSource | None,
        *,
        widths: Mapping[str, int],
        choice: FrameChoice,
        frame_sizes: Mapping[str, int],
        missing: Missing,
        num_workers: int = 2,
        require_recipes: Callable[[Mapping[str, Manifest]], list[str]] | None = None,
    ):
        self.known, self.active = known, active
        self.features, self.widths = features, dict(widths)
        self.choice, self.frame_sizes = choice, dict(frame_sizes)
        self.fills = missing == "zero"
        self.num_workers = num_workers
        self.require_recipes = require_recipes
        self._doubts: set[str] = set()
        self._describes_media = features is not None and features.reads_media and bool(named(active, "vectors"))

    def seeing(self, modalities: Sequence[str]) -> "ClipReader":
        """The same reader of fewer inputs; what is left out is off.

        Raises:
            UserError: nothing is left to look at.
        """
        fewer = copy(self)
        fewer.active = active_inputs(self.active, modalities, {})
        fewer._describes_media = self._describes_media and bool(named(fewer.active, "vectors"))
        return fewer

    def read(self, clips: Sequence[Clip]) -> list[Seen | Fault]:
        """What the model gets of each clip, or why the clip cannot be used.

        Raises:
            UserError: vectors cannot be had of any clip: no store, no weights of an encoder.
        """
        read = [_Clip(clip) for clip in clips]
        if self._describes_media or any(about.kind in ("frames", *SENT) for about in self.active.values()):
            with ThreadPoolExecutor(max(1, self.num_workers)) as threads:
                list(threads.map(self._look, read))
        for shows in (True, False):
            self._add_vectors([each for each in read if each.has_picture is shows and each.fault is None])
        return [each.fault or self._seen(each) for each in read]

    def _look(self, each: _Clip) -> None:
        """Decode what vision towers will see."""
        clip = each.clip
        if not os.path.isfile(clip.video):  # Unlike Path.is_file it takes names that no file can have.
            kind = "is no file, but a folder or a device" if os.path.exists(clip.video) else "no such file"
            each.fault = Fault(NO_MEDIA, f"{clip.video}: {kind}")
            return
        try:
            each.has_picture = has_picture(clip.video)
            for name, about in self.active.items():
                if about.kind in SENT and (each.has_picture or about.modality != "video"):
                    each.media[name] = media_of(clip, about.kind, self._choice(name))
            for name in named(self.active, "frames") if each.has_picture else ():
                choice = require_equal(self._choice(name), name).of_clip(clip.id)
                found = read_clip_frames(clip, (name,), choice=choice, image_size=self.frame_sizes[name])
                each.images[name] = torch.from_numpy(np.stack([normalise(frame) for frame in found.arrays[name]]))
        except UserError as error:
            each.fault = Fault(UNDECODABLE if isinstance(error, MediaError) else NO_PEAK, str(error))
        except MemoryError:
            each.fault = Fault(UNDECODABLE, f"{clip.video}: memory is too small to read it; cut it, or make it smaller")

    def _choice(self, name: str) -> FrameChoice:
        """Which frames an input takes: those that its family fixes, or those of the run."""
        fixed = self.active[name].frame
        return self.choice if fixed is None else parse_frame_choice(fixed)

    def _add_vectors(self, group: Sequence[_Clip]) -> None:
        """Note the vectors of clips that all have a picture, or all have none."""
        names = named(self.active, "vectors")
        if group and self._describes_media and not group[0].has_picture:
            blind = [name for name in names if self.active[name].modality == "video"]
            names = [name for name in names if name not in blind]
            for each in group:
                each.absent |= dict.fromkeys(blind, NO_PICTURE)
        if not group or not names or self.features is None:
            return
        if not self._describes_media:
            for each in group:
                if PurePosixPath(each.clip.id).is_absolute() or ".." in PurePosixPath(each.clip.id).parts:
                    each.fault = Fault(NO_VECTORS, f"{each.clip.id}: is a path out of the folder of vectors, and no id")
            group = [each for each in group if each.fault is None]
        # An id may be anything: it must not name a file in a cache. In a store of vectors it is the vector's name.
        numbered = [replace(each.clip, id=f"{number:06}") for number, each in enumerate(group)]
        clips = numbered if self._describes_media else [each.clip for each in group]
        with tempfile.TemporaryDirectory(prefix="emolightning-") as folder:
            token = WITH_BARS.set(False)
            try:
                found = self.features.load(clips, names, cache=Path(folder), missing="leave")
            finally:
                WITH_BARS.reset(token)
            others = self.require_recipes(found.made_by) if self.require_recipes is not None else []
            self._doubt({each: each for each in others} | found.remarks)
            for clip, each in zip(clips, group, strict=True):
                each.fault = next(iter(found.faults.get(clip.id, ())), None)
                each.vectors = {name: vectors[clip.id] for name, vectors in found.vectors.items() if clip.id in vectors}
                each.absent |= {name: said[clip.id] for name, said in found.absent.items() if clip.id in said}

    def _doubt(self, sentences: Mapping[str, str]) -> None:
        """Say what makes vectors worth doubting, once for each key and not for each group of clips."""
        for key, sentence in sentences.items():
            if key not in self._doubts:
                log.warning("features: %s", sentence)
        self._doubts |= sentences.keys()

    def _seen(self, each: _Clip) -> Seen | Fault:
        """The clip with what became of each input."""
        inputs: dict[str, str] = {}
        streams: dict[str, Tensor] = {}
        transcript = None
        for name, about in self.known.items():
            if name not in self.active:
                inputs[name] = OFF
            elif about.kind == "text":
                inputs[name], transcript = self._said(each.clip)
            elif about.kind == "frames":
                inputs[name] = USED if name in each.images else MISSING + NO_PICTURE
            elif about.kind in SENT:
                inputs[name] = USED if each.media.get(name) else MISSING + ABSENT[about.modality]
            elif name in each.vectors:
                inputs[name], streams[name] = USED, torch.from_numpy(each.vectors[name])
            else:
                inputs[name] = (ZERO if self.fills else MISSING) + each.absent.get(name, NO_VECTORS)
                streams |= {name: torch.zeros(1, self.widths[name])} if self.fills else {}
        for name, vectors in streams.items():
            if vectors.shape[1] != self.widths[name]:
                there = f"{name} vectors are {vectors.shape[1]} wide here and were {self.widths[name]} in training"
                raise UserError(f"{there}; use the same features=...")
        if USED not in inputs.values():
            said = "; ".join(f"{name} is {said}" for name, said in inputs.items() if said != OFF)
            return Fault(NOTHING_LEFT, f"{each.clip.video}: {said}")
        return Seen(Loaded(transcript, each.images, streams, each.media), inputs)

    def _said(self, clip: Clip) -> tuple[str, str | None]:
        if clip.transcript is not None:
            return USED, clip.transcript
        return (ZERO + NO_TRANSCRIPT, "") if self.fills else (MISSING + NO_TRANSCRIPT, None)
