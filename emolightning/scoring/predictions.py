"""A predictions file and its truth -> one answer a clip; what does not pair up is refused, or counted as asked for."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from emolightning.errors import InputErrors, UserError
from emolightning.files.digests import sha256_of
from emolightning.files.media_suffixes import MEDIA_SUFFIXES
from emolightning.files.names import composed
from emolightning.records.clips import Answer
from emolightning.records.labels import nearest
from emolightning.records.score_names import DIMENSIONS
from emolightning.records.votes import Votes
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.row_pairs import paired_by_row
from emolightning.scoring.rows import Row, read_rows

Ids = Literal["exact", "stem"]
PairBy = Literal["id", "row"]
SIDES = ("answer", "truth")
SHOWN = 5
"""Ids that a message about many of them names."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Names of the columns, as the files spell them."""

    id: str
    answer: str
    truth: str
    """Column of the truth file, or of the predictions file where there is none."""
    truth_id: str | None = None
    """Column of ids in the truth file; None takes `id`."""
    valence_answer: str | None = None
    """Predicted valence; None reads none."""
    valence_truth: str | None = None
    """True valence, where `truth` is."""
    arousal_answer: str | None = None
    """Predicted arousal; None reads none."""
    arousal_truth: str | None = None
    """True arousal, where `truth` is."""
    cluster: str | None = None
    """Subject, film or dialogue of each clip, where `truth` is."""
    slices: Sequence[str] = ()
    """What else is asked of each clip there."""
    annotators: Sequence[str] = ()
    """What each of several people says of the clip there, of whom `truth` is one."""

    def about_clips(self) -> list[str]:
        """Columns that say something of clips which is no answer and no truth."""
        return list(dict.fromkeys([*([self.cluster] if self.cluster else []), *self.slices, *self.annotators]))

    def settings(self, *, of_truth: bool) -> dict[str, str]:
        """Column -> the setting of `score` that names it.

        Args:
            of_truth: in the truth file, whose ids may have a column of their own.
        """
        names = {
            **dict.fromkeys(self.slices, "slices"),
            self.cluster: "cluster",
            **{getattr(self, f"{name}_{side}"): f"columns.{name}_{side}" for name in DIMENSIONS for side in SIDES},
            self.truth: "columns.truth",
            self.answer: "columns.answer",
            **dict.fromkeys(self.annotators, "annotators"),
            (self.truth_id or self.id) if of_truth else self.id: "columns.truth_id" if of_truth else "columns.id",
        }
        return {column: setting for column, setting in names.items() if column is not None}

    def numbers(self, side: str) -> list[str]:
        """Columns of the numbers that were asked for, in the order of `DIMENSIONS`.

        Args:
            side: `answer` or `truth`.
        """
        return [column for name in DIMENSIONS if (column := getattr(self, f"{name}_{side}"))]


@dataclass(frozen=True)
class Predictions:
    """One answer for each clip of the truth, in its order."""

    answers: list[Answer]
    answer_lines: list[int]
    """Line of each answer; 0 for a clip without one."""
    answers_file: Path
    truth_lines: list[int]
    """Line of each truth."""
    truth_file: Path
    facts: dict[str, Any] = field(default_factory=dict)
    """What was read and counted, for `metrics.json`; no paths."""
    dimensions: Mapping[str, tuple[list[str | None], list[str | None]]] = field(default_factory=dict)
    """`valence` or `arousal` -> predicted and true ones of each clip as they are written; those that were asked for."""
    clusters: dict[str, str | None] | None = None
    """Clip id -> its subject, film or dialogue; None where it was not asked for."""
    attributes: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """Column of `cluster` or `slices`, or annotator -> clip id -> what it says."""
    votes: Votes | None = None
    """What several people say, where the truth is what most of them say."""
    undecided: Sequence[Answer] = ()
    """Answers about clips that have no truth, for their votes are tied: they count for agreement, and nowhere else."""


@dataclass
class _Table:
    """Rows by id: the first one of each, the number of equal repeats."""

    path: Path
    rows: dict[str, Row]
    num_rows: int
    num_repeats: int = 0
    num_null: int = 0


def read_predictions(
    answers: Path,
    truth: Path | None,
    columns: Columns,
    *,
    ids: Ids = "exact",
    missing: Literal["error", "count"] = "error",
    extra: Literal["error", "ignore"] = "error",
    pair_by: PairBy = "id",
    truth_rows: Sequence[Row] | None = None,
) -> Predictions:
    """Read a predictions file, and compare the clips with those of the truth.

    Args:
        answers: a table with an id and an answer in each row.
        truth: a table with an id and the truth; None where it is a column of the predictions file.
        columns: names.
        ids: `exact` compares ids as they are written, so 1249 is not 01249; `stem` leaves out the suffix of a video.
        missing: `error` refuses clips of the truth without an answer, `count` keeps them as missing.
        extra: `error` refuses answers to other clips, `ignore` counts them.
        pair_by: `row` pairs the first row with the first, and so on; ids may then be absent, but not differ.
        truth_rows: id, truth, numbers and what is said of each clip, where others read `truth`.

    Raises:
        UserError: no such file.
        InputErrors: everything wrong in a file, by line; clips that do not pair up.
    """
    more = list(dict.fromkeys([*columns.numbers("truth"), *columns.about_clips()]))
    wanted = [columns.id, columns.answer, *columns.numbers("answer")]
    by_row, identity = pair_by == "row", partial(_identity, ids=ids)
    if truth is None:  # One file holds both; ids and truths are the same rows.
        names = [*wanted, columns.truth, *more]
        settings = columns.settings(of_truth=False)
        both = read_rows(answers, names, optional=names[:1] if by_row else (), settings=settings)
        given = _table(
            answers, names, paired_by_row(both, both, answers, answers, identity)[0] if by_row else both, ids
        )
        rows = {clip: Row(row.line, (row.values[0], *row.values[len(wanted) :])) for clip, row in given.rows.items()}
        true = _Table(answers, rows, given.num_rows)
    else:
        names = [columns.truth_id or columns.id, columns.truth, *more]
        files = [(answers, wanted), (truth, names)] if truth_rows is None else [(answers, wanted)]
        said, *read = _read_all(files, columns, by_row=by_row)
        truth_rows = read[0] if truth_rows is None else truth_rows
        if by_row:
            said, truth_rows = paired_by_row(said, truth_rows, answers, truth, identity)
        given, true = _table(answers, wanted, said, ids), _table(truth, names, truth_rows, ids)
    _drop_null(given)
    absent = [clip for clip in true.rows if clip not in given.rows]
    others = [clip for clip in given.rows if clip not in true.rows]
    _refuse(absent if missing == "error" else (), others if extra == "error" else (), true, given)
    asked = [name for name in DIMENSIONS if getattr(columns, f"{name}_answer") and getattr(columns, f"{name}_truth")]
    predictions = _paired(given, true, ids, asked)
    about = {
        name: {clip: row.values[2 + more.index(name)] for clip, row in true.rows.items()}
        for name in columns.about_clips()
    }
    predictions = replace(predictions, clusters=about.get(columns.cluster or ""), attributes=about)
    return replace(predictions, facts={**predictions.facts, "pair_by": "row"}) if by_row else predictions


def _read_all(files: Sequence[tuple[Path, Sequence[str]]], columns: Columns, *, by_row: bool) -> list[Sequence[Row]]:
    """The rows of the answers, and of the truth if it is given; both are read before the problems of one are raised."""
    read: list[Sequence[Row]] = []
    refused: list[InputErrors] = []
    for number, (path, names) in enumerate(files):
        try:
            settings = columns.settings(of_truth=number > 0)
            read.append(read_rows(path, names, optional=names[:1] if by_row else (), settings=settings))
        except InputErrors as error:
            refused.append(error)
    if len(refused) > 1:
        raise UserError("\n".join(map(str, refused)))
    if refused:
        raise refused[0]
    return read


def with_labels(predictions: Predictions, reader: LabelReader) -> Predictions:
    """The same with every truth as a label of the vocabulary; aliases are mapped and counted.

    Raises:
        InputErrors: truths that are no label, by line.
    """
    written = Counter(answer.truth or "" for answer in predictions.answers)
    label_of = {word: reader.label_of(word) for word in written}
    problems = [
        f"line {line}: {not_a_label('truth', answer.truth or '', answer.clip_id, reader)}"
        for answer, line in zip(predictions.answers, predictions.truth_lines, strict=True)
        if label_of[answer.truth or ""] is None
    ]
    if problems:
        own = "mend the file, or name its labels with labels=[...]"
        known = (
            "" if reader.parser != "words" else ", or say what its words mean with aliases=FILE (columns alias, label)"
        )
        raise InputErrors(str(predictions.truth_file), problems, note=own + known)
    answers = [
        Answer(answer.clip_id, answer.text, "", label_of[answer.truth or ""], 0.0, answer.is_missing)
        for answer in predictions.answers
    ]
    aliases = {word: count for word, count in written.items() if reader.is_alias(word)}
    return replace(predictions, answers=answers, facts={**predictions.facts, "truth_aliases": aliases})


def not_a_label(column: str, word: str, clip: str, reader: LabelReader) -> str:
    """What a message says of a truth that is none."""
    near = nearest(word, reader.labels)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{column} {word!r} of {clip!r} is not one of {list(reader.labels)}{hint}"


def _table(path: Path, columns: Sequence[str], rows: Sequence[Row], ids: Ids) -> _Table:
    """The rows of a file by clip; those that say the same once more are counted, those that disagree refused."""
    found = _Table(path, {}, len(rows))
    problems = []
    for row in rows:
        written, *said = row.values
        clip = _identity(written or "", ids)
        if not clip:
            problems.append(f"line {row.line}: {columns[0]} is empty")
            continue
        first = found.rows.setdefault(clip, row)
        if first is row:
            continue
        if list(first.values[1:]) == said:
            found.num_repeats += 1
        else:
            problems.append(
                f"line {row.line}: {clip!r} is in line {first.line} as well, with another value: "
                f"{_shown(first.values[1:])} and {_shown(said)}; a clip has one: score several runs one by one"
            )
    if problems:
        raise InputErrors(str(path), problems)
    return found


def _identity(written: str, ids: Ids) -> str:
    clip = composed(written.strip())
    suffix = PurePosixPath(clip).suffix if ids == "stem" else ""
    return clip.removesuffix(suffix) if suffix.lower() in MEDIA_SUFFIXES else clip


def _shown(values: Iterable[str | None]) -> str:
    return ", ".join("null" if value is None else repr(value[:80]) for value in values)


def _drop_null(given: _Table) -> None:
    """JSON's null is no answer; an empty text is one that cannot be read."""
    null = [clip for clip, row in given.rows.items() if row.values[1] is None]
    given.num_null = len(null)
    for clip in null:
        del given.rows[clip]


def _refuse(missing: Sequence[str], extra: Sequence[str], true: _Table, given: _Table) -> None:
    problems = []
    if missing:
        problems.append(
            f"{len(missing)} of {len(true.rows)} clips of {true.path} have no answer: {some(missing)}"
            f"{_near_miss(missing, given.rows)}; missing=count counts them as wrong"
        )
    if extra:
        problems.append(
            f"{len(extra)} of {len(given.rows)} answers are about clips that {true.path} does not have: {some(extra)}"
            f"{_near_miss(extra, true.rows)}; extra=ignore leaves them out"
        )
    if problems:
        raise InputErrors(str(given.path), problems)


def _near_miss(unpaired: Sequence[str], others: Iterable[str]) -> str:
    """Why ids that look alike do not pair up."""
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("ids=stem compares without the suffix of a video", lambda clip: _identity(clip, "stem")),
        ("leading zeros differ, and ids are compared as text", lambda clip: clip.lstrip("0")),
        ("upper and lower case differ", str.casefold),
    )
    for reason, reduced in ways:
        alike = {reduced(clip): clip for clip in others}
        pairs = [(clip, alike[reduced(clip)]) for clip in unpaired if reduced(clip) in alike]
        if pairs:
            here, there = pairs[0]
            return f" (there is {there!r} for {here!r}, and {len(pairs) - 1} more such pairs: {reason})"
    return ""


def some(clips: Sequence[str]) -> str:
    """The first few ids of a long list, for a message."""
    return ", ".join(map(repr, clips[:SHOWN])) + (", ..." if len(clips) > SHOWN else "")


def _paired(given: _Table, true: _Table, ids: Ids, dimensions: Sequence[str]) -> Predictions:
    rows = [(given.rows.get(clip), row) for clip, row in true.rows.items()]
    answers = [
        Answer(clip, str(said.values[1]) if said else "", "", (row.values[1] or "").strip(), 0.0, said is None)
        for clip, (said, row) in zip(true.rows, rows, strict=True)
    ]
    numbers = {
        name: ([said.values[place] if said else None for said, _ in rows], [row.values[place] for _, row in rows])
        for place, name in enumerate(dimensions, start=2)
    }
    facts = {
        "answers_sha256": sha256_of(given.path),
        "truth_sha256": sha256_of(true.path),
        "ids": ids,
        "num_rows": given.num_rows,
        "equal_repeats": given.num_repeats,
        "null_answers": given.num_null,
        "missing": sum(said is None for said, _ in rows),
        "extra": len(given.rows.keys() - true.rows.keys()),
    }
    answer_lines = [said.line if said else 0 for said, _ in rows]
    truth_lines = [row.line for _, row in rows]
    return Predictions(answers, answer_lines, given.path, truth_lines, true.path, facts, numbers)
