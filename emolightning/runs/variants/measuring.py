"""Evaluations of one run against the run as it is: paired tests on the same clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from emolightning.errors import UserError
from emolightning.runs.compare.clips import Compared, same_clips
from emolightning.runs.compare.comparing import with_words
from emolightning.runs.compare.statistics import Measured, measured, pairs
from emolightning.runs.compare.systems import read_system
from emolightning.runs.compare.systems_table import benchmark_of, headline_of
from emolightning.runs.report.figures import supports
from emolightning.runs.variants.evaluating import Outcome
from emolightning.scoring.metrics.chance import chance_levels
from emolightning.scoring.metrics.intervals import exact_proportion, has_no_width
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.scoring import Scoring
from emolightning.scoring.summed import RECALL

KEPT = ("metrics", "mcnemar", "fixed", "broke", "per_class")
"""What is kept of a pair."""


@dataclass(frozen=True)
class Differences:
    """Some evaluations, the first of which the others are compared with."""

    systems: list[Measured]
    pairs: list[dict[str, Any]]
    """What `compare` knows of each but the first beside the first, in their order."""
    compared: Compared
    headline: str
    """The score that ranks."""
    how: Resampling

    @property
    def least(self) -> float:
        """The largest share of clips of which none may be seen by chance: what `compare` takes as half a width, too."""
        return float(exact_proportion(0, self.how.num_units(len(self.compared.ids)))[1])

    @property
    def names(self) -> list[str]:
        """Scores that were drawn."""
        return [name for name in self.systems[0].summed.values() if not name.startswith(RECALL)]

    def about(self) -> dict[str, Any]:
        """What result files say of all."""
        report = self.systems[0].system.report
        return {
            "benchmark": report["benchmark"],
            "split": report["split"],
            "num_clips": len(self.compared.ids),
            "headline": self.headline,
            "chance": {who: found[self.headline] for who, found in _chance(report).items() if self.headline in found},
            "draws": {"num_samples": self.how.num_samples, "seed": self.how.seed},
            "warnings": list(report.get("warnings") or ()),
        }

    def against_first(self, place: int) -> dict[str, Any] | None:
        """What is known of one evaluation against the first; None of the first itself."""
        return None if place == 0 else {key: self.pairs[place - 1].get(key) for key in KEPT}


def differences(outcomes: Sequence[Outcome], scoring: Scoring, *, num_samples: int, seed: int = 0) -> Differences:
    """Read what was answered, and compare each evaluation with the first; p-values are Holm's over all of them.

    Raises:
        UserError: answers that are not of the same clips.
    """
    read = [with_words(read_system(each.variant.name, each.folder, _no_file), scoring) for each in outcomes]
    compared = same_clips(read, only_shared=False)
    how = Resampling(None, num_samples=num_samples, seed=seed)
    found, headline = measured(read, compared, how, scoring), headline_of(read, benchmark_of(read))
    return Differences(found, pairs(found, compared, how, headline, against_first=True), compared, headline, how)


def _chance(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return chance_levels(supports(report)) if "confusion_matrix" in report else {}


def _no_file(path: Path) -> NoReturn:
    raise UserError(f"{path}: is no folder of an evaluation")


def metrics_of(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Score -> its value and interval, as an evaluation has them."""
    return {
        name: {"value": score["value"], "ci95": score["ci95"]}
        for name, score in report["metrics"].items()
        if score["value"] is not None
    }


def with_interval(value: float, drawn: np.ndarray, least: float) -> dict[str, Any]:
    """A number that was made of scores, and its interval on clips that were drawn; None where there is none.

    Args:
        value: the number.
        drawn: the same of clips that were drawn.
        least: half of the width where no draw differs: what other clips could still show.
    """
    if not np.isfinite([value, least]).all() or not np.isfinite(drawn).all():
        return {"value": None, "ci95": [None, None]}
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    if has_no_width((low, high)):
        low, high = value - least, value + least
    return {"value": float(value), "ci95": [low, high]}


def area(values: Sequence[Any]) -> Any:
    """The mean height of the line through values at equal steps: trapezoids.

    >>> area([1.0, 0.5, 0.0])
    0.5
    """
    return sum((first + second) / 2 for first, second in zip(values, values[1:], strict=False)) / (len(values) - 1)


def drop(first: Any, others: Sequence[Any]) -> Any:
    """Which share of a value is lost in the mean of others.

    >>> float(drop(0.8, [0.6, 0.2]))
    0.5
    """
    return 1 - share_of(sum(others) / len(others), first)


def share_of(part: Any, whole: Any) -> Any:
    """One number over another; no number where the other is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(part, whole)


def value_of(system: Measured, name: str) -> float:
    """A score of a system."""
    values: Mapping[str, float] = system.summed.values()
    return values[name]
