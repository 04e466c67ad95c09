"""What was sampled independently of what, and what intervals follow from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer
from emolightning.records.score_names import BOOTSTRAP, CLUSTERED_BOOTSTRAP, SCORE_INTERVAL
from emolightning.scoring.metrics.intervals import detectable_difference
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.predictions import some

Intervals = Literal["score", "percentile"]


@dataclass(frozen=True)
class Sampling:
    """How the clips came about. The default: each of them independently of the others."""

    cluster: str | None = None
    """What clips have in common that were not sampled independently: `subject`, or any column of the table."""
    cluster_of: Mapping[str, str] = field(default_factory=dict)
    """Clip id -> its subject (film, dialogue, ...)."""
    is_stratified: bool = False
    """It was decided beforehand how many clips each label has."""
    intervals: Intervals = "score"
    """How intervals of labels are made: score intervals, or percentiles of a bootstrap."""

    def clusters(self, answers: Sequence[Answer]) -> np.ndarray | None:
        """(answers,) int64; None where clips are independent."""
        if self.cluster is None:
            return None
        names = [self.cluster_of[answer.clip_id] for answer in answers]
        return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)

    def resampling(self, answers: Sequence[Answer], strata: np.ndarray | None = None) -> Resampling:
        """How to draw these answers again."""
        return Resampling(clusters=self.clusters(answers), strata=strata if self.is_stratified else None)

    def bootstrap(self) -> str:
        """What an interval by resampling is called."""
        return BOOTSTRAP if self.cluster is None else CLUSTERED_BOOTSTRAP.format(self.cluster)

    def method(self) -> str:
        """What the interval of a score of labels is called."""
        return SCORE_INTERVAL if self.intervals == "score" else self.bootstrap()

    def describe(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """Section `sampling` of a report."""
        clusters = self.clusters(answers)
        return {
            "unit": self.cluster or "clip",
            "num_units": len(answers) if clusters is None else int(clusters.max()) + 1,
            "stratified": self.is_stratified,
        }


BY_CLIP = Sampling()


def sampling_section(metrics: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]) -> dict[str, Any]:
    """Section `sampling` of a report: what was sampled, and what two systems must differ by on it.

    Args:
        metrics: score -> its value and interval.
        about: by `Sampling.describe`.
    """
    known = {name: entry["ci95"] for name, entry in metrics.items() if entry["value"] is not None}
    return {**about, "detectable_difference": {name: detectable_difference(ends) for name, ends in known.items()}}


def sampled(
    cluster: str | None, of_clips: Mapping[str, str | None], *, is_stratified: bool, intervals: Intervals
) -> Sampling:
    """What settings and a table say of how clips came about.

    Args:
        cluster: what clips have in common that were not sampled independently; None where each was.
        of_clips: clip id -> its subject (film, dialogue, ...).
        is_stratified: it was decided beforehand how many clips each label has.
        intervals: of labels.

    Raises:
        UserError: both clusters and strata.
        InputErrors: clips without a cluster, or a single one.
    """
    if cluster is None:
        return Sampling(is_stratified=is_stratified, intervals=intervals)
    if is_stratified:
        raise UserError(
            f"cluster={cluster} with stratified=true: who was filmed decides how many clips each label has; leave out "
            "stratified"
        )
    without = [clip for clip, value in of_clips.items() if not (value or "").strip()]
    if without:
        about = f"{len(without)} of {len(of_clips)} clips have none: {some(without)}; fill it in, or leave out cluster"
        raise InputErrors(f"cluster={cluster}", [about])
    known = {clip: str(value).strip() for clip, value in of_clips.items()}
    if len(set(known.values())) < 2:
        about = f"all {len(known)} clips have {next(iter(known.values()), '')!r}; two or more are needed for intervals"
        raise InputErrors(f"cluster={cluster}", [about])
    return Sampling(cluster, known, is_stratified, intervals)
