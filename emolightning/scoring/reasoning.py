"""`scoring=reasoning`: descriptions compared with descriptions, as in EMER; a judge grades them.

A judge that fails is no low grade: its failures are counted, and the mean is over the clips that were graded. An empty
or missing answer is the model's failure: it gets the lowest grade, is counted, and is not shown to a judge. Clips
without a reference text are counted and left out.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.diagnosis import length_bias
from emolightning.scoring.judges.judge import OVERLAPS, Grade, Judge, JudgeScore, Pair, failures
from emolightning.scoring.metrics.intervals import percentile_interval, resampled_entry
from emolightning.scoring.metrics.open_vocabulary import resampled_averages
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.metrics.text import Language, score_texts
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import require_one_each, why_missing

NO_REFERENCE, EMPTY = "no reference text", "empty answer"
LONGEST_REASON = 300  # characters kept of what a judge wrote about a clip

ABOUT = {
    "clue": "overlap of the evidence: expression, voice, words, situation",
    "label": "overlap of the emotions",
}


class Reasoning:
    """Clue overlap and label overlap by a judge, and text scores as diagnostics.

    Args:
        judge: what grades.
        language: of the text scores; `auto` looks at the references.
    """

    def __init__(self, *, judge: Judge, language: Language = "auto"):
        self.judge = judge
        self.language: Language = language
        self.reader = None
        self.names = tuple(f"{name}_overlap_{judge.name}" for name in OVERLAPS)

    def truth(self, clip: Clip) -> str | None:
        """The longer explanation where there are two."""
        return clip.detailed_reason or clip.reason

    def require_truths(self, truths: Iterable[str]) -> None:
        """Any text can be compared with."""

    def score(self, answer: Answer) -> Score:
        """The text itself: what it is worth is known when the judge has seen it."""
        nothing = _nothing_said(answer)
        return Score(answer.clip_id, None if nothing else answer.text.strip(), nothing, answer.text)

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """The mean grades; NaN where the judge graded no clip.

        Raises:
            UserError: the judge cannot be asked.
        """
        paired = [answer for answer in answers if (answer.truth or "").strip()]
        if not paired:
            return Summary()
        judged = self._judged(paired)
        return Summary({name: _mean(_values(judged, of)) for name, of in zip(self.names, OVERLAPS, strict=True)})

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """Means with intervals, the judge and its failures, text scores, and a row for each clip.

        `num_scored` counts clips with both overlaps; how many have each is in the section `judge`.

        Raises:
            ValueError: no answers, or a clip twice.
            UserError: the judge cannot be asked.
        """
        require_one_each(answers)
        paired = [answer for answer in answers if (answer.truth or "").strip()]
        judged = self._judged(paired)
        metrics = self._metrics(judged, paired, sampling)
        unscored = Counter(found for score in judged if (found := score.clue.failure or score.label.failure))
        if len(paired) < len(answers):
            unscored[NO_REFERENCE] = len(answers) - len(paired)
        return Report(
            benchmark=benchmark,
            split=split,
            num_clips=len(answers),
            num_scored=len(answers) - unscored.total(),
            unscored=dict(unscored),
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe(paired)) if paired else None,
            judge=self._judge_section(paired, judged),
            text=score_texts(*_texts(paired), language=self.language).as_section() if paired else None,
            clips=[_row(score) for score in judged],
        )

    def cures(self) -> Sequence[str]:
        """Every text can be read."""
        return []

    def _judged(self, answers: Sequence[Answer]) -> list[JudgeScore]:
        """In the order of the answers; the judge sees those that say something."""
        pairs = [
            Pair(answer.clip_id, str(answer.truth), answer.text) for answer in answers if not _nothing_said(answer)
        ]
        judged = {score.clip_id: score for score in (self.judge.score(pairs) if pairs else ())}
        return [judged.get(answer.clip_id) or self._lowest(answer) for answer in answers]

    def _lowest(self, answer: Answer) -> JudgeScore:
        grade = Grade(float(self.judge.scale[0]), _nothing_said(answer) or "")
        return JudgeScore(answer.clip_id, grade, grade)

    def _metrics(
        self, scores: Sequence[JudgeScore], answers: Sequence[Answer], sampling: Sampling
    ) -> dict[str, dict[str, Any]]:
        """`clue_overlap_<judge>` and `label_overlap_<judge>`."""
        values = {name: _values(scores, name) for name in OVERLAPS}
        resampling = sampling.resampling(answers) if scores else Resampling()
        columns = {name: column[:, None] for name, column in values.items()}
        draws = resampled_averages(columns, resampling) if scores else {}
        num_units, method = resampling.num_units(len(scores)), sampling.bootstrap()
        (low, high), comparable = self.judge.scale, self.judge.describe()["comparable_with"]
        return {
            f"{name}_overlap_{self.judge.name}": {
                **_mean_and_interval(
                    values[name], draws.get(name), scale=(low, high), num_units=num_units, method=method
                ),
                "definition": f"mean over graded clips of the {self.judge.name} judge's {low:g}-{high:g} grade for the "
                f"{ABOUT[name]}; comparable with {comparable}",
            }
            for name in OVERLAPS
        }

    def _judge_section(self, answers: Sequence[Answer], scores: Sequence[JudgeScore]) -> dict[str, Any]:
        return {
            **self.judge.describe(),
            "num_scored": {name: int((~np.isnan(_values(scores, name))).sum()) for name in OVERLAPS},
            "failures": {name: failures(getattr(score, name) for score in scores) for name in OVERLAPS},
            "length_bias": {
                name: length_bias([len(answer.text) for answer in answers], _values(scores, name)) for name in OVERLAPS
            },
            "lowest_without_judge": dict(Counter(found for answer in answers if (found := _nothing_said(answer)))),
        }


def _nothing_said(answer: Answer) -> str | None:
    """Why there is nothing to judge."""
    if answer.is_missing:
        return why_missing(answer)
    return None if answer.text.strip() else EMPTY


def _values(scores: Sequence[JudgeScore], name: str) -> np.ndarray:
    """(clips,), NaN where there is no grade."""
    grades = [getattr(score, name).value for score in scores]
    return np.array([np.nan if grade is None else grade for grade in grades], dtype=np.float64)


def _mean(values: np.ndarray) -> float:
    graded = values[~np.isnan(values)]
    return float(graded.mean()) if len(graded) else math.nan


def _mean_and_interval(
    values: np.ndarray, draws: np.ndarray | None, *, scale: tuple[float, float], num_units: int, method: str
) -> dict[str, Any]:
    """Nulls where no clip was graded: a mean of nothing is not 0."""
    graded = values[~np.isnan(values)]
    if draws is None or not len(graded):
        return {"value": None, "ci95": [None, None], "num_clips": 0}
    ends = percentile_interval(draws[:, 0], num_units=num_units)
    entry = resampled_entry(float(graded.mean()), ends, len(graded), method, scale)
    return {**entry, "num_clips": len(graded)}


def _texts(answers: Sequence[Answer]) -> tuple[list[str], list[str]]:
    return [answer.text for answer in answers], [str(answer.truth) for answer in answers]


def _row(score: JudgeScore) -> dict[str, Any]:
    row: dict[str, Any] = {"id": score.clip_id}
    for name in OVERLAPS:
        grade = getattr(score, name)
        row |= {name: grade.value, f"{name}_reason": _clean(grade.reason)}
        if grade.failure is not None:
            row[f"{name}_failure"] = grade.failure
    return row


def _clean(reason: str) -> str:
    """A judge's words come from outside: printable, on one line, not too long."""
    line = "".join(character if character.isprintable() else " " for character in reason)
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}..."
