"""`judge=offline`, the default: deterministic, no server, no model. Never comparable with published grades.

Label overlap: emotion words of both texts, mapped to the sectors of an emotion wheel; F of the two sets, 10 times that.
Clue overlap: chrF of the two texts, character n-grams up to 6, 10 times that. TF-IDF would weigh words better, but its
weights come from the clips that are scored together, and a clip's grade must depend on that clip alone.
Both see words, not meaning: they rank systems roughly, and reward wording that is close to the reference.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emolightning.scoring.judges.judge import Grade, JudgeScore, Pair
from emolightning.scoring.metrics.chinese_emotions import NAME as LEXICON
from emolightning.scoring.metrics.emotion_words import emotion_words
from emolightning.scoring.metrics.open_vocabulary import f_score, overlap
from emolightning.scoring.metrics.text import chrf_similarity, language_of
from emolightning.scoring.metrics.wheel_files import read_wheels

VERSION = "offline/1"
NO_TRUE_WORDS = "no emotion word of the wheel in the reference"
TWO_LANGUAGES = "reference and answer in different languages"


class OfflineJudge:
    """Grades on a scale from 0 to 10.

    Args:
        wheels: `embedded`, or a folder with official emotion wheels; of several the mean counts.
        level: ring of the wheel, 1 or 2.

    Raises:
        UserError: wheels that cannot be read.
    """

    name = "offline"
    scale = (0.0, 10.0)

    def __init__(self, *, wheels: str = "embedded", level: int = 1):
        self.wheels = read_wheels(wheels)
        self.level = level

    def score(self, pairs: Sequence[Pair]) -> list[JudgeScore]:
        """Grades in the order of the pairs, each from its two texts alone."""
        return [JudgeScore(pair.clip_id, _clue(pair), self._label(pair)) for pair in pairs]

    def describe(self) -> dict[str, Any]:
        """What metrics.json says about the judge."""
        return {
            "name": self.name,
            "version": VERSION,
            "scale": list(self.scale),
            "clue": "10 * chrF2 of the two texts",
            "label": f"10 * F of the two sets of level-{self.level} sectors, mean over the wheels",
            "wheels": {"name": self.wheels.version.name, "sha256": self.wheels.version.sha256},
            "lexicon": LEXICON,
            "comparable_with": f"runs with the same offline judge and wheels ({self.wheels.version.name}); never with "
            "published scores, which a language model gave",
        }

    def _label(self, pair: Pair) -> Grade:
        words = [emotion_words(text, self.wheels) for text in (pair.truth, pair.answer)]
        values = [self._wheel_f(words[0], words[1], wheel) for wheel in range(len(self.wheels.wheels))]
        known = [value for value in values if value is not None]
        if not known:
            return Grade(None, failure=NO_TRUE_WORDS)
        found = [", ".join(part) or "none" for part in words]
        return Grade(10 * float(np.mean(known)), f"reference: {found[0]}; answer: {found[1]}")

    def _wheel_f(self, truth: Sequence[str], answer: Sequence[str], wheel: int) -> float | None:
        """F of one clip on one wheel; None where the wheel knows none of the true words."""
        true, answered = self._sectors(truth, wheel), self._sectors(answer, wheel)
        return float(f_score(*overlap(true, answered))) if true else None

    def _sectors(self, words: Sequence[str], wheel: int) -> set[str]:
        found = (self.wheels.sector(word, wheel, self.level) for word in words)
        return {sector for sector in found if sector is not None}


def _clue(pair: Pair) -> Grade:
    languages = [language_of([text]) for text in (pair.truth, pair.answer)]
    if languages[0] != languages[1]:  # No characters in common, which says nothing about the clues.
        return Grade(None, failure=TWO_LANGUAGES)
    return Grade(10 * chrf_similarity(pair.answer, pair.truth))
