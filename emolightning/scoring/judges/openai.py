"""`judge=openai`: our own questions to any OpenAI-compatible server, answered in JSON. Two calls a clip."""

from collections.abc import Sequence
from typing import Any

from emolightning.scoring.judges.asking import Question
from emolightning.scoring.judges.judge import JudgeScore, Pair
from emolightning.scoring.judges.prompts import CLUE_RULES, LABEL_RULES, OPENAI_VERSION, paired
from emolightning.scoring.judges.replies import read_json_score
from emolightning.scoring.judges.server import ServerJudge, grade


class OpenAIJudge(ServerJudge):
    """Grades clue overlap and label overlap with one question each, integers from 1 to 10.

    Args:
        **server: arguments of ServerJudge.
    """

    name = "openai"

    def __init__(self, **server: Any):
        super().__init__(prompt_version=OPENAI_VERSION, **server)

    def score(self, pairs: Sequence[Pair]) -> list[JudgeScore]:
        """Both grades of each pair."""
        questions = [_question(kind, pair) for pair in pairs for kind in ("clue", "label")]
        grades = [grade(outcome) for outcome in self.asker.ask(questions, title="judge")]
        return [
            JudgeScore(pair.clip_id, clue, label)
            for pair, clue, label in zip(pairs, grades[::2], grades[1::2], strict=True)
        ]


def _question(kind: str, pair: Pair) -> Question:
    rules = CLUE_RULES if kind == "clue" else LABEL_RULES
    messages = (
        {"role": "system", "content": rules},
        {"role": "user", "content": paired(pair.truth, pair.answer)},
    )
    return Question(kind, messages, read_json_score)
