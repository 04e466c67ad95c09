"""Stored vectors beside fresh ones: whether a store still is what its encoder gives of these clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emolightning.errors import UserError

TOLERANCE = 1e-5
"""Largest relative difference that two machines or versions may make."""

HALF_TOLERANCE = 1e-3
"""The same where values are stored in half precision, which rounds to one part in 2048."""


@dataclass(frozen=True)
class Comparison:
    """What a sample of clips showed."""

    differences: dict[str, float]
    """Clip id -> largest absolute difference over the largest absolute value of the fresh vector."""
    reshaped: dict[str, str]
    """Clip id -> both shapes, where they differ: other steps, or another width."""
    failed: dict[str, str]
    """Clip id -> why there is no fresh vector."""

    @property
    def largest(self) -> tuple[str, float] | None:
        """The clip that differs most, and by how much; None where none could be compared."""
        return max(self.differences.items(), key=lambda item: item[1], default=None)

    def described(self, name: str) -> str:
        """One sentence of what was found.

        Args:
            name: feature input, e.g. `speech`.
        """
        if (largest := self.largest) is None:
            return f"{name}: no stored vector could be compared with a fresh one"
        clip_id, difference = largest
        number = len(self.differences)
        return f"{name}: {number} stored vectors compared with fresh ones; they differ by {difference:.1g} ({clip_id})"

    def problems(self, name: str, *, tolerance: float = TOLERANCE) -> list[str]:
        """One sentence for each clip whose stored vector is not what its encoder gives.

        Args:
            name: feature input.
            tolerance: largest relative difference that is none.
        """
        remedy = "the store was made by another recipe or from another file; extract it again"
        return [
            *(f"{name}: {clip_id}: has {shapes}; {remedy}" for clip_id, shapes in self.reshaped.items()),
            *(
                f"{name}: {clip_id}: stored and fresh vector differ by {difference:.1g} (relative); {remedy}"
                for clip_id, difference in self.differences.items()
                if not difference <= tolerance
            ),
            *(
                f"{name}: {clip_id}: no fresh vector to compare with: {reason}"
                for clip_id, reason in self.failed.items()
            ),
        ]


def compare(
    stored: Mapping[str, np.ndarray], fresh: Callable[[str], np.ndarray], clip_ids: Sequence[str]
) -> Comparison:
    """Compute the vectors of some clips again and compare.

    Args:
        stored: clip id -> (tokens, width), e.g. the vectors of `read_store`.
        fresh: gives the vector of a clip, (width,) or (tokens, width); a UserError is noted and does not end it.
        clip_ids: the sample; those that are not stored are left out.
    """
    differences: dict[str, float] = {}
    reshaped: dict[str, str] = {}
    failed: dict[str, str] = {}
    for clip_id in clip_ids:
        if clip_id not in stored:
            continue
        try:
            before, now = np.atleast_2d(stored[clip_id]), np.atleast_2d(fresh(clip_id))
        except UserError as error:
            failed[clip_id] = str(error)
            continue
        if before.shape != now.shape:
            reshaped[clip_id] = f"shape {before.shape} stored and {now.shape} fresh"
        else:
            differences[clip_id] = relative_difference(before, now)
    return Comparison(differences, reshaped, failed)


def relative_difference(before: np.ndarray, now: np.ndarray) -> float:
    """Largest absolute difference over the largest absolute value of `now`; infinite where that is all zeros."""
    now = now.astype(np.float64)
    difference, scale = float(np.abs(before - now).max()), float(np.abs(now).max())
    if difference == 0:
        return 0.0
    return difference / scale if scale else float("inf")
