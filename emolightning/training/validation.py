"""A validation is an evaluation: answers of all ranks, each clip once, scored as the run's `scoring` says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from emolightning.errors import EndOfRun, UserError
from emolightning.records.clips import Answer, Batch, Score
from emolightning.records.report import Summary
from emolightning.records.votes import Votes
from emolightning.scoring.annotators import vote_scores
from emolightning.scoring.scoring import Scoring, scores_of


@dataclass(frozen=True)
class Row:
    """What is known of one clip."""

    answer: Answer
    score: Score
    loss: float
    """Summed cross-entropy of the answer's tokens in nats."""
    tokens: int
    """Number of those tokens."""
    label: str | None = None
    """The true one."""


class Validation:
    """Collects a row per clip over batches and ranks; F1 and UAR are no means of batch values.

    Samplers repeat clips to give ranks equal shares: repeats are dropped, and the clips seen are compared with those of
    the split.

    Args:
        scoring: reads the answers.
        votes: on the clips, where several people judged them.
    """

    def __init__(self, scoring: Scoring, votes: Votes | None = None):
        self.scoring = scoring
        self.votes = votes
        self.last = Summary()
        """Scores of the last whole validation."""
        self._rows: dict[int, Row] = {}

    def reset(self) -> None:
        """Forget the rows."""
        self._rows = {}

    def add(
        self, batch: Batch, answers: Sequence[Answer], losses: Tensor, tokens: Tensor
    ) -> tuple[list[Answer], list[Score]]:
        """Score the answers of a batch, and keep them.

        Args:
            batch: whose clips were asked about.
            answers: one for each.
            losses: (batch,), summed cross-entropy of the true answer's tokens in nats.
            tokens: (batch,), number of those tokens.

        Returns:
            The answers with what they are compared with, and their scores.
        """
        truths = [self.scoring.truth(clip) for clip in batch.clips]
        told = [replace(answer, truth=truth) for answer, truth in zip(answers, truths, strict=True)]
        scores = scores_of(self.scoring, told)
        numbers = zip(batch.indices.tolist(), losses.detach().cpu().double().tolist(), tokens.tolist(), strict=True)
        for (index, loss, count), answer, score, clip in zip(numbers, told, scores, batch.clips, strict=True):
            self._rows.setdefault(index, Row(replace(answer, prompt=""), score, loss, int(count), clip.label))
        return told, scores

    def finish(self, trainer: Any, *, num_clips: int | None) -> dict[str, float]:
        """`loss`, that of each label, and the scores over all ranks, the same on each; the rows are forgotten.

        Args:
            trainer: Lightning's.
            num_clips: size of the split; None where not all of it was seen.

        Raises:
            RuntimeError: other clips were seen than the split has.
            EndOfRun: the answers could not be scored, e.g. without a judge.
        """
        parts = [self._rows]
        if trainer.world_size > 1:
            parts = [{} for _ in range(trainer.world_size)]
            torch.distributed.all_gather_object(parts, self._rows)
        self.reset()
        rows: dict[int, Row] = {}
        for part in parts:
            rows = {**part, **rows}  # Of several for a clip that of the first rank counts.
        if num_clips is not None and sorted(rows) != list(range(num_clips)):
            raise RuntimeError(f"{len(rows)} different clips were scored, the split has {num_clips}")
        ordered = [rows[index] for index in sorted(rows)]
        # One rank asks the judge, if there is one.
        outcome = self._summary(ordered) if trainer.is_global_zero else Summary()
        found = trainer.strategy.broadcast(outcome) if trainer.world_size > 1 else outcome
        if isinstance(found, str):
            raise EndOfRun(f"validation: {found}")
        self.last = found
        labels = sorted({row.label for row in ordered if row.label is not None and row.tokens})
        by_label = {f"loss/{label}": _loss([row for row in ordered if row.label == label]) for label in labels}
        return {"loss": _loss(ordered), **by_label, **found.values}

    def _summary(self, rows: Sequence[Row]) -> Summary | str:
        """The scores, or why there are none: every rank must learn of it."""
        try:
            answers, scores = [row.answer for row in rows], [row.score for row in rows]
            found = self.scoring.summary(answers, scores)
            return replace(found, values={**found.values, **vote_scores(self.votes, answers, scores, self.scoring)})
        except UserError as error:
            return str(error)


def _loss(rows: Sequence[Row]) -> float:
    return math.fsum(row.loss for row in rows) / math.fsum(row.tokens for row in rows)
