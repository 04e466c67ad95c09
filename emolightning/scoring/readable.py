"""A predictions file of which nothing can be read is a question of settings, and no result: it is refused."""

from collections import Counter
from collections.abc import Sequence

from emolightning.errors import UserError
from emolightning.scoring.open_vocabulary import OpenVocabulary
from emolightning.scoring.predictions import Predictions
from emolightning.scoring.scoring import Classification, Scoring

NUM_QUOTED = 3
LONGEST_QUOTE = 60


def refuse_unreadable(predictions: Predictions, scoring: Scoring, *, answer_column: str) -> None:
    """Stop before all scores are 0.

    Args:
        predictions: answers and truths.
        scoring: what reads them.
        answer_column: where the answers stand.

    Raises:
        UserError: says how the answers begin and which settings read them otherwise.
    """
    scores = [scoring.score(answer) for answer in predictions.answers]
    if any(score.value is not None for score in scores):
        return
    reasons = Counter(str(score.unscored_because) for score in scores)
    counted = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    texts = list(dict.fromkeys(answer.text for answer in predictions.answers if answer.text.strip()))
    cures = _cures(scoring, answer_column) if texts else [_column(answer_column)]
    said = "; they are " + ", ".join(map(_quoted, texts[:NUM_QUOTED])) if texts else ""
    more = ", ..." if len(texts) > NUM_QUOTED else ""
    raise UserError(
        f"{predictions.answers_file}: none of the {len(scores)} answers can be read ({counted}){said}{more}. "
        f"What may help: {'; '.join(cures)}"
    )


def _quoted(text: str) -> str:
    """The beginning of an answer with every sign escaped that a terminal would take for a command."""
    return repr(text[:LONGEST_QUOTE]) + ("..." if len(text) > LONGEST_QUOTE else "")


def _column(name: str) -> str:
    return f"columns.answer={name}, if the answers are in another column"


def _cures(scoring: Scoring, answer_column: str) -> Sequence[str]:
    if isinstance(scoring, OpenVocabulary):
        other = "text" if scoring.answers == "lists" else "lists"
        return [_column(answer_column), f"scoring.answers={other}", "scoring.wheels=FOLDER with other emotion words"]
    if not isinstance(scoring, Classification):
        return [_column(answer_column)]
    reader = scoring.reader
    return [
        _column(answer_column),
        f"labels=..., if the labels are others than {', '.join(scoring.labels)}",
        f"parser=..., which is {reader.parser} (words: the one label that a text names; strict: the whole text; "
        "upstream: the last word, else neutral)",
        f"answer_list=..., which is {reader.answer_list}, for lists (first, first_valid)",
        "aliases=FILE, for other words that stand for a label",
    ]
