"""Feature vectors of the clips: computed by classical descriptors (`features=signal`) or read from folders.

Both give the same thing: for each feature input a `(tokens, width)` array per clip. The width is read from the data.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np

from emolightning.data.checkup.unusable import BROKEN_VECTORS, NO_SOUND, NO_VECTORS, UNDECODABLE, Fault, Faults
from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.signal import describe_face, describe_motion, describe_speech
from emolightning.data.media.video import read_thumbnails
from emolightning.data.stores.cache import DAMAGED_ARRAY, Outcome, compute_missing, load_array
from emolightning.errors import InputErrors, UserError
from emolightning.files.names import NamesOnDisk
from emolightning.records.clips import Clip

Missing = Literal["error", "zero"]
Value = TypeVar("Value")

SAMPLE_RATE_HZ = 16_000

SPEECH_REMEDY = (
    "switch speech off (inputs.speech=false, or leave audio out of modalities), "
    "or say data.missing=zero to put a vector of zeros in its place"
)


@dataclass(frozen=True)
class LoadedFeatures:
    """All vectors of a run."""

    vectors: dict[str, dict[str, np.ndarray]]
    """Feature input -> clip id -> float32 (tokens, width)."""
    zeros: dict[str, dict[str, str]] = field(default_factory=dict)
    """Feature input -> clip id -> why its vectors are zeros."""
    faults: Faults = field(default_factory=dict)
    """What is wrong with clips of which some vector cannot be had."""

    @property
    def widths(self) -> dict[str, int]:
        """Feature input -> width."""
        return {name: next(iter(arrays.values())).shape[1] for name, arrays in self.vectors.items() if arrays}

    def without(self, clips: Collection[str]) -> "LoadedFeatures":
        """The same for the other clips."""
        return LoadedFeatures(_without(self.vectors, clips), _without(self.zeros, clips))

    def hash(self) -> str:
        """sha256 over names, clip ids and values: what a run was trained on."""
        digest = hashlib.sha256()
        for name in sorted(self.vectors):
            for clip_id in sorted(self.vectors[name]):
                digest.update(f"{name} {clip_id} ".encode())
                digest.update(np.ascontiguousarray(self.vectors[name][clip_id]).tobytes())
        return digest.hexdigest()


def _without(of_inputs: Mapping[str, Mapping[str, Value]], clips: Collection[str]) -> dict[str, dict[str, Value]]:
    left = {name: {c: value for c, value in of_clips.items() if c not in clips} for name, of_clips in of_inputs.items()}
    return {name: of_clips for name, of_clips in left.items() if of_clips}


class FeatureSource(Protocol):
    """What a `features=` configuration builds."""

    reads_media: bool
    """Whether vectors are computed from the media, which clips without a file then do not have."""

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Missing) -> LoadedFeatures:
        """The vectors of `names` for all clips; what is wrong with a clip is among its `faults`, not raised."""
        ...


class SignalFeatures:
    """`features=signal`: log-mel and pitch statistics, motion energy, HOG of the centre. No weights, any real video.

    Args:
        num_workers: processes that decode and describe clips.
    """

    VERSION = "signal-1"
    """Part of the cache folder's name: raise it when a descriptor changes its values."""
    reads_media = True

    def __init__(self, *, num_workers: int = 2):
        self.num_workers = num_workers

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Missing) -> LoadedFeatures:
        """Describe the clips, or take the descriptions from `cache`.

        Raises:
            InputErrors: an input that no clip has.
        """
        folders = {name: cache / f"{self.VERSION}-{name}" for name in names}
        summary = compute_missing(clips, folders, describe_clip, title="Features", num_workers=self.num_workers)
        faults = {clip_id: [Fault(UNDECODABLE, problem)] for clip_id, problem in summary.problems.items()}
        vectors = {
            name: {
                c.id: load_array(folders[name] / f"{c.id}.npy")
                for c in clips
                if c.id not in summary.absent[name] and c.id not in faults
            }
            for name in names
        }
        absent = {
            name: {clip_id: Fault(NO_SOUND, reason, SPEECH_REMEDY) for clip_id, reason in reasons.items()}
            for name, reasons in summary.absent.items()
        }
        return _filled(vectors, absent, faults, clips, missing)


def describe_clip(clip: Clip, names: tuple[str, ...]) -> Outcome:
    """The signal descriptors of one clip, each (1, width)."""
    arrays: dict[str, np.ndarray] = {}
    absent: dict[str, str] = {}
    if "face" in names or "motion" in names:
        frames, times_s = read_thumbnails(clip.video)
        if "face" in names:
            arrays["face"] = describe_face(frames)[None]
        if "motion" in names:
            arrays["motion"] = describe_motion(frames, times_s)[None]
    if "speech" in names:
        try:
            waveform = read_waveform(clip.video, sample_rate=SAMPLE_RATE_HZ)
            arrays["speech"] = describe_speech(waveform, SAMPLE_RATE_HZ)[None]
        except NoAudioTrack as error:
            absent["speech"] = str(error)
    return Outcome(arrays, absent=absent)


class FolderFeatures:
    """`features=folders`: vectors extracted elsewhere, `<root>/<folder>/<clip id>.npy`, (width,) or (tokens, width).

    Args:
        root: the folder that holds one folder per encoder.
        **folders: feature input -> folder of its vectors, e.g. upstream's `mae_340_UTT` for `face`.
    """

    reads_media = False

    def __init__(self, *, root: str, **folders: str | None):
        self.root = Path(root)
        self.folders = folders

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Missing) -> LoadedFeatures:
        """Read all vectors; `cache` is not used.

        Raises:
            InputErrors: a folder that is not there, or an input that no clip has.
        """
        problems: list[str] = []
        absent: dict[str, dict[str, Fault]] = {}
        faults: dict[str, list[Fault]] = {}
        vectors: dict[str, dict[str, np.ndarray]] = {}
        for name in names:
            folder = self.folders.get(name)
            if folder is None or not (self.root / folder).is_dir():
                place = "no folder is named for it" if folder is None else f"there is no folder {self.root / folder}"
                problems.append(f"features.{name}: {place}; set features.root and .{name}, or say inputs.{name}=false")
                continue
            absent[name] = {}
            vectors[name] = self._read(name, clips, absent[name], faults)
        if problems:
            raise InputErrors(str(self.root), problems)
        return _filled(vectors, absent, faults, clips, missing)

    def _read(
        self, name: str, clips: Sequence[Clip], absent: dict[str, Fault], faults: dict[str, list[Fault]]
    ) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        broken: dict[str, str] = {}
        folder = self.root / str(self.folders[name])
        names = NamesOnDisk()
        for clip in clips:
            try:
                path = names.find(folder, f"{clip.id}.npy")
            except UserError as error:
                broken[clip.id] = str(error)
                continue
            if not path.exists():
                remedy = f"extract it, or say inputs.{name}=false or data.missing=zero"
                absent[clip.id] = Fault(NO_VECTORS, f"no {path}", remedy)
                continue
            try:
                arrays[clip.id] = _read_vectors(path)
            except UserError as error:
                broken[clip.id] = str(error)
        broken |= _other_widths(arrays, folder)
        for clip_id, reason in broken.items():
            faults.setdefault(clip_id, []).append(Fault(BROKEN_VECTORS, reason, "extract it again"))
        return {clip_id: array for clip_id, array in arrays.items() if clip_id not in broken}


def _read_vectors(path: Path) -> np.ndarray:
    """float32 (tokens, width), at least one token, finite.

    Raises:
        UserError: it is something else.
    """
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")  # Compares the header's shape with the size of the file.
        if mapped.dtype.kind not in "fiub":
            raise TypeError(f"values of type {mapped.dtype}")
        array = np.atleast_2d(np.array(mapped, dtype=np.float32))
    except DAMAGED_ARRAY as error:
        raise UserError(f"{path}: not an array of numbers, as numpy.save writes it") from error
    if array.ndim != 2 or 0 in array.shape:
        raise UserError(f"{path}: shape {array.shape}, expected (width,) or (tokens, width)")
    if not np.isfinite(array).all():
        raise UserError(f"{path}: holds values that are not finite")
    return array


def _other_widths(arrays: Mapping[str, np.ndarray], folder: Path) -> dict[str, str]:
    """The clips whose vectors are not as wide as most, and what is said of them."""
    widths = Counter(array.shape[1] for array in arrays.values())
    common = widths.most_common(1)[0][0] if widths else 0
    return {
        clip_id: f"{folder}/{clip_id}.npy: {array.shape[1]} wide, most are {common}"
        for clip_id, array in arrays.items()
        if array.shape[1] != common
    }


def _filled(
    vectors: Mapping[str, dict[str, np.ndarray]],
    absent: Mapping[str, Mapping[str, Fault]],
    faults: Mapping[str, list[Fault]],
    clips: Sequence[Clip],
    missing: Missing,
) -> LoadedFeatures:
    """Clips without a vector get zeros, counted and shown, or one more fault.

    Args:
        vectors: feature input -> clip id -> what there is.
        absent: feature input -> clip id -> why there is nothing.
        faults: of clips that cannot be used anyway.
        clips: all of them.
        missing: see ClipDataModule.

    Raises:
        InputErrors: an input that no clip has.
    """
    empty = [
        f"{name}: none of the {len(clips)} clips has it; say inputs.{name}=false"
        for name in vectors
        if not vectors[name] and absent[name] and (missing == "zero" or len(absent[name]) == len(clips))
    ]
    if empty:
        raise InputErrors("features", empty)
    filled = {name: dict(arrays) for name, arrays in vectors.items()}
    if missing == "error":
        together = {clip_id: list(found) for clip_id, found in faults.items()}
        for of_clips in absent.values():
            for clip_id, fault in of_clips.items():
                together.setdefault(clip_id, []).append(fault)
        return LoadedFeatures(filled, faults=together)
    for name, arrays in filled.items():
        if absent[name]:
            zeros = np.zeros_like(next(iter(arrays.values()))[:1])
            arrays |= {clip_id: zeros for clip_id in absent[name]}
    reasons = {name: {clip_id: fault.reason for clip_id, fault in found.items()} for name, found in absent.items()}
    return LoadedFeatures(filled, {name: found for name, found in reasons.items() if found}, faults)
