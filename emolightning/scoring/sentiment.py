"""`scoring=sentiment`: how positive a clip is, as papers on CMU-MOSI, CH-SIMS or MER-UniBench score it."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.metrics.intervals import interval_entry, percentile_interval, same_value_interval
from emolightning.scoring.metrics.sentiment import DEFAULT, PROTOCOLS, Sentiments, sentiments
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import NO_TRUTH, require_one_each, why_missing

WORDS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
"""What MER-UniBench's words count as."""

EMPTY, NO_NUMBER, SEVERAL = "empty answer", "no number in the answer", "several numbers in the answer"
OTHER = "neither positive nor negative nor neutral (counts as 0, as officially)"

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Sentiment:
    """Numbers, or MER-UniBench's words, against true numbers.

    Args:
        protocol: `mosi` (also CMU-MOSEI): numbers from -3 to 3; `sims`: numbers from -1 to 1; `mer_unibench`: the words
            positive and negative, compared as they are written, and true numbers of any scale; None is `mosi`.
        answers: of words. `exact`: an answer is one of them, as officially; `text`: the one that a sentence gives.

    Raises:
        UserError: an unknown protocol, or sentences where numbers are compared.
    """

    def __init__(self, *, protocol: str | None = None, answers: Literal["exact", "text"] = "exact"):
        protocol = protocol or DEFAULT
        if protocol not in PROTOCOLS:
            raise UserError(f"scoring.protocol: must be one of {', '.join(PROTOCOLS)}, not {protocol!r}")
        if answers == "text" and PROTOCOLS[protocol].scale is not None:
            raise UserError("scoring.answers=text reads words: say scoring.protocol=mer_unibench, or leave it out")
        self.name, self.protocol = protocol, PROTOCOLS[protocol]
        self.reader = None
        self._words = LabelReader(tuple(WORDS)) if answers == "text" else None
        self.definitions = self.protocol.definitions()
        self.names = tuple(self.definitions)

    def truth(self, clip: Clip) -> str | None:
        """The clip's valence."""
        return None if clip.valence is None else repr(clip.valence)

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
        if not problems and all(value == 0 for _, _, value in known):
            problems.append("no clip is positive or negative: all are 0")
        if problems:
            cure = "scoring.protocol is the scale: mosi for -3 to 3, sims for -1 to 1; leave out clips without a truth"
            raise InputErrors("true sentiment", problems, note=cure)

    def score(self, answer: Answer) -> Score:
        """The number or word of one answer, or the reason there is none."""
        if answer.is_missing:
            return Score(answer.clip_id, None, why_missing(answer), answer.text)
        text = answer.text.strip()
        if not text:
            return Score(answer.clip_id, None, EMPTY, answer.text)
        if self.protocol.scale is None:
            word = text if self._words is None else self._words.read(text).label
            is_word = word in WORDS
            return Score(answer.clip_id, word if is_word else None, None if is_word else OTHER, answer.text)
        found = NUMBER.findall(text.replace("\u2212", "-"))
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
        metrics = {
            name: {
                "value": value,
                **interval_entry(
                    percentile_interval(draws[name], num_units=number),
                    same_value_interval(value, number, lowest=lowest, highest=highest),
                    method=sampling.bootstrap(),
                ),
                "definition": self.definitions[name],
            }
            for (name, value), (lowest, highest) in zip(
                found.values().items(), self.protocol.ranges().values(), strict=True
            )
        }
        unscored = Counter(str(score.unscored_because) for score in scores if score.value is None)
        if len(kept) < len(answers):
            unscored[NO_TRUTH] = len(answers) - len(kept)
        return Report(
            benchmark=benchmark,
            split=split,
            num_clips=len(answers),
            num_scored=sum(score.value is not None for score in scores),
            unscored=dict(unscored),
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe(compared)),
            sentiment=self._section(kept),
        )

    def cures(self) -> Sequence[str]:
        """Another kind of answers."""
        return [f"scoring.protocol={name} ({each.about})" for name, each in PROTOCOLS.items() if name != self.name]

    def counted(self, kept: Sequence[tuple[Answer, Score]]) -> Sentiments:
        """What the scores of answers are made of that have a truth."""
        true = np.array([float(answer.truth or "nan") for answer, _ in kept])
        return sentiments(np.array([self._said(*pair) for pair in kept]), true, self.protocol)

    def _said(self, answer: Answer, score: Score) -> float:
        """The number that an answer counts as; NaN for none."""
        if self.protocol.scale is None:  # Officially whatever is another word, or none, is 0.
            return math.nan if answer.is_missing else WORDS.get(score.value or "", 0.0)
        return math.nan if score.value is None else float(score.value)

    def _section(self, kept: Sequence[tuple[Answer, Score]]) -> dict[str, Any]:
        """What was counted; of words how many there are of each, `other` ones among them."""
        low, high = self.protocol.scale or (-math.inf, math.inf)
        numbers = [self._said(*pair) for pair in kept]
        counted: dict[str, Any] = {
            "protocol": self.name,
            "num_compared": len(kept),
            "zero_truths": sum(float(answer.truth or "nan") == 0 for answer, _ in kept),
        }
        if self.protocol.scale is None:
            words = Counter(score.value or "other" for answer, score in kept if not answer.is_missing)
            return {**counted, "answers": {word: words[word] for word in (*WORDS, "other")}}
        return {**counted, "predicted_off_the_scale": sum(value < low or value > high for value in numbers)}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
