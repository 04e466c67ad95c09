"""`scoring=classification`: answers read as one label of a vocabulary."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.labels import vocabulary
from emolightning.records.report import Report, Summary
from emolightning.records.score_names import DEFINITIONS, FISHER, MCC, PER_CLASS, UNREADABLE_COUNT
from emolightning.scoring.aliases import DEFAULT, alias_table, described
from emolightning.scoring.contradictions import contradictions
from emolightning.scoring.judges.answers import BY_JUDGE, JudgedReader
from emolightning.scoring.metrics.classification import confusion_matrix, per_class, scores
from emolightning.scoring.metrics.counted import Counted, alphabetical, class_intervals, counted, score_intervals
from emolightning.scoring.metrics.intervals import has_no_width, percentile_interval
from emolightning.scoring.reading import PARSERS, WITHOUT_SETTINGS, AnswerList, LabelReader, Parser
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import headed, require_one_each, why_missing
from emolightning.scoring.upstream_readers import UPSTREAM_DEFAULT

UNREADABLE = "(unreadable)"
"""Name of the last column of the confusion matrix."""


class Classification:
    """`scoring=classification`: one label of a vocabulary.

    Args:
        labels: the vocabulary, by name or spelt out, in the order of the confusion matrix.
        parser: `words` finds the one label that the answer gives; for `strict` the whole answer must be a label;
            `regex` reads the part that a pattern finds; `upstream` is the released code's: the last word, else neutral;
            `upstream_2026` that of its newer evaluator; `judge` asks one about what words cannot read.
        aliases: other words for a label: `default` (inflections and synonyms), `none`, a CSV file with columns alias
            and label, which adds to the default, or `replace:FILE`, which takes its place.
        answer_list: `whole` reads the answer as one text; of a comma-separated list `first` reads the first entry and
            `first_valid` the first that names a label.
        pattern: of `parser=regex`, a regular expression; its first group, if it has one, is what counts.
        judge: of `parser=judge`, a model on a server, which reads what rules cannot.

    Raises:
        UserError: an unknown vocabulary, a wrong file of aliases, a judge without its parser or the other way round.
    """

    def __init__(
        self,
        *,
        labels: str | Sequence[str],
        parser: Parser = "words",
        aliases: str = DEFAULT,
        answer_list: AnswerList = "whole",
        pattern: str | None = None,
        judge: object = None,
    ):
        if judge is not None and parser != "judge":
            raise UserError(
                f"judge: parser={parser} asks no judge; say parser=judge (scoring.parser=judge for eval.py), or leave "
                "judge=... out"
            )
        self.labels = vocabulary(labels)
        table, wide = alias_table(aliases, self.labels, parser)
        self.aliases = described(aliases, parser)
        known = partial(LabelReader, self.labels, aliases=table, wide=wide, answer_list=answer_list)
        self.reader: LabelReader = (
            JudgedReader(self.labels, judge=judge, pattern=pattern, aliases=table, wide=wide, answer_list=answer_list)
            if parser == "judge"
            else known(parser=parser, pattern=pattern)
        )
        self._others = {name: known(parser=name) for name in WITHOUT_SETTINGS if name != parser and self._has(name)}
        of_classes = [f"{name}/{label}" for name in PER_CLASS for label in self.labels]
        self.names = (*DEFINITIONS, UNREADABLE_COUNT, *of_classes)

    def truth(self, clip: Clip) -> str | None:
        """The label of the clip."""
        return clip.label

    def require_truths(self, truths: Iterable[str]) -> None:
        """Refuse labels that are not in the vocabulary.

        Raises:
            InputErrors: lists them.
        """
        wrong = Counter(truth for truth in truths if truth not in self.labels)
        if wrong:
            problems = [f"{count} clips have the label {label!r}, which is not in it" for label, count in wrong.items()]
            cure = "say scoring.labels=[...] with these labels in it, or choose clips whose labels are all in it"
            raise InputErrors(f"scoring.labels={list(self.labels)}", problems, note=cure)

    def score(self, answer: Answer) -> Score:
        """The label that the answer names, or the reason there is none."""
        if answer.is_missing:
            return Score(answer.clip_id, None, why_missing(answer), answer.text)
        reading = self.reader.read(answer.text)
        return Score(
            answer.clip_id,
            reading.label,
            reading.unscored_because,
            answer.text,
            reading.alias,
            is_default=reading.is_default,
            is_misspelt=reading.is_misspelt,
            read_from=reading.read_from,
            passed_over=reading.passed_over,
        )

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """Each score, and those of each label; clips without a label are left out."""
        counts = self._counts(answers, scores)
        if not counts.any():
            return Summary()
        return Summary(_values(counts, self.labels), self._matrix(counts))

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """The content of `metrics.json`: every headline value counts unreadable answers as wrong.

        Args:
            answers: one per clip, with a label of the vocabulary as truth; those without truth are left out and
                counted.
            scores: of the answers.
            benchmark: name of the dataset.
            split: what was evaluated.
            sampling: what was sampled independently, for intervals.

        Raises:
            ValueError: no answers, a clip twice, or no truth at all.
            InputErrors: truths that are not in the vocabulary.
        """
        require_one_each(answers)
        kept = [(answer, score) for answer, score in zip(answers, scores, strict=True) if answer.truth is not None]
        compared = [score for _, score in kept]
        if not compared:
            raise ValueError(f"Expected answers with a truth, but none of {len(answers)} has one.")
        self.require_truths(answer.truth for answer in answers if answer.truth is not None)
        clips = counted_clips([answer for answer, _ in kept], compared, self.labels, sampling)
        metrics = _metrics(clips, self.labels, sampling)
        return Report(
            **headed(answers, compared, benchmark=benchmark, split=split, without_truth=len(answers) - len(compared)),
            aliases=dict(Counter(score.alias for score in compared if score.alias)),
            reading=self._how_read(compared, kept),
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe([answer for answer, _ in kept])),
            per_class=per_class_rows(clips, self.labels, sampling),
            confusion_matrix=self._matrix(clips.counts),
        )

    def cures(self) -> Sequence[str]:
        """Other labels, and other ways to read them."""
        reader = self.reader
        parsers = "; ".join(f"{name}: {about}" for name, about in PARSERS.items())
        return [
            f"labels=..., if the labels are others than {', '.join(self.labels)}",
            f"parser=..., which is {reader.parser} ({parsers})",
            f"answer_list=..., which is {reader.answer_list}, for lists (first, first_valid)",
            "aliases=FILE, for other words that mean a label",
        ]

    def _counts(self, answers: Sequence[Answer], scores: Sequence[Score]) -> np.ndarray:
        """Int64 (classes, classes + 1), of the answers that have a truth."""
        truths, said = class_indices(answers, scores, self.labels)
        return confusion_matrix(truths[truths >= 0], said[truths >= 0], len(self.labels))

    def _matrix(self, counts: np.ndarray) -> dict[str, Any]:
        return {"labels": [*self.labels, UNREADABLE], "counts": counts.tolist()}

    def _has(self, parser: str) -> bool:
        return parser != "upstream" or UPSTREAM_DEFAULT in self.labels

    def _by_parser(self, kept: Sequence[tuple[Answer, Score]]) -> dict[str, dict[str, float]]:
        """The headline score as other parsers read the same answers: how much of it is a matter of reading."""
        texts = Counter((answer.truth, None if answer.is_missing else answer.text) for answer, _ in kept)
        truths = np.array([self.labels.index(truth) for truth, _ in texts if truth is not None])
        times = np.array(list(texts.values()))
        found: dict[str, dict[str, float]] = {}
        for name, reader in self._others.items():
            labels = [None if text is None else reader.read(text).label for _, text in texts]
            answered = np.array([len(self.labels) if label is None else self.labels.index(label) for label in labels])
            counts = np.zeros((len(self.labels), len(self.labels) + 1), dtype=np.int64)
            np.add.at(counts, (truths, answered), times)
            found[name] = {"weighted_f1": float(scores(counts)["weighted_f1"]), "unreadable": int(counts[:, -1].sum())}
        return found

    def _how_read(self, scores: Sequence[Score], kept: Sequence[tuple[Answer, Score]]) -> dict[str, Any]:
        return {
            "parser": self.reader.parser,
            "aliases": self.aliases,
            "answer_list": self.reader.answer_list,
            "made_neutral": sum(score.is_default for score in scores),
            "misspelt": sum(score.is_misspelt for score in scores),
            "other_parsers": self._by_parser(kept),
            "read_from": dict(Counter(score.read_from for score in scores if score.read_from).most_common()),
            **self._judged(scores),
            **self._against_reasons(kept),
        }

    def _against_reasons(self, kept: Sequence[tuple[Answer, Score]]) -> dict[str, Any]:
        """Answers that contradict themselves; a judge would be asked about each part of each."""
        found = contradictions(kept, self.reader) if self.reader.parser == "words" else None
        return {} if found is None else {"contradictions": found}

    def _judged(self, scores: Sequence[Score]) -> dict[str, Any]:
        if not isinstance(self.reader, JudgedReader):
            return {}
        read = sum(score.read_from == BY_JUDGE for score in scores)
        return {"read_by_judge": read, "judge": self.reader.describe()}


def class_indices(
    answers: Sequence[Answer], scores: Sequence[Score], labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Classes of truths and of what was read, int64 (clips,); -1 without a truth, `len(labels)` if unreadable."""
    position: dict[str | None, int] = {label: index for index, label in enumerate(labels)}
    truths = [-1 if answer.truth is None else position[answer.truth] for answer in answers]
    said = [position.get(score.value, len(labels)) for score in scores]
    return np.array(truths, dtype=np.int64), np.array(said, dtype=np.int64)


def _values(counts: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """The names of a classification -> their values."""
    columns = per_class(counts)
    return {
        **{name: float(value) for name, value in scores(counts).items()},
        UNREADABLE_COUNT: float(counts[:, -1].sum()),
        **{
            f"{name}/{label}": float(value)
            for name in PER_CLASS
            for label, value in zip(labels, columns[name], strict=True)
        },
    }


def counted_clips(
    answers: Sequence[Answer], scores: Sequence[Score], labels: Sequence[str], sampling: Sampling = BY_CLIP
) -> Counted:
    """The confusion matrix of answers that have a truth, and how their clips were sampled."""
    return counted(*class_indices(answers, scores, labels), len(labels), sampling.clusters(answers))


def interval_entries(sets: Sequence[Counted], labels: Sequence[str], sampling: Sampling) -> dict[str, dict[str, Any]]:
    """`ci95` and `interval` of each score; of several sets of clips those of the mean."""
    ends = score_intervals(sets, is_stratified=sampling.is_stratified)
    if sampling.intervals == "percentile":
        sets = [alphabetical(clips, labels) for clips in sets]
        draws = [clips.samples(is_stratified=sampling.is_stratified, seed=seed) for seed, clips in enumerate(sets)]
        means = {name: np.mean([samples[name] for samples in draws], axis=0) for name in ends}
        units = sum(clips.num_units for clips in sets)
        drawn = {name: percentile_interval(values, num_units=units) for name, values in means.items()}
        ends = {name: ends[name] if has_no_width(drawn[name]) else drawn[name] for name in ends}
    methods = {MCC: FISHER} if sampling.intervals == "score" else {}
    return {name: {"ci95": list(pair), "interval": methods.get(name, sampling.method())} for name, pair in ends.items()}


def _metrics(clips: Counted, labels: Sequence[str], sampling: Sampling) -> dict[str, dict[str, Any]]:
    """Each score with unreadable answers as wrong, its interval, and a second value that leaves them out."""
    readable = clips.counts.copy()
    readable[:, -1] = 0
    values, without = scores(clips.counts), scores(readable)
    intervals = interval_entries([clips], labels, sampling)
    return {
        name: {
            "value": float(values[name]),
            **intervals[name],
            "definition": DEFINITIONS[name],
            "value_without_unreadable": float(without[name]),
        }
        for name in DEFINITIONS
    }


def per_class_rows(clips: Counted, labels: Sequence[str], sampling: Sampling = BY_CLIP) -> dict[str, dict[str, Any]]:
    """Precision, recall and F1 of each label with score intervals, and its number of clips."""
    columns, ends = per_class(clips.counts), class_intervals(clips, is_stratified=sampling.is_stratified)
    return {
        label: {
            **{name: float(columns[name][index]) for name in PER_CLASS},
            "support": int(columns["support"][index]),
            "ci95": {name: list(ends[name][index]) for name in PER_CLASS},
        }
        for index, label in enumerate(labels)
    }
