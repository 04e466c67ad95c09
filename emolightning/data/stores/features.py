"""Feature vectors of the clips: computed by classical descriptors (`features=signal`) or read from folders.

Both give the same thing: for each feature input a `(tokens, width)` array per clip. The width is read from the data.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np

from emolightning.data.checkup.unusable import BROKEN_VECTORS, NO_SOUND, NO_VECTORS, UNDECODABLE, Fault
from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.held import held_open
from emolightning.data.media.signal import describe_face, describe_motion, describe_speech
from emolightning.data.media.video import read_thumbnails
from emolightning.data.media.words import describe_words
from emolightning.data.stores.cache import Outcome, compute_missing, load_array
from emolightning.data.stores.loaded import LoadedFeatures, Vectors
from emolightning.data.stores.manifest import Manifest
from emolightning.data.stores.packed import SUFFIX
from emolightning.data.stores.reading import Found, read_store
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip

Missing = Literal["error", "zero"]

Absent = Literal["error", "zero", "leave"]
"""What becomes of a clip without a vector: a fault, zeros, or nothing: it is among `absent`, and the caller decides."""

SAMPLE_RATE_HZ = 16_000

WORDS = "words"
"""The input that is computed of what is said."""

WORDS_REMEDY = "say inputs.words=false, or data.missing=zero to put a vector of zeros in its place"

SPEECH_REMEDY = (
    "switch {name} off (inputs.{name}=false, or leave audio out of modalities), "
    "or say data.missing=zero to put a vector of zeros in its place"
)


class FeatureSource(Protocol):
    """What a `features=` configuration builds."""

    reads_media: bool
    """Whether vectors are computed from the media, which clips without a file then do not have."""

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Absent) -> LoadedFeatures:
        """The vectors of `names` for all clips; what is wrong with a clip is among its `faults`, not raised."""
        ...


class SignalFeatures:
    """`features=signal`: log-mel and pitch statistics, motion energy, HOG of the centre, counts of words. No weights.

    Args:
        num_workers: processes that decode and describe clips.
    """

    VERSION = "signal-1"
    """Part of the cache folder's name: raise it when a descriptor changes its values."""
    DESCRIPTORS: Mapping[str, Sequence[str]] = MappingProxyType({"video": ("face", "motion"), "audio": ("speech",)})
    """Feature input -> descriptors, which are put side by side; others have the one of their own name."""
    reads_media = True

    def __init__(self, *, num_workers: int = 2):
        self.num_workers = num_workers

    def parts(self, name: str) -> Sequence[str]:
        """The descriptors of a feature input."""
        return self.DESCRIPTORS.get(name, (name,))

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Absent) -> LoadedFeatures:
        """Describe the clips, or take the descriptions from `cache`.

        Raises:
            InputErrors: an input that no clip has.
        """
        made = [name for name in names if name != WORDS]
        wanted = tuple(dict.fromkeys(part for name in made for part in self.parts(name)))
        folders = {part: cache / f"{self.VERSION}-{part}" for part in wanted}
        summary = compute_missing(clips, folders, describe_clip, title="Features", num_workers=self.num_workers)
        faults = {clip_id: [Fault(UNDECODABLE, problem)] for clip_id, problem in summary.problems.items()}
        lacking = {name: _first(summary.absent[part] for part in self.parts(name)) for name in made}
        vectors = {
            name: Vectors.of(
                {
                    c.id: np.concatenate(
                        [load_array(folders[part] / f"{c.id}.npy") for part in self.parts(name)], axis=1
                    )
                    for c in clips
                    if c.id not in lacking[name] and c.id not in faults
                }
            )
            for name in made
        }
        absent = {
            name: {
                clip_id: Fault(NO_SOUND, reason, SPEECH_REMEDY.format(name=name)) for clip_id, reason in found.items()
            }
            for name, found in lacking.items()
        }
        if WORDS in names:  # Not kept: they cost nothing, and a file's stamp does not say that its words changed.
            said = {c.id: c.transcript for c in clips if c.transcript is not None and c.id not in faults}
            vectors[WORDS] = Vectors.of({clip_id: describe_words(text)[None] for clip_id, text in said.items()})
            silent = [c.id for c in clips if c.id not in said and c.id not in faults]
            absent[WORDS] = {clip_id: Fault(NO_VECTORS, "no transcript is known", WORDS_REMEDY) for clip_id in silent}
        made_by = {name: Manifest(self.VERSION, type(self).__name__, weights="", level="utterance") for name in names}
        return replace(filled(vectors, absent, faults, clips, missing), made_by=made_by)


def _first(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """All entries; of those that are in several, the first."""
    return {key: value for each in reversed([*found]) for key, value in each.items()}


def describe_clip(clip: Clip, names: tuple[str, ...]) -> Outcome:
    """The signal descriptors of one clip, each (1, width)."""
    with held_open(clip.video, clip.span):
        return _described(clip, names)


def _described(clip: Clip, names: tuple[str, ...]) -> Outcome:
    arrays: dict[str, np.ndarray] = {}
    absent: dict[str, str] = {}
    if "face" in names or "motion" in names:
        frames, times_s = read_thumbnails(clip.video, span=clip.span, corruption=clip.corruption)
        if "face" in names:
            arrays["face"] = describe_face(frames)[None]
        if "motion" in names:
            arrays["motion"] = describe_motion(frames, times_s)[None]
    if "speech" in names:
        try:
            waveform = read_waveform(clip.video, sample_rate=SAMPLE_RATE_HZ, span=clip.span, corruption=clip.corruption)
            arrays["speech"] = describe_speech(waveform, SAMPLE_RATE_HZ)[None]
        except NoAudioTrack as error:
            absent["speech"] = str(error)
    return Outcome(arrays, absent=absent)


class FolderFeatures:
    """`features=folders`: vectors extracted elsewhere, `<root>/<folder>/<clip id>.npy`, (width,) or (tokens, width).

    A folder may be packed into one file, `<root>/<folder>.safetensors` (`emolightning convert-features`).

    Args:
        root: the folder that holds one folder or file per encoder.
        **folders: feature input -> folder of its vectors, e.g. upstream's `mae_340_UTT` for `face`.
    """

    reads_media = False

    def __init__(self, *, root: str, **folders: str | None):
        self.root = Path(root)
        self.folders = folders

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Absent) -> LoadedFeatures:
        """Look at all vectors; `cache` is not used.

        Raises:
            InputErrors: a folder that is not there, or an input that no clip has.
            UserError: a manifest or an index that is damaged.
        """
        problems: list[str] = []
        places: dict[str, Path] = {}
        for name in names:
            try:
                places[name] = self._place(name)
            except UserError as error:
                problems.append(f"features.{name}: {error}")
        if problems:
            raise InputErrors(str(self.root), problems)
        found = {name: read_store(place, clips) for name, place in places.items()}
        faults: dict[str, list[Fault]] = {}
        absent: dict[str, dict[str, Fault]] = {}
        for name, store in found.items():
            remedy = f"extract it, or say inputs.{name}=false or data.missing=zero"
            absent[name] = {clip_id: Fault(NO_VECTORS, reason, remedy) for clip_id, reason in store.absent.items()}
            for clip_id, reason in store.broken.items():
                faults.setdefault(clip_id, []).append(Fault(BROKEN_VECTORS, reason, "extract it again"))
        vectors = {name: store.vectors for name, store in found.items()}
        manifests = {name: store.manifest for name, store in found.items() if store.manifest is not None}
        remarks = {name: _stale(name, places[name], store) for name, store in found.items() if store.stale}
        return replace(filled(vectors, absent, faults, clips, missing), made_by=manifests, remarks=remarks)

    def _place(self, name: str) -> Path:
        """The folder or packed file of an input.

        Raises:
            UserError: there is none, or both.
        """
        folder = self.folders.get(name)
        if folder is None:
            raise UserError(f"no folder is named for it; set features.root and .{name}, or say inputs.{name}=false")
        place, packed = self.root / folder, self.root / f"{folder.rstrip('/')}{SUFFIX}"
        is_file = folder.endswith(SUFFIX) and place.is_file()
        if place.is_dir() and not folder.endswith("/") and packed.is_file():
            raise UserError(
                f"there are a folder {place} and a packed file {packed}; say which one: features.{name}={folder}/ or "
                f"features.{name}={folder}{SUFFIX}"
            )
        if not place.is_dir() and not is_file:
            if not packed.is_file():
                raise UserError(
                    f"there is no folder {place}; set features.root and .{name}, or say inputs.{name}=false"
                )
            place = packed
        return place


def _stale(name: str, place: Path, store: Found) -> str:
    """One sentence of vectors that were made of other clips than those of this run."""
    shown, number, total = ", ".join(store.stale[:3]), len(store.stale), len(store.vectors)
    made_by = f" features={store.manifest.recipe}" if store.manifest else ""
    return (
        f"{name}: {number} of {total} vectors of {place} were made of other files, pieces or words than the clips have "
        f"now, e.g. {shown}; `emolightning extract data=NAME{made_by}` makes them again"
    )


def filled(
    vectors: Mapping[str, Vectors],
    absent: Mapping[str, Mapping[str, Fault]],
    faults: Mapping[str, list[Fault]],
    clips: Sequence[Clip],
    missing: Absent,
) -> LoadedFeatures:
    """Clips without a vector get zeros, counted and shown, or one more fault.

    Args:
        vectors: feature input -> clip id -> what there is.
        absent: feature input -> clip id -> why there is nothing.
        faults: of clips that cannot be used anyway.
        clips: all of them.
        missing: see Absent.

    Raises:
        InputErrors: an input that no clip has.
    """
    reasons = {name: {clip_id: fault.reason for clip_id, fault in found.items()} for name, found in absent.items()}
    if missing == "leave":
        return LoadedFeatures(dict(vectors), faults=faults, absent=reasons)
    empty = [
        f"{name}: none of the {len(clips)} clips has it; say inputs.{name}=false"
        for name in vectors
        if not vectors[name] and absent[name] and (missing == "zero" or len(absent[name]) == len(clips))
    ]
    if empty:
        raise InputErrors("features", empty)
    if missing == "error":
        together = {clip_id: list(found) for clip_id, found in faults.items()}
        for of_clips in absent.values():
            for clip_id, fault in of_clips.items():
                together.setdefault(clip_id, []).append(fault)
        return LoadedFeatures(dict(vectors), faults=together)
    filled = {name: of_input.with_zeros(absent[name]) for name, of_input in vectors.items()}
    return LoadedFeatures(filled, {name: found for name, found in reasons.items() if found}, faults)
