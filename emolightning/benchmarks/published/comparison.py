"""Published scores against those of a run: comparable or not and why, and whether ours is better or worse.

Comparable is what has the same clips, the same definition of the score, and no known difference in protocol or inputs.
Conditions that a run does not record cannot contradict; they are listed as not recorded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from emolightning.benchmarks.published.measured import Measured, MeasuredRun
from emolightning.benchmarks.published.protocols import expected_clips, official_clips
from emolightning.benchmarks.published.table import PublishedScore
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.records.benchmark import Protocol
from emolightning.records.score_names import is_loss

WITHIN, BETTER, WORSE = "within interval", "better", "worse"
NOT_COMPARABLE, NONE_PUBLISHED = "not comparable", "no published value"

UPSTREAM_LAYOUT = "upstream_eval"
"""The layout of the prompt that Emotion-LLaMA's published scores were made with."""


MOST_MISSING = 0.05
"""Share of the clips that may be missing, or too many, for a comparison that says so; beyond it is another set."""


@dataclass(frozen=True)
class Compared:
    """One published cell beside ours."""

    score: PublishedScore
    verdict: str
    """`within interval`, `better`, `worse`, each with a note on the clips; or `not comparable: why`."""
    ours: Measured | None = None
    """On the printed scale; None if not comparable."""
    beside: Measured | None = None
    """Ours of the same score on the same clips, on the printed scale, comparable or not."""
    ends: tuple[float, float] | None = None
    """The 95 % interval of the difference; None if not comparable."""
    is_equal_as_printed: bool = False
    """Ours would be printed like the published value, rounded or cut off."""

    @property
    def difference(self) -> float | None:
        """Ours minus published, on the printed scale."""
        return None if self.ours is None else self.ours.value - float(self.score.printed)


@dataclass(frozen=True)
class Comparison:
    """All cells of the benchmarks that were asked for."""

    rows: list[Compared]
    benchmark: str | None
    """What the run was taken for; None if it is none of them."""
    unpublished: dict[str, Measured]
    """Scores of the run that nobody published on its benchmark."""
    remarks: list[str]
    """What else differs, or cannot be known."""


def compare(scores: Sequence[PublishedScore], run: MeasuredRun, requested: Sequence[str]) -> Comparison:
    """Judge every published cell.

    Args:
        scores: the cells of the benchmarks that were asked for.
        run: what was measured.
        requested: names of these benchmarks.
    """
    benchmark, remarks = stands_for(run, requested)
    rows = [_compared(score, run, benchmark) for score in scores]
    published = {score.metric for score in scores if score.is_verified and score.benchmark == benchmark}
    unpublished = {name: value for name, value in run.metrics.items() if name not in published}
    used = list({row.score.protocol.name: row.score.protocol for row in rows if row.ours is not None}.values())
    return Comparison(
        rows=rows,
        benchmark=benchmark,
        unpublished=unpublished if benchmark is not None else {},
        remarks=[*remarks, *_unknown(run, used, rows), *run.remarks],
    )


def stands_for(run: MeasuredRun, requested: Sequence[str]) -> tuple[str | None, list[str]]:
    """Which of the benchmarks a run is on, and what is to be said about that.

    A run that names no official benchmark, as `score` without benchmark=..., is known by its number of clips per class.
    """
    if run.benchmark in official_benchmarks():
        return (run.benchmark if run.benchmark in requested else None), []
    alike = [name for name in requested if _has_clips_of(run, name)]
    if len(alike) != 1:
        could_be = f"; it could be {' or '.join(alike)}: score it with benchmark=..." if alike else ""
        return None, [f"the run calls its data {run.benchmark!r}, {run.num_clips} clips{could_be}"]
    counted = "as many clips of each class" if run.supports else "as many clips"
    return alike[0], [f"the run calls its data {run.benchmark!r}; taken for {alike[0]}, which has {counted}"]


def _has_clips_of(run: MeasuredRun, benchmark: str) -> bool:
    if benchmark not in official_benchmarks() or run.num_clips != official_clips(benchmark):
        return False
    official = official_benchmarks()[benchmark].supports.get("test")
    return not run.supports or official is None or dict(run.supports) == dict(official)


def _compared(score: PublishedScore, run: MeasuredRun, benchmark: str | None) -> Compared:
    reason = why_not(score, run, benchmark)
    ours = run.metrics.get(score.metric) if benchmark == score.benchmark else None
    if ours is not None:
        ours = Measured(*(score.factor * number for number in (ours.value, ours.low, ours.high)))
    if reason is not None or ours is None:
        return Compared(score, f"{NOT_COMPARABLE}: {reason}", beside=ours)
    published, tolerance = float(score.printed), score.last_digit + 1e-9  # 1e-9: what binary fractions lose
    expected = expected_clips(score.protocol)
    low, high = _ends(ours, published, run.num_clips, expected or run.num_clips)
    if low - tolerance <= 0 <= high + tolerance:
        verdict = WITHIN
    else:
        verdict = BETTER if (low > 0) != is_loss(score.metric) else WORSE
    if expected is not None and run.num_clips != expected:
        verdict += f"; on {run.num_clips} clips, published on {expected}"
    return Compared(score, verdict, ours, ours, (low, high), abs(ours.value - published) < tolerance)


def _ends(ours: Measured, published: float, num_clips: int, num_published: int) -> tuple[float, float]:
    """The 95 % interval of ours less the published value, which has an error of its own.

    Nobody published what each clip was answered, so the figure is taken to be as uncertain as ours would be on as many
    clips, and independent of it; both answered the same clips, so the true interval is rather narrower.
    """
    difference, below, above = ours.value - published, ours.value - ours.low, ours.high - ours.value
    ratio = num_clips / num_published
    low = difference - math.hypot(below, above * ratio**0.5)
    return low, difference + math.hypot(above, below * ratio**0.5)


def why_not(score: PublishedScore, run: MeasuredRun, benchmark: str | None) -> str | None:
    """The first reason against a comparison; None if there is none.

    Args:
        score: what was published.
        run: what was measured.
        benchmark: what the run counts as.
    """
    if not score.is_verified:
        return f"unverified: {score.remark}"
    if score.benchmark not in official_benchmarks():
        return f"this project does not evaluate {score.benchmark}"
    if benchmark != score.benchmark:
        return f"other clips: the run is on {benchmark or run.benchmark}, the figure on {score.benchmark}"
    if score.protocol.never is not None:
        return score.protocol.never
    if run.split not in ("test", "all"):
        return f"other clips: the run is on split {run.split}"
    expected = expected_clips(score.protocol)
    if expected is not None and abs(run.num_clips - expected) > MOST_MISSING * expected:
        return f"other clips: the run has {run.num_clips}, the figure is of {expected}"
    if "shuffle" in run.facts:
        return f"the run permuted {', '.join(run.facts['shuffle'])} across clips"  # type: ignore[arg-type]
    if "perturb" in run.facts:
        return "the run's inputs were changed (perturb.*)"
    for name, wanted in score.protocol.conditions.items():
        if run.facts.get(name, wanted) != wanted and name == "zero_shot":
            ways = ("zero-shot", "trained on these data")
            return f"other protocol: {' there, '.join(ways if wanted else ways[::-1])} here"
        if run.facts.get(name, wanted) != wanted:
            return f"other protocol: {name} is {_shown(wanted)} there, {_shown(run.facts[name])} here"
    if score.modality and run.facts.get("modality", score.modality) != score.modality:
        return f"other inputs: {score.modality} there, {run.facts['modality']} here"
    if score.metric not in run.metrics:
        return f"other score: the run has no {score.metric}"
    return None


def _shown(value: object) -> str:
    """A condition's value; a hash by its beginning."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{str(value)[:8]}..." if isinstance(value, str) and len(value) == 64 else str(value)


def _unknown(run: MeasuredRun, used: Sequence[Protocol], rows: Sequence[Compared]) -> list[str]:
    """Conditions of the protocols in use that the run does not record, and those that are never checked."""
    remarks = []
    wanted = {name for protocol in used for name in protocol.conditions}
    if any(row.score.modality for row in rows if row.ours is not None):
        wanted.add("modality")
    missing = sorted(wanted - run.facts.keys())
    if missing:
        remarks.append(f"not compared, for the run does not record it: {', '.join(missing)}")
    if any(row.score.metric == "hit" for row in rows if row.ours is not None) and "num_labels" in run.metrics:
        remarks.append(f"hit: further labels cost nothing; the run names {run.metrics['num_labels'].value:.1f} a clip")
    layout = run.facts.get("layout", UPSTREAM_LAYOUT)
    if used and layout != UPSTREAM_LAYOUT:
        remarks.append(f"prompt.layout is {layout}; Emotion-LLaMA's figures were made with {UPSTREAM_LAYOUT}")
    return remarks
