"""`scoring=sentiment`: how positive a clip is, as papers on CMU-MOSI, CH-SIMS or MER-UniBench score it."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Score
from emolightning.scoring.metrics.sentiment import DEFAULT, PROTOCOLS
from emolightning.scoring.numbers import Numbers
from emolightning.scoring.reading import LabelReader

WORDS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
"""What MER-UniBench's words count as."""

OTHER = "neither positive nor negative nor neutral (counts as 0, as officially)"


class Sentiment(Numbers):
    """Numbers, or MER-UniBench's words, against the valence of a clip.

    Args:
        protocol: `mosi` (also CMU-MOSEI): numbers from -3 to 3; `sims`: numbers from -1 to 1; `mer_unibench`: the words
            positive and negative, compared as they are written, and true numbers of any scale; None is `mosi`.
        answers: of words. `exact`: an answer is one of them, as officially; `text`: the one that a sentence gives.

    Raises:
        UserError: an unknown protocol, or sentences where numbers are compared.
    """

    dimension = "valence"
    section = "sentiment"
    scale_is = "scoring.protocol is the scale: mosi for -3 to 3, sims for -1 to 1; leave out clips without a truth"

    def __init__(self, *, protocol: str | None = None, answers: Literal["exact", "text"] = "exact"):
        protocol = protocol or DEFAULT
        if protocol not in PROTOCOLS:
            raise UserError(f"scoring.protocol: must be one of {', '.join(PROTOCOLS)}, not {protocol!r}")
        if answers == "text" and PROTOCOLS[protocol].scale is not None:
            raise UserError("scoring.answers=text reads words: say scoring.protocol=mer_unibench, or leave it out")
        self.name = protocol
        self._words = LabelReader(tuple(WORDS)) if answers == "text" else None
        self._follow(PROTOCOLS[protocol])

    def cures(self) -> Sequence[str]:
        """Another kind of answers."""
        return [f"scoring.protocol={name} ({each.about})" for name, each in PROTOCOLS.items() if name != self.name]

    def _read(self, answer: Answer, text: str) -> Score:
        if self.protocol.scale is not None:
            return super()._read(answer, text)
        word = text if self._words is None else self._words.read(text).label
        is_word = word in WORDS
        return Score(answer.clip_id, word if is_word else None, None if is_word else OTHER, answer.text)

    def _said(self, answer: Answer, score: Score) -> float:
        """The number that an answer counts as; NaN for none."""
        if self.protocol.scale is None:  # Officially whatever is another word, or none, is 0.
            return math.nan if answer.is_missing else WORDS.get(score.value or "", 0.0)
        return super()._said(answer, score)

    def _section(self, kept: Sequence[tuple[Answer, Score]]) -> dict[str, Any]:
        """What was counted; of words how many there are of each, `other` ones among them."""
        zeros = sum(float(answer.truth or "nan") == 0 for answer, _ in kept)
        counted: dict[str, Any] = {"protocol": self.name, "num_compared": len(kept), "zero_truths": zeros}
        if self.protocol.scale is None:
            words = Counter(score.value or "other" for answer, score in kept if not answer.is_missing)
            return {**counted, "answers": {word: words[word] for word in (*WORDS, "other")}}
        off = super()._section(kept)["predicted_off_the_scale"]
        return {**counted, "predicted_off_the_scale": off}
