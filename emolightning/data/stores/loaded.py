"""The vectors of a run: what fits is held in memory, the rest is read when it is asked for."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emolightning.data.checkup.unusable import Faults
from emolightning.data.stores.manifest import Manifest
from emolightning.data.stores.records import checksum


@dataclass(frozen=True, slots=True)
class Vector:
    """What is known of one clip's vectors."""

    num_tokens: int
    width: int
    checksum: bytes
    array: np.ndarray | None = None
    """float32 (tokens, width); None leaves it where it is stored."""


def held(array: np.ndarray) -> Vector:
    """Vectors that are in memory, (tokens, width)."""
    return Vector(len(array), array.shape[1], checksum(array), array)


class Vectors(Mapping[str, np.ndarray]):
    """Clip id -> float32 (tokens, width).

    Args:
        known: clip id -> what is known of it.
        read: gives the array of a clip that is not in memory; it travels to worker processes.
    """

    def __init__(self, known: Mapping[str, Vector], read: Callable[[str], np.ndarray] | None = None):
        self._known = dict(known)
        self._read = read

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Vectors":
        """Those of arrays in memory."""
        return cls({clip_id: held(array) for clip_id, array in arrays.items()})

    @classmethod
    def joined(cls, parts: "Mapping[str, Vectors]", joint: str) -> "Vectors":
        """Join the vectors of several datasets.

        Args:
            parts: name of a dataset -> its vectors.
            joint: what is between the name of the dataset and the clip's id in the new ids.
        """
        known = {f"{name}{joint}{clip_id}": one for name, part in parts.items() for clip_id, one in part._known.items()}
        return cls(known, _Joined(parts, joint))

    def __getitem__(self, clip_id: str) -> np.ndarray:
        """The array.

        Raises:
            UserError: it was damaged or changed after the run began.
        """
        array = self._known[clip_id].array
        if array is not None:
            return array
        assert self._read is not None
        return self._read(clip_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._known

    @property
    def width(self) -> int:
        """The width of the first clip, which is that of all once the others are sorted out."""
        return next(iter(self._known.values())).width

    def num_tokens(self, clip_id: str) -> int:
        """How many vectors a clip has."""
        return self._known[clip_id].num_tokens

    def checksum(self, clip_id: str) -> bytes:
        """sha256 of a clip's values."""
        return self._known[clip_id].checksum

    def without(self, clips: Collection[str]) -> "Vectors":
        """The same for the other clips."""
        return Vectors({clip_id: known for clip_id, known in self._known.items() if clip_id not in clips}, self._read)

    def with_zeros(self, clips: Collection[str]) -> "Vectors":
        """The same, and one vector of zeros for each of some clips."""
        if not clips:
            return self
        return Vectors(self._known | dict.fromkeys(clips, held(np.zeros((1, self.width), np.float32))), self._read)


@dataclass(frozen=True)
class _Joined:
    """Reads the vectors of a clip of several datasets from those of its own."""

    parts: Mapping[str, Vectors]
    joint: str

    def __call__(self, clip_id: str) -> np.ndarray:
        name, _, own = clip_id.partition(self.joint)
        return self.parts[name][own]


@dataclass(frozen=True)
class LoadedFeatures:
    """All vectors of a run."""

    vectors: dict[str, Vectors]
    """Feature input -> clip id -> float32 (tokens, width)."""
    zeros: dict[str, dict[str, str]] = field(default_factory=dict)
    """Feature input -> clip id -> why its vectors are zeros."""
    faults: Faults = field(default_factory=dict)
    """What is wrong with clips of which some vector cannot be had."""
    made_by: dict[str, Manifest] = field(default_factory=dict)
    """Feature input -> what made its vectors, where that is known."""
    absent: dict[str, dict[str, str]] = field(default_factory=dict)
    """Feature input -> clip id -> why it has no vectors, where nothing was put in their place."""
    remarks: dict[str, str] = field(default_factory=dict)
    """Feature input -> what makes its vectors worth doubting, in a sentence."""

    @property
    def widths(self) -> dict[str, int]:
        """Feature input -> width."""
        return {name: of_input.width for name, of_input in self.vectors.items() if of_input}

    def with_other(self, other: "LoadedFeatures") -> "LoadedFeatures":
        """These and those of other inputs of the same clips."""
        faults = {clip_id: list(found) for clip_id, found in self.faults.items()}
        for clip_id, found in other.faults.items():
            faults.setdefault(clip_id, []).extend(found)
        return LoadedFeatures(
            self.vectors | other.vectors,
            self.zeros | other.zeros,
            faults,
            self.made_by | other.made_by,
            self.absent | other.absent,
            self.remarks | other.remarks,
        )

    def without(self, clips: Collection[str]) -> "LoadedFeatures":
        """The same for the other clips."""
        vectors = {name: of_input.without(clips) for name, of_input in self.vectors.items()}
        zeros = {
            name: {clip_id: reason for clip_id, reason in reasons.items() if clip_id not in clips}
            for name, reasons in self.zeros.items()
        }
        return LoadedFeatures(
            {name: of_input for name, of_input in vectors.items() if of_input},
            {name: reasons for name, reasons in zeros.items() if reasons},
            made_by=self.made_by,
            remarks=self.remarks,
        )

    def hash(self) -> str:
        """sha256 over names, clip ids, shapes and values, wherever they are stored: what a run was trained on."""
        digest = hashlib.sha256()
        for name in sorted(self.vectors):
            of_input = self.vectors[name]
            for clip_id in sorted(of_input):
                digest.update(f"{name} {clip_id} {of_input.num_tokens(clip_id)}x{of_input.width} ".encode())
                digest.update(of_input.checksum(clip_id))
        return digest.hexdigest()


def joined_features(parts: Mapping[str, LoadedFeatures], joint: str) -> LoadedFeatures:
    """The vectors of several datasets as those of one.

    Args:
        parts: name of a dataset, without the joint in it -> its vectors.
        joint: between that name and the id of a clip there, in the ids of all.
    """

    def ids(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {f"{name}{joint}{clip_id}": of_one for name, part in found.items() for clip_id, of_one in part.items()}

    def of_inputs(what: Callable[[LoadedFeatures], Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Input -> dataset -> what it has of it."""
        found: dict[str, dict[str, Any]] = {}
        for name, part in parts.items():
            for of_input, value in what(part).items():
                found.setdefault(of_input, {})[name] = value
        return found

    vectors = of_inputs(lambda part: part.vectors)
    remarks = of_inputs(lambda part: part.remarks)
    return LoadedFeatures(
        {name: Vectors.joined(found, joint) for name, found in vectors.items()},
        {name: ids(found) for name, found in of_inputs(lambda part: part.zeros).items()},
        ids({name: part.faults for name, part in parts.items()}),
        {name: next(iter(found.values())) for name, found in of_inputs(lambda part: part.made_by).items()},
        {name: ids(found) for name, found in of_inputs(lambda part: part.absent).items()},
        {of: "; ".join(f"{name}: {said}" for name, said in found.items()) for of, found in remarks.items()},
    )
