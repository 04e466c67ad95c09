"""`scoring=graded_steps`: a judge's grades of the steps of an answer, as MME-Emotion counts them.

The text is the judge's: `<score>Step 1: 1/1, Step 2: 0/1</score>`. The last step is the recognition of the emotion, the
others are the reasoning. Source: FunAudioLLM/MME-Emotion @ 61719fd, `eval_cot/Overall/metrics/cal_metrics.py`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.metrics.intervals import percentile_interval, resampled_entry
from emolightning.scoring.metrics.open_vocabulary import averages, resampled_averages
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import headed, require_one_each, why_missing

GRADES = re.compile(r"<score>(.*?)</score>")
STEP = re.compile(r":\s*(\d+)/(\d+)")
NO_GRADES = "no graded step in the answer"

MEANS = {
    "recognition_score": "mean grade of the last step, which is the emotion",
    "reasoning_score": "mean over clips of the mean grade of the other steps, 0 where there are none",
    "cot_score": "recognition_score and reasoning_score, weighted by alpha and 1 - alpha",
}
DEFINITIONS = {
    **{name: f"{about}; clips without grades are left out, as officially" for name, about in MEANS.items()},
    **{f"{name}_all": f"{name} where clips without grades count as 0" for name in MEANS},
    "num_steps": "mean number of graded steps, the last included",
}


class GradedSteps:
    """Grades that a judge has written, averaged over clips.

    Args:
        alpha: weight of the recognition in `cot_score`.

    Raises:
        UserError: it is no share.
    """

    def __init__(self, *, alpha: float = 0.5):
        if not 0 <= alpha <= 1:
            raise UserError(f"scoring.alpha={alpha} is not a share from 0 to 1, e.g. 0.5")
        self.alpha = alpha
        self.reader = None
        self.names = tuple(DEFINITIONS)

    def truth(self, clip: Clip) -> str | None:
        """The label, which the judge has seen; nothing is compared with it here."""
        return clip.label

    def require_truths(self, truths: Iterable[str]) -> None:
        """Any text may be what the judge was shown."""

    def score(self, answer: Answer) -> Score:
        """The grades of one answer, or the reason there are none."""
        if answer.is_missing:
            return Score(answer.clip_id, None, why_missing(answer), answer.text)
        found = grades_of(answer.text)
        text = ", ".join(f"{grade:g}" for grade in found)
        return Score(answer.clip_id, text or None, None if found else NO_GRADES, answer.text)

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """The means alone."""
        return Summary({name: float(value[0]) for name, value in averages_of(self._columns(answers)).items()})

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """Means with intervals over clips.

        Raises:
            ValueError: no answers, or a clip twice.
        """
        require_one_each(answers)
        columns = self._columns(answers)
        draws, number = (
            resampled_averages(columns, sampling.resampling(answers)),
            sampling.describe(answers)["num_units"],
        )
        metrics: dict[str, dict[str, Any]] = {}
        for name, value in averages_of(columns).items():
            limits, ends = (0.0, max(1.0, float(np.nanmax(columns[name])))), draws[name][:, 0]
            metrics[name] = {
                **resampled_entry(
                    float(value[0]), percentile_interval(ends, num_units=number), number, sampling.bootstrap(), limits
                ),
                "definition": DEFINITIONS[name],
            }
        return Report(
            **headed(answers, scores, benchmark=benchmark, split=split),
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe(answers)),
        )

    def cures(self) -> Sequence[str]:
        """The column that the judge has written into."""
        return ["columns.answer=COLUMN, the one with <score>Step 1: 1/1, ...</score>"]

    def _columns(self, answers: Sequence[Answer]) -> dict[str, np.ndarray]:
        """Score -> (clips, 1), NaN where a clip does not count."""
        found = [grades_of(answer.text) for answer in answers]
        last = np.array([grades[-1] if grades else np.nan for grades in found])
        others = np.array([_mean(grades[:-1]) if grades else np.nan for grades in found])
        means = dict(zip(MEANS, (last, others, self.alpha * last + (1 - self.alpha) * others), strict=True))
        steps = np.array([float(len(grades)) if grades else np.nan for grades in found])
        every = {f"{name}_all": np.nan_to_num(column) for name, column in means.items()}
        return {name: column[:, None] for name, column in {**means, **every, "num_steps": steps}.items()}


def averages_of(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The mean of each score for which some clip counts."""
    return {name: averages(column) for name, column in columns.items() if not np.isnan(column).all()}


def grades_of(text: str) -> list[float]:
    """The grades of the steps; a step graded out of 0 has 0, as officially.

    >>> grades_of("<score>Step 1: 1/1, Step 2: 0/1, Step 3: 1/2</score>")
    [1.0, 0.0, 0.5]
    """
    found = GRADES.search(text)
    pairs = [(int(part), int(whole)) for part, whole in STEP.findall(found[1])] if found else []
    return [part / whole if whole else 0.0 for part, whole in pairs]


def _mean(grades: Sequence[float]) -> float:
    return sum(grades) / len(grades) if grades else 0.0
