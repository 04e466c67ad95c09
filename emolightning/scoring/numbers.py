"""`scoring=numbers`: valence or arousal as a number in the answer; `sentiment.py` builds on it."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from emolightning.config.problems import not_one_of
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.records.score_names import DIMENSIONS, number_scale
from emolightning.scoring.metrics.intervals import percentile_interval, resampled_entry
from emolightning.scoring.metrics.sentiment import Protocol, Sentiments, of_dimension, sentiments
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import headed, require_one_each, why_missing

EMPTY, NO_NUMBER, SEVERAL = "empty answer", "no number in the answer", "several numbers in the answer"
UNCLEAR = "a dash before the number that may be a minus or not"
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"))
_SIGN = re.compile(r"\b(?:minus|negative)\s+(?=\.?\d)|(?<=[:=])\s*-\s+(?=\.?\d)", re.IGNORECASE)
"""What says minus: a word before a number, or a dash that is apart from it after `:` or `=`."""
_UNCLEAR = re.compile(r"[^\W\d_](?<![\d.][eE])-(?=\.?\d)|^-\s+(?=\.?\d)")
"""A dash that joins a word and a number, or one that begins the answer as in a list."""


class Numbers:
    """Numbers of a dimension against true ones: concordance, correlation and errors.

    Args:
        dimension: `valence` or `arousal`.
        scale: lowest and highest true value.

    Raises:
        UserError: another dimension, or a scale that is none or that nobody says.
    """

    reader = None
    section = "valence"
    """The section of a report that says what was counted."""
    scale_is = "scoring.scale=[LOW,HIGH] is the scale; leave out clips without a truth"
    """What may be done about truths that are off it."""

    def __init__(self, *, dimension: str = "valence", scale: Sequence[float] | None = None):
        if dimension not in DIMENSIONS:
            said = f"scoring.dimension: {not_one_of(dimension, DIMENSIONS)}"
            raise UserError(
                f"{said}; it is that of prompt.task=valence or prompt.task=arousal where nothing else is said"
            )
        self.dimension = self.section = dimension
        known = number_scale(scale, "scoring.scale")
        if known is None:
            raise UserError(
                "scoring.scale: nothing says what the lowest and the highest true value are; say e.g. "
                "scoring.scale=[-1,1], or data.scale=[-1,1] with data=custom"
            )
        self._follow(of_dimension(dimension, known))

    def _follow(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.definitions = protocol.definitions()
        self.names = tuple(self.definitions)

    def truth(self, clip: Clip) -> str | None:
        """The clip's number."""
        value = getattr(clip, self.dimension)
        return None if value is None else repr(value)

    def require_truths(self, truths: Iterable[str]) -> None:
        """Refuse what is no number of the scale, and truths that are all 0.

        Raises:
            InputErrors: quotes them.
        """
        self._require([(f"{count} clips", text) for text, count in Counter(truths).items()])

    def _require(self, truths: Sequence[tuple[str, str]]) -> None:
        """Refuse truths, each with what is about whom."""
        low, high = self.protocol.scale or (-math.inf, math.inf)
        span = "a number" if self.protocol.scale is None else f"a number from {low:g} to {high:g}"
        known = [(about, text, _number(text)) for about, text in truths]
        problems = [
            f"{about}: {text[:40]!r} is not {span}"
            for about, text, value in known
            if value is None or not low <= value <= high
        ]
        if not problems and self.protocol.cuts and all(value == 0 for _, _, value in known):
            problems.append("no clip is positive or negative: all are 0")
        if problems:
            raise InputErrors(f"true {self.section}", problems, note=self.scale_is)

    def score(self, answer: Answer) -> Score:
        """The number of one answer, or the reason there is none."""
        if answer.is_missing:
            return Score(answer.clip_id, None, why_missing(answer), answer.text)
        text = answer.text.strip()
        if not text:
            return Score(answer.clip_id, None, EMPTY, answer.text)
        return self._read(answer, text)

    def _read(self, answer: Answer, text: str) -> Score:
        text = _SIGN.sub(" -", text.translate(_DASHES))
        found = NUMBER.findall(text)
        if len(found) == 1 and _UNCLEAR.search(text):
            return Score(answer.clip_id, None, UNCLEAR, answer.text)
        if len(found) != 1 or not math.isfinite(float(found[0])):
            return Score(answer.clip_id, None, SEVERAL if len(found) > 1 else NO_NUMBER, answer.text)
        return Score(answer.clip_id, found[0], None, answer.text)

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """Each score, over the clips that have a truth."""
        kept = [pair for pair in zip(answers, scores, strict=True) if pair[0].truth is not None]
        return Summary(self.counted(kept).values()) if kept else Summary()

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """Scores with intervals over clips. An answer that says nothing is never left out.

        Raises:
            ValueError: no answers, or a clip twice.
            InputErrors: truths that are no numbers.
        """
        require_one_each(answers)
        kept = [pair for pair in zip(answers, scores, strict=True) if pair[0].truth is not None]
        self._require([(f"clip {answer.clip_id}", answer.truth or "") for answer, _ in kept])
        found, compared = self.counted(kept), [answer for answer, _ in kept]
        draws, number = found.samples(sampling.resampling(compared)), sampling.describe(compared)["num_units"]
        method = sampling.bootstrap()
        metrics = {
            name: {
                **resampled_entry(value, percentile_interval(draws[name], num_units=number), number, method, limits),
                "definition": self.definitions[name],
            }
            for (name, value), limits in zip(found.values().items(), self.protocol.ranges().values(), strict=True)
        }
        sections: dict[str, Any] = {self.section: self._section(kept)}
        return Report(
            **headed(answers, scores, benchmark=benchmark, split=split, without_truth=len(answers) - len(kept)),
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe(compared)),
            **sections,
        )

    def cures(self) -> Sequence[str]:
        """Another kind of answers."""
        return ["scoring=sentiment for words such as positive", "scoring=classification for labels"]

    def counted(self, kept: Sequence[tuple[Answer, Score]]) -> Sentiments:
        """What the scores of answers are made of that have a truth."""
        true = np.array([float(answer.truth or "nan") for answer, _ in kept])
        return sentiments(np.array([self._said(*pair) for pair in kept]), true, self.protocol)

    def _said(self, answer: Answer, score: Score) -> float:
        """The number that an answer counts as; NaN for none."""
        return math.nan if score.value is None else float(score.value)

    def _section(self, kept: Sequence[tuple[Answer, Score]]) -> dict[str, Any]:
        """What was counted."""
        low, high = self.protocol.scale or (-math.inf, math.inf)
        said = [self._said(*pair) for pair in kept]
        return {
            "scale": [low, high],
            "num_compared": len(kept),
            "predicted_off_the_scale": sum(value < low or value > high for value in said),
        }


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
