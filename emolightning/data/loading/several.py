"""Several corpora as one: each keeps its vectors, frames and questions where a run on it alone has them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from emolightning.data.checkup.unusable import Fault, Faults
from emolightning.data.loading.corpus import Corpus
from emolightning.data.readers.annotations import annotation_hash
from emolightning.data.readers.several import JOINT, SeveralData, as_of_own, by_corpus
from emolightning.data.readers.source import SPLITS
from emolightning.data.stores.loaded import LoadedFeatures, joined_features
from emolightning.data.stores.visual import VisualStore
from emolightning.errors import UserError
from emolightning.records.clips import Clip


@dataclass(frozen=True)
class StoresOfCorpora:
    """Loads each clip from the store of its corpus: frames, or what a tower makes."""

    stores: Mapping[str, Any]
    """Corpus -> its FrameStore or VisualStore."""

    def load(self, clip: Clip, *which: str) -> np.ndarray:
        """Return what the store of its corpus has of a clip, an array."""
        found: np.ndarray = self.stores[clip.corpus].load(as_of_own(clip), *which)
        return found

    @property
    def folders(self) -> Mapping[str, Any]:
        """The streams that a tower makes, as names of folders: the same in every corpus."""
        found: Mapping[str, Any] = next(iter(self.stores.values())).folders
        return found


AnyVisual = VisualStore | StoresOfCorpora
"""Where what a vision tower makes of clips is kept."""


class Corpora(Corpus):
    """What a run on several corpora is fed with; complete after `read`.

    Args:
        source: of all clips.
        parts: name of a corpus -> what a run on it alone is fed with, nothing of it read.
        **shared: arguments of Corpus.
    """

    def __init__(self, source: SeveralData, *, parts: Mapping[str, Corpus], **shared: Any):
        first = next(iter(parts.values()))  # Vectors of all are in the same kind of place.
        super().__init__(source, features=first.feature_source, **shared)
        self.frames: dict[str, Any] = {}
        self.parts = parts
        self.weights = source.weights

    def load_features(self, clips: Sequence[Clip]) -> LoadedFeatures:
        """The vectors of each corpus, which must be of one width and one recipe.

        Raises:
            UserError: names what differs, and in which corpora.
        """
        loaded = {name: self.parts[name].load_features(own) for name, own in by_corpus(clips).items()}
        for name, found in loaded.items():
            self._require_same(name, found, *next(iter(loaded.items())))
        return joined_features(loaded, JOINT)

    def _require_same(self, name: str, found: LoadedFeatures, other_name: str, other: LoadedFeatures) -> None:
        for of_input in found.widths.keys() & other.widths.keys():
            here, there = found.widths[of_input], other.widths[of_input]
            if here != there:
                raise UserError(
                    f"{of_input}: its vectors are {here} wide in {name} and {there} in {other_name}; all corpora need "
                    f"one recipe: say data.corpora.{name}.features.{of_input}=FOLDER, or extract them again"
                )
        for of_input in found.made_by.keys() & other.made_by.keys():
            differs = found.made_by[of_input].differences(other.made_by[of_input], free=("dtype", "width"))
            said = f"{of_input}: its vectors in {name} and in {other_name} are of two recipes ({'; '.join(differs)})"
            if differs and self.reading.other_recipe != "accept":
                raise UserError(f"{said}; extract them with one, or say data.other_recipe=accept")
            self.doubt_vectors([said] if differs else [])

    def prepare_frames(self, clips: Sequence[Clip]) -> Faults:
        """Decode what vision towers will see of each corpus; what cannot be decoded is returned."""
        faults: dict[str, Sequence[Fault]] = {}
        for name, own in by_corpus(clips).items():
            found = self.parts[name].prepare_frames(own)
            faults |= {f"{name}{JOINT}{clip_id}": of_clip for clip_id, of_clip in found.items()}
        seen = {of_input for part in self.parts.values() for of_input in part.frames}
        self.frames = {
            of_input: StoresOfCorpora(
                {name: part.frames[of_input] for name, part in self.parts.items() if of_input in part.frames}
            )
            for of_input in seen
        }
        return faults

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Alone with the caches of all corpora; those of one dataset have one lock."""
        names = {part.source.name: part for part in self.parts.values()}
        with ExitStack() as stack, super().lock():
            for name in sorted(names):  # In one order, so that two runs never wait for each other.
                stack.enter_context(names[name].lock())
            yield

    def summary(self) -> dict[str, Any]:
        """The same as of one corpus, with what each gives and which clips are validated on."""
        found = {
            name: {
                "name": part.source.name,
                "clips": {s: sum(clip.corpus == name and clip.split == s for clip in self.clips) for s in SPLITS},
                "weight": {str(epoch): weight for epoch, weight in self.weights[name].items()},
                "labels": list(part.source.labels),
                "tasks": dict(part.questions.tasks),
            }
            for name, part in self.parts.items()
        }
        return {**super().summary(), "corpora": found, "validation_sha256": self.validation_hash()}

    def validation_hash(self) -> str:
        """Return the sha256 of what is said about the clips of val.

        The set is the same, whatever the weights and the epoch.
        """
        return annotation_hash(clip for clip in self.clips if clip.split == "val")
