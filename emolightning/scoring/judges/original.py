"""`judge=original_scheme`: the procedure that EMER's published scores came from, with a model and words of your own.

One call grades the clues; three grade the labels: emotion words of the truth, those of the answer, then the overlap of
the two lists. The model of the published scores is gone, so the numbers are comparable only within one judge.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emolightning.scoring.judges.asking import Outcome, Question
from emolightning.scoring.judges.judge import Grade, JudgeScore, Pair
from emolightning.scoring.judges.prompts import SCHEME, SCHEME_VERSION, filled, read_scheme
from emolightning.scoring.judges.replies import read_free_score, read_words
from emolightning.scoring.judges.server import ServerJudge, grade


class OriginalScheme(ServerJudge):
    """Grades from 1 to 10, decimals allowed, read from free text behind a word such as `score`.

    Args:
        prompts: YAML file with `clue`, `words` and `label`; null takes ours, in Chinese as the original's.
        **server: arguments of ServerJudge.
    """

    name = "original_scheme"

    def __init__(self, *, prompts: str | None = None, **server: Any):
        self.prompts, version = read_scheme(Path(prompts)) if prompts else (SCHEME, SCHEME_VERSION)
        super().__init__(prompt_version=version, **server)

    def score(self, pairs: Sequence[Pair]) -> list[JudgeScore]:
        """Clues and words first, then labels: a label needs the words of both texts."""
        first = [question for pair in pairs for question in self._first(pair)]
        outcomes = self.asker.ask(first, title="judge: clues and words")
        triples = list(zip(outcomes[::3], outcomes[1::3], outcomes[2::3], strict=True))
        labels = self._grade_labels([(truth, answer) for _, truth, answer in triples])
        return [
            JudgeScore(pair.clip_id, grade(clue), label)
            for pair, (clue, _, _), label in zip(pairs, triples, labels, strict=True)
        ]

    def _first(self, pair: Pair) -> tuple[Question, Question, Question]:
        clue = filled(self.prompts.clue, {"truth": pair.truth, "answer": pair.answer})
        words = [filled(self.prompts.words, {"text": text}) for text in (pair.truth, pair.answer)]
        return (
            Question("clue", _messages(clue), read_free_score),
            Question("words", _messages(words[0]), read_words),
            Question("words", _messages(words[1]), read_words),
        )

    def _grade_labels(self, words: Sequence[tuple[Outcome, Outcome]]) -> list[Grade]:
        """A pair whose words are missing is not asked about."""
        questions = [self._label(*both) for both in words]
        asked = [question for question in questions if isinstance(question, Question)]
        outcomes = iter(self.asker.ask(asked, title="judge: labels"))
        return [grade(next(outcomes)) if isinstance(item, Question) else item for item in questions]

    def _label(self, truth: Outcome, answer: Outcome) -> Question | Grade:
        if truth.reading is None or answer.reading is None:
            return Grade(None, failure=f"no words: {truth.failure or answer.failure}")
        texts = {"truth_words": truth.reading.text, "answer_words": answer.reading.text}
        return Question("label", _messages(filled(self.prompts.label, texts)), read_free_score)


def _messages(text: str) -> tuple[dict[str, str], ...]:
    return ({"role": "user", "content": text},)
