"""A file of answers with its truths, as `score` and `compare` take it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.benchmarks.differences import owners
from emolightning.benchmarks.truths import official_truth
from emolightning.errors import UserError
from emolightning.runs.ensembles.systems import Reading, read_system
from emolightning.scoring.classification import Classification
from emolightning.scoring.metrics.multi_label import labels_in
from emolightning.scoring.multi_label import MultiLabel
from emolightning.scoring.predictions import Columns, Predictions, read_predictions, some, with_labels
from emolightning.scoring.rows import Row
from emolightning.scoring.scoring import Scoring
from emolightning.scoring.voting import judgements, voted


def read_file(
    cfg: DictConfig,
    answers: Path,
    truth: Path | None,
    scoring: Scoring,
    *,
    cluster: str | None = None,
    slices: Sequence[str] = (),
) -> Predictions:
    """One file of answers with its truths.

    Args:
        cfg: says how files are read (`AnswerFileConfig`).
        answers: the file.
        truth: where the truths are; None for a column of the answers.
        scoring: knows the labels.
        cluster: a column of the table with the truth.
        slices: others.

    Raises:
        UserError: what is wrong in the files.
    """
    names, people = dict(cfg.columns), list(cfg.annotators)
    by_row = names.pop("annotator")
    if scoring.reader is None and (by_row or people):
        raise UserError("annotators vote for labels; leave them out, or say scoring=classification")
    names |= {"truth": people[0]} if people else {}
    columns, rows = _truths(cfg, truth, Columns(**names, cluster=cluster, slices=slices, annotators=people), by_row)
    predictions = read_predictions(
        answers,
        truth,
        columns,
        ids=cfg.ids,
        missing=cfg.missing,
        extra=cfg.extra,
        pair_by=cfg.pair_by,
        truth_rows=rows,
    )
    if scoring.reader is None:
        return predictions
    if columns.annotators:
        return voted(predictions, scoring.reader, columns.annotators, cfg.ties)
    return with_labels(predictions, scoring.reader)


def _truths(
    cfg: DictConfig, truth: Path | None, columns: Columns, annotator: str | None
) -> tuple[Columns, list[Row] | None]:
    """Truths that are in no table with a row for each clip, and how their columns are called."""
    if truth is None:
        return columns, None
    if annotator:
        return judgements(truth, columns, annotator)
    return columns, official_truth(truth, columns, benchmark=cfg.benchmark, split=cfg.split)


def with_probabilities(predictions: Predictions, scoring: Scoring, columns: Mapping[str, Any]) -> Predictions:
    """The same with how likely each label is, for every clip.

    Raises:
        UserError: some clip has no probabilities, they are of other labels, or answers are no labels.
    """
    file, has_one = predictions.answers_file, isinstance(scoring, Classification)
    if isinstance(scoring, Classification):
        labels = tuple(scoring.labels)
    elif isinstance(scoring, MultiLabel):
        labels = tuple(sorted({label for answer in predictions.answers for label in labels_in(answer.truth or "")}))
    else:
        raise UserError("probabilities=true is of labels; leave it out, or say scoring=classification or multi_label")
    reading = Reading(labels, columns["id"], columns["answer"], is_exclusive=has_one)
    found = read_system(str(file), "answers", reading).opinions
    known = {clip: opinion.probabilities for clip, opinion in found.items() if opinion.probabilities is not None}
    every = [*predictions.answers, *predictions.undecided]
    if without := [answer.clip_id for answer in every if answer.clip_id not in known]:
        columns_of = ", ".join(f"p_{label}" for label in labels[:2])
        raise UserError(
            f"{file}: probabilities=true, but {len(without)} of {len(every)} clips have none: {some(without)}; write "
            f"them in columns {columns_of}, ..., or leave out probabilities=true"
        )
    given = {label for each in known.values() for label in each}
    if others := sorted(given ^ {*labels} if has_one else {*labels} - given):  # More labels than truths have are none.
        raise UserError(
            f"{file}: probabilities and labels differ in {', '.join(others)}; "
            f"{'say labels=[...] of the file' if has_one else 'write a column of each label of the truths'}"
        )
    answers, undecided = (
        [replace(answer, probabilities=known[answer.clip_id]) for answer in of_kind]
        for of_kind in (predictions.answers, predictions.undecided)
    )
    return replace(predictions, answers=answers, undecided=undecided)


def refuse_other_clips(predictions: Predictions, benchmark: str | None) -> None:
    """Scores of another benchmark's clips must not go under this one's name.

    Raises:
        UserError: the clips are exactly those of another official set.
    """
    others = owners(answer.clip_id for answer in predictions.answers) if benchmark else []
    if others and benchmark not in others:
        raise UserError(
            f"{predictions.truth_file}: these are the clips of {' or '.join(others)}, not of benchmark={benchmark}; "
            f"give the file of {benchmark}, or say benchmark={others[0]} if this is the only file; several files must "
            "be in the order of their folds"
        )
