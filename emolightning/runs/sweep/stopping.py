"""Which trials to stop early: W&B's `early_terminate: hyperband`, with the same meaning as the server's.

A band is a number of validations. Of the trials that got so far, a trial stays if its value is among the best 1/eta.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emolightning.config.problems import suggestion

KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")
MAX_BANDS = 100


@dataclass(frozen=True)
class Hyperband:
    """Bands and share of the trials that go on."""

    bands: tuple[int, ...]
    """Numbers of validations after which trials are compared, smallest first."""
    eta: float
    is_strict: bool = True
    """Compare the value at the band; else the best value so far, which stops fewer trials."""

    def threshold(self, band: int, histories: Sequence[Sequence[float]], *, maximize: bool) -> float | None:
        """The worst value at a band that still goes on; None when no trial has reached it.

        Args:
            band: a number of validations.
            histories: the values of each trial in order, this one's among them.
            maximize: whether more is better.
        """
        values = sorted((history[band - 1] for history in histories if len(history) >= band), reverse=maximize)
        return values[int(1.0 / self.eta * len(values))] if values else None

    def verdict(
        self, history: Sequence[float], histories: Sequence[Sequence[float]], *, maximize: bool
    ) -> tuple[int, float, float] | None:
        """Band, value and threshold if a trial is to be stopped, else None.

        Args:
            history: the trial's values in order.
            histories: those of all trials.
            maximize: whether more is better.
        """
        reached = [band for band in self.bands if band <= len(history)]
        if not reached:
            return None
        band = reached[-1]
        threshold = self.threshold(band, histories, maximize=maximize)
        best = max(history) if maximize else min(history)
        value = history[band - 1] if self.is_strict else best
        if threshold is None or not (value < threshold if maximize else value > threshold):
            return None
        return band, value, threshold


def read_hyperband(spec: Any) -> tuple[Hyperband | None, list[str]]:
    """`early_terminate` of a sweep file, or what is wrong with it."""
    if not isinstance(spec, dict):
        return None, [f"must be a mapping with type: hyperband, not {spec!r}"]
    problems = [f"{key}: no such key; {suggestion(key, KEYS)}" for key in spec if key not in KEYS]
    if spec.get("type") != "hyperband":
        problems.append(f"type must be hyperband, not {spec.get('type')!r}")
    for key in ("min_iter", "max_iter", "s"):
        if key in spec and (not isinstance(spec[key], int) or isinstance(spec[key], bool) or spec[key] < 1):
            problems.append(f"{key} must be a whole number of 1 or more, not {spec[key]!r}")
    eta = spec.get("eta", 3)
    if not isinstance(eta, int | float) or isinstance(eta, bool) or eta <= 1:
        problems.append(f"eta must be a number above 1, not {eta!r}")
    if not isinstance(spec.get("strict", True), bool):
        problems.append(f"strict must be true or false, not {spec['strict']!r}")
    if "max_iter" in spec and "s" not in spec:
        problems.append("max_iter needs s, the number of bands")
    if "min_iter" not in spec and "max_iter" not in spec:
        problems.append("needs min_iter, the first band, or max_iter and s, the last and how many")
    if problems:
        return None, problems
    bands = _bands(spec, eta)
    if not bands:
        return None, [f"max_iter {spec['max_iter']} with eta {eta} leaves no band; make max_iter larger or eta smaller"]
    return Hyperband(bands, eta, spec.get("strict", True)), []


def _bands(spec: dict[str, Any], eta: float) -> tuple[int, ...]:
    """From `max_iter` down in s steps, or from `min_iter` up; integer parts, as W&B takes them."""
    if "max_iter" in spec:
        found = [spec["max_iter"] / eta**power for power in range(1, spec["s"] + 1)]
        return tuple(sorted({int(band) for band in found if band >= 1}))
    return tuple(dict.fromkeys(int(spec["min_iter"] * eta**power) for power in range(MAX_BANDS)))
