"""Feature vectors of the clips: computed by classical descriptors (`features=signal`) or read from folders.

Both give the same thing: for each feature input a `(tokens, width)` array per clip. The width is read from the data.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from emolightning.data.audio import NoAudioTrack, read_waveform
from emolightning.data.cache import Outcome, compute_missing, load_array, named
from emolightning.data.signal import describe_face, describe_motion, describe_speech
from emolightning.data.video import read_thumbnails
from emolightning.errors import InputErrors, UserError
from emolightning.records import Clip

Missing = Literal["error", "zero"]

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
    """Feature input -> clip id -> why zeros stand there."""

    @property
    def widths(self) -> dict[str, int]:
        """Feature input -> width."""
        return {name: next(iter(arrays.values())).shape[1] for name, arrays in self.vectors.items()}

    def hash(self) -> str:
        """sha256 over names, clip ids and values: what a run was trained on."""
        digest = hashlib.sha256()
        for name in sorted(self.vectors):
            for clip_id in sorted(self.vectors[name]):
                digest.update(f"{name} {clip_id} ".encode())
                digest.update(np.ascontiguousarray(self.vectors[name][clip_id]).tobytes())
        return digest.hexdigest()


class FeatureSource(Protocol):
    """What a `features=` configuration builds."""

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Missing) -> LoadedFeatures:
        """The vectors of `names` for all clips."""
        ...


class SignalFeatures:
    """`features=signal`: log-mel and pitch statistics, motion energy, HOG of the centre. No weights, any real video.

    Args:
        num_workers: processes that decode and describe clips.
    """

    VERSION = "signal-1"
    """Part of the cache folder's name: raise it when a descriptor changes its values."""

    def __init__(self, *, num_workers: int = 2):
        self.num_workers = num_workers

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Missing) -> LoadedFeatures:
        """Describe the clips, or take the descriptions from `cache`.

        Raises:
            InputErrors: clips that cannot be decoded, or without sound while `missing` is `error`.
        """
        folders = {name: cache / f"{self.VERSION}-{name}" for name in names}
        summary = compute_missing(clips, folders, describe_clip, title="Features", num_workers=self.num_workers)
        problems = list(summary.problems)
        if missing == "error":
            clip_of = {clip.id: clip for clip in clips}
            problems += [
                f"{named(clip_of[clip_id])}: {reason}; {SPEECH_REMEDY}"
                for name in names
                for clip_id, reason in summary.absent[name].items()
            ]
        if problems:
            raise InputErrors("media", problems)
        vectors = {
            name: {c.id: load_array(folders[name] / f"{c.id}.npy") for c in clips if c.id not in summary.absent[name]}
            for name in names
        }
        return _filled(vectors, summary.absent, clips)


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
        face: folder of the vectors for the face, e.g. upstream's `mae_340_UTT`.
        motion: e.g. `maeV_399_UTT`.
        speech: e.g. `HL-UTT`.
    """

    def __init__(self, *, root: str, face: str | None = None, motion: str | None = None, speech: str | None = None):
        self.root = Path(root)
        self.folders = {"face": face, "motion": motion, "speech": speech}

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Missing) -> LoadedFeatures:
        """Read all vectors; `cache` is not used.

        Raises:
            InputErrors: missing or unreadable files, shapes that differ, values that are not finite.
        """
        problems: list[str] = []
        absent: dict[str, dict[str, str]] = {name: {} for name in names}
        vectors: dict[str, dict[str, np.ndarray]] = {}
        for name in names:
            folder = self.folders[name]
            if folder is None or not (self.root / folder).is_dir():
                place = "no folder is named for it" if folder is None else f"there is no folder {self.root / folder}"
                problems.append(f"features.{name}: {place}; set features.root and .{name}, or say inputs.{name}=false")
                continue
            vectors[name] = self._read(name, clips, absent[name], problems, missing)
        if problems:
            raise InputErrors(str(self.root), problems)
        return _filled(vectors, absent, clips)

    def _read(
        self, name: str, clips: Sequence[Clip], absent: dict[str, str], problems: list[str], missing: Missing
    ) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        for clip in clips:
            path = self.root / str(self.folders[name]) / f"{clip.id}.npy"
            if not path.exists():
                absent[clip.id] = f"no {path}"
                if missing == "error":
                    remedy = f"extract it, or say inputs.{name}=false or data.missing=zero"
                    problems.append(f"{named(clip)}: no {path}; {remedy}")
                continue
            try:
                arrays[clip.id] = _read_vectors(path)
            except UserError as error:
                problems.append(f"{named(clip)}: {error}; extract it again")
        problems += _other_widths(arrays, self.root / str(self.folders[name]))
        return arrays


def _read_vectors(path: Path) -> np.ndarray:
    """float32 (tokens, width), at least one token, finite.

    Raises:
        UserError: it is something else.
    """
    try:
        array = np.atleast_2d(np.load(path, allow_pickle=False)).astype(np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"{path}: not an array of numbers ({error})") from error
    if array.ndim != 2 or 0 in array.shape:
        raise UserError(f"{path}: shape {array.shape}, expected (width,) or (tokens, width)")
    if not np.isfinite(array).all():
        raise UserError(f"{path}: holds values that are not finite")
    return array


def _other_widths(arrays: Mapping[str, np.ndarray], folder: Path) -> list[str]:
    """A problem for each clip whose vectors are not as wide as most."""
    widths = Counter(array.shape[1] for array in arrays.values())
    common = widths.most_common(1)[0][0] if widths else 0
    return [
        f"{folder}/{clip_id}.npy: {array.shape[1]} wide, most are {common}; extract it again"
        for clip_id, array in arrays.items()
        if array.shape[1] != common
    ]


def _filled(
    vectors: Mapping[str, dict[str, np.ndarray]], absent: Mapping[str, dict[str, str]], clips: Sequence[Clip]
) -> LoadedFeatures:
    """Zeros for the clips without a vector; they are counted and shown, not hidden."""
    empty = [
        f"{name}: none of the {len(clips)} clips has it; say inputs.{name}=false"
        for name in vectors
        if not vectors[name]
    ]
    if empty:
        raise InputErrors("features", empty)
    filled = {name: dict(arrays) for name, arrays in vectors.items()}
    for name, arrays in filled.items():
        zeros = np.zeros_like(next(iter(arrays.values()))[:1])
        arrays |= {clip_id: zeros for clip_id in absent[name]}
    return LoadedFeatures(filled, {name: dict(reasons) for name, reasons in absent.items() if reasons})
