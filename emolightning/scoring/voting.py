"""Truths by vote: the label that most of a clip's annotators gave; wrong votes and ties are refused, or counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emolightning.errors import InputErrors, UserError
from emolightning.records.votes import CURES, Ties, Votes, leaders, tie_in_words
from emolightning.scoring.predictions import Columns, Predictions, not_a_label
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.rows import Row, read_rows


def voted(predictions: Predictions, reader: LabelReader, annotators: Sequence[str], ties: Ties) -> Predictions:
    """The same with the label that most annotators gave as the truth of each clip.

    Args:
        predictions: what each annotator says of a clip is among its attributes.
        reader: knows the labels.
        annotators: names of these attributes.
        ties: what becomes of clips with several such labels.

    Raises:
        InputErrors: votes for no label, clips without a vote, ties where they are refused; by line.
    """
    said = {
        answer.clip_id: [(predictions.attributes[name][answer.clip_id] or "").strip() for name in annotators]
        for answer in predictions.answers
    }
    written = Counter(word for words in said.values() for word in words if word)
    label_of = {word: reader.label_of(word) for word in written}
    _refuse_words(predictions, said, label_of, annotators, reader)
    votes = {clip: tuple(label_of.get(word) for word in words) for clip, words in said.items()}
    tied = tuple(clip for clip, of_clip in votes.items() if len(leaders(of_clip)) > 1)
    if tied and ties == "refuse":
        _refuse_ties(predictions, votes, tied)
    if ties == "drop" and len(tied) == len(votes):
        raise InputErrors(str(predictions.truth_file), ["ties=drop leaves no clip: the votes on each are tied"])
    kept = _without(predictions, frozenset(tied if ties == "drop" else ()))
    answers = [replace(answer, truth=leaders(votes[answer.clip_id])[0]) for answer in kept.answers]
    facts = {
        "annotators": list(annotators),
        "ties": ties,
        "tied": len(tied),
        "truth_aliases": {word: count for word, count in written.items() if reader.is_alias(word)},
    }
    found = Votes(tuple(annotators), votes, ties, tied)
    return replace(kept, answers=answers, facts={**predictions.facts, **facts}, votes=found)


def _refuse_words(
    predictions: Predictions,
    said: Mapping[str, Sequence[str]],
    label_of: Mapping[str, str | None],
    annotators: Sequence[str],
    reader: LabelReader,
) -> None:
    """Votes for what is no label, and clips that nobody has judged."""
    problems = []
    for answer, line in zip(predictions.answers, predictions.truth_lines, strict=True):
        words = said[answer.clip_id]
        if not any(words):
            problems.append(f"line {line}: no annotator has judged {answer.clip_id!r}")
        problems += [
            f"line {line}: {not_a_label(name, word, answer.clip_id, reader)}"
            for name, word in zip(annotators, words, strict=True)
            if word and label_of[word] is None
        ]
    if problems:
        note = "leave a cell empty where an annotator has not judged the clip, or name the labels with labels=[...]"
        raise InputErrors(str(predictions.truth_file), problems, note=note)


def _refuse_ties(predictions: Predictions, votes: Mapping[str, Sequence[str | None]], tied: Sequence[str]) -> None:
    lines = dict(zip((answer.clip_id for answer in predictions.answers), predictions.truth_lines, strict=True))
    problems = [f"line {lines[clip]}: the votes on {clip!r} are tied: {tie_in_words(votes[clip])}" for clip in tied]
    about = f"{len(tied)} of {len(votes)} clips; {CURES.format(setting='ties')}"
    raise InputErrors(str(predictions.truth_file), problems, note=about)


def judgements(truth: Path, columns: Columns, annotator: str) -> tuple[Columns, list[Row]]:
    """A table with a row for each judgement, as one with a row for each clip and a column for each annotator.

    Args:
        truth: the table.
        columns: id, label and what is said of the clip, the same in each of its rows.
        annotator: who judged.

    Raises:
        InputErrors: a row without an annotator, two labels by one of them, a clip of which two things are said.
    """
    about = list(dict.fromkeys([*columns.numbers("truth"), *columns.about_clips()]))
    names = [columns.truth_id or columns.id, columns.truth, annotator, *about]
    settings = {**columns.settings(of_truth=True), annotator: "columns.annotator"}
    people, rows = _one_row_a_clip(read_rows(truth, names, settings=settings), truth)
    if clash := [name for name in people if name in about]:
        raise UserError(f"{truth}: {clash[0]!r} is a person in {annotator} and a column that is asked for; rename one")
    return replace(columns, annotators=people), rows


def _one_row_a_clip(rows: Sequence[Row], truth: Path) -> tuple[list[str], list[Row]]:
    """Names of the annotators; id, first label, what is said of the clip and the label of each annotator."""
    first: dict[str, Row] = {}
    votes: dict[tuple[str, str], Row] = {}
    problems = []
    for row in rows:
        clip, label, person, *about = ((value or "").strip() for value in row.values)
        earlier, before = votes.setdefault((clip, person), row), first.setdefault(clip, row)
        if not person:
            problems.append(f"line {row.line}: it is not said who judged {clip!r}")
        elif earlier is not row:
            problems.append(f"line {row.line}: {person!r} judged {clip!r} in line {earlier.line} as well")
        if about != [(value or "").strip() for value in before.values[3:]]:
            problems.append(f"line {row.line}: something else is said of {clip!r} than in line {before.line}")
    if problems:
        raise InputErrors(str(truth), problems)
    people = list(dict.fromkeys(person for _, person in votes))
    return people, [
        Row(
            row.line,
            (*row.values[:2], *row.values[3:], *(_label(votes.get((clip, person))) for person in people)),
        )
        for clip, row in first.items()
    ]


def _label(row: Row | None) -> str | None:
    return row.values[1] if row else None


def _without(predictions: Predictions, left_out: frozenset[str]) -> Predictions:
    """The same with the answers about some clips put aside."""
    if not left_out:
        return predictions
    kept = [place for place, answer in enumerate(predictions.answers) if answer.clip_id not in left_out]
    dimensions = {
        name: ([said[place] for place in kept], [true[place] for place in kept])
        for name, (said, true) in predictions.dimensions.items()
    }
    return replace(
        predictions,
        answers=[predictions.answers[place] for place in kept],
        undecided=[answer for answer in predictions.answers if answer.clip_id in left_out],
        answer_lines=[predictions.answer_lines[place] for place in kept],
        truth_lines=[predictions.truth_lines[place] for place in kept],
        dimensions=dimensions,
    )
