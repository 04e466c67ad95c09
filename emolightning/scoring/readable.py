"""A predictions file of which nothing can be read is a question of settings, and no result: it is refused."""

from collections import Counter
from collections.abc import Sequence

from emolightning.errors import UserError
from emolightning.records.clips import Score
from emolightning.scoring.predictions import Predictions
from emolightning.scoring.scoring import Scoring

NUM_QUOTED = 3
LONGEST_QUOTE = 60


def refuse_unreadable(
    predictions: Predictions, scores: Sequence[Score], scoring: Scoring, *, answer_column: str
) -> None:
    """Stop before all scores are 0.

    Args:
        predictions: answers and truths.
        scores: of the answers.
        scoring: what has read them.
        answer_column: where the answers are.

    Raises:
        UserError: says how the answers begin and which settings read them otherwise.
    """
    if any(score.value is not None for score in scores):
        return
    reasons = Counter(str(score.unscored_because) for score in scores)
    counted = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    texts = list(dict.fromkeys(answer.text for answer in predictions.answers if answer.text.strip()))
    cures = [
        f"columns.answer={answer_column}, if the answers are in another column",
        *(scoring.cures() if texts else ()),
    ]
    said = "; they are " + ", ".join(map(_quoted, texts[:NUM_QUOTED])) if texts else ""
    more = ", ..." if len(texts) > NUM_QUOTED else ""
    raise UserError(
        f"{predictions.answers_file}: none of the {len(scores)} answers can be read ({counted}){said}{more}. "
        f"What may help: {'; '.join(cures)}"
    )


def _quoted(text: str) -> str:
    """The beginning of an answer with every sign escaped that a terminal would take for a command."""
    return repr(text[:LONGEST_QUOTE]) + ("..." if len(text) > LONGEST_QUOTE else "")
