"""What every kind of scoring does with answers: what each says, and what all of them are worth."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.sampling import BY_CLIP, Sampling

NO_ANSWER = "no answer for the clip"
NO_TRUTH = "no label to compare with"


class Scoring(Protocol):
    """What turns answers into scores; chosen by the config group `scoring`.

    An answer is scored once, by `score`; `summary` and `report` are given the results.
    """

    reader: LabelReader | None
    """Reads the label of a vocabulary; None where answers are no labels."""

    names: Sequence[str]
    """The scores that a summary may have."""

    def truth(self, clip: Clip) -> str | None:
        """What an answer about the clip is compared with, as text: a label, a list `[a, b]`, or a description."""
        ...

    def require_truths(self, truths: Iterable[str]) -> None:
        """Refuse what no answer can be compared with.

        Raises:
            InputErrors: lists it.
        """
        ...

    def score(self, answer: Answer) -> Score:
        """What can be read from one answer alone, at once and without any other: for its line in `answers.jsonl`."""
        ...

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """The scores alone, for a validation: one answer per clip, some perhaps without truth."""
        ...

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """Scores with intervals and what they rest on, for one answer per clip, each with its truth."""
        ...

    def cures(self) -> Sequence[str]:
        """Settings that may help where no answer of a file can be read."""
        ...


def require_comparable(clips: Sequence[Clip], scoring: Scoring, split: str) -> None:
    """Refuse a split of which nothing, or not everything, could be scored, before its answers are generated.

    Raises:
        UserError: no clip has what the scoring compares answers with, or some have what it cannot compare with.
    """
    truths = [truth for clip in clips if (truth := scoring.truth(clip)) is not None]
    if clips and not truths:
        raise UserError(
            f"split={split}: none of its {len(clips)} clips has what answers are compared with "
            "(scoring=classification needs a label, scoring=open_vocabulary a label or a list of labels, "
            "scoring=reasoning a description, scoring=sentiment or =numbers a number, scoring=multi_label labels); "
            "choose the scoring=... that fits these data, or other data=..."
        )
    scoring.require_truths(truths)


def scores_of(scoring: Scoring, answers: Sequence[Answer]) -> list[Score]:
    """The score of each answer; what a judge has to read is asked for at once."""
    if scoring.reader is not None:
        scoring.reader.prepare(answer.text for answer in answers if not answer.is_missing)
    return [scoring.score(answer) for answer in answers]


def headed(
    answers: Sequence[Answer], scores: Sequence[Score], *, benchmark: str, split: str, without_truth: int = 0
) -> dict[str, Any]:
    """What every report begins with: of what it is, how many answers say something, and why others do not.

    Args:
        answers: one for each clip.
        scores: of those that are scored.
        benchmark: name of the dataset.
        split: what was evaluated.
        without_truth: clips that are left out for they have none.
    """
    unscored = Counter(str(score.unscored_because) for score in scores if score.value is None)
    if without_truth:
        unscored[NO_TRUTH] = without_truth
    num_scored = sum(score.value is not None for score in scores)
    about = {"num_clips": len(answers), "num_scored": num_scored, "unscored": dict(unscored)}
    return {"benchmark": benchmark, "split": split, **about}


def why_missing(answer: Answer) -> str:
    """Why an answer that is missing is."""
    return f"{NO_ANSWER}: {answer.missing_because}" if answer.missing_because else NO_ANSWER


def require_one_each(answers: Sequence[Answer]) -> None:
    """Refuse to score nothing, or a clip twice.

    Raises:
        ValueError: says how many answers there are.
    """
    if not answers or len({answer.clip_id for answer in answers}) != len(answers):
        raise ValueError(f"Expected one answer for each clip, but got {len(answers)} with repeats or none.")
