"""What people who judged the same clips reach: section `annotators` of `metrics.json`.

How far they agree; what one of them scores against the others (the human ceiling), and the system against the same
truths; which share of a clip's annotators an answer has on its side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report
from emolightning.records.score_names import BEST_SOFT_ACCURACY, SOFT_ACCURACY
from emolightning.records.votes import Votes
from emolightning.scoring.classification import Classification, class_indices
from emolightning.scoring.metrics.agreement import (
    DEFINITIONS,
    Level,
    coincidences,
    fleiss_kappa,
    fleiss_sums,
    krippendorff_alpha,
    majorities_of_others,
    pairwise_kappas,
    vote_counts,
)
from emolightning.scoring.metrics.calibration import SMALLEST
from emolightning.scoring.metrics.classification import joined, scores
from emolightning.scoring.metrics.intervals import percentile_interval, resampled_entry
from emolightning.scoring.metrics.resampling import Resampling, affordable, kinds_of
from emolightning.scoring.sampling import BY_CLIP, Sampling
from emolightning.scoring.scoring import Scoring

OF_PEOPLE = ("weighted_f1", "macro_f1", "uar", "war")
"""Scores of one annotator against the others, and of the system."""

CEILING, SYSTEM, DIFFERENCE = "ceiling", "system", "difference"
OF_CEILING = {
    CEILING: "of each annotator against the label that most of the others gave, all annotators together; clips whose "
    "others are tied are left out",
    SYSTEM: "of the system against the same truths",
    DIFFERENCE: "the system's less that of the annotators",
}
"""What is a score of people, of the system on their truths, and of both."""

OF_VOTES = {
    SOFT_ACCURACY: "mean share of a clip's annotators who gave the label of the answer; an unreadable one has none",
    BEST_SOFT_ACCURACY: "the same of the label with the most votes: no answers have more",
    "vote_cross_entropy": "mean over clips of - sum of share of votes x log probability of the label, in nats",
    "vote_brier": "mean over clips of the sum over labels of (probability - share of votes) squared",
}
"""Score of answers against votes -> what it is."""

LOWEST_AND_HIGHEST = {"vote_cross_entropy": (0.0, float(-np.log(SMALLEST))), "vote_brier": (0.0, 2.0)}
"""Values that a clip can have, where these are not 0 and 1."""

LEAST_SHARED = 10
"""Clips that two must have judged whose kappa counts, where each clip was judged by different people.

On one clip it is 0 or not defined, so that a mean over such pairs is near 0 however people agree."""

Sums = Mapping[str, np.ndarray]
"""What scores are computed from -> its sums over clips, (..., columns)."""


def with_annotators(
    report: Report,
    votes: Votes | None,
    answers: Sequence[Answer],
    said: Sequence[Score],
    scoring: Scoring,
    sampling: Sampling = BY_CLIP,
) -> Report:
    """The report with that section; without it where there are no votes, or answers are no labels."""
    if votes is None or not isinstance(scoring, Classification):
        return report
    return replace(report, annotators=annotators_section(votes, answers, said, scoring.labels, sampling))


def vote_scores(
    votes: Votes | None, answers: Sequence[Answer], said: Sequence[Score], scoring: Scoring
) -> dict[str, float]:
    """Answers of a validation against votes: scores of `OF_VOTES` without intervals, none where there are no votes."""
    if votes is None or not isinstance(scoring, Classification):
        return {}
    answers, said = _judged(votes, answers, said, scoring.labels)
    if not answers:
        return {}
    read, number = class_indices(answers, said, scoring.labels)[1], len(scoring.labels)
    columns = _columns(_given(votes, answers, scoring.labels), read, number, _chances(answers, scoring.labels))
    means = {name: columns[name].mean(axis=0) for name in OF_VOTES if name in columns}
    return {name: float(value / weight) for name, (weight, value) in means.items()}


def annotators_section(
    votes: Votes,
    answers: Sequence[Answer],
    said: Sequence[Score],
    labels: Sequence[str],
    sampling: Sampling = BY_CLIP,
) -> dict[str, Any]:
    """Section `annotators` of a report, of the clips that somebody judged.

    Args:
        votes: on these clips, and perhaps on others.
        answers: one a clip.
        said: what was read from them.
        labels: the vocabulary.
        sampling: which clips are independent.
    """
    answers, said = _judged(votes, answers, said, labels)
    given, people = _given(votes, answers, labels), _people(votes, answers)
    entries, num_compared = _entries(votes, given, answers, said, labels, sampling) if answers else ({}, 0)
    pairs = _pairs(given, *people, len(labels), 1 if votes.annotators else LEAST_SHARED)
    kappas = [each["kappa"] for each in pairs if each["kappa"] is not None]
    if kappas:
        entries["cohens_kappa"] = _mean_kappa(
            kappas, "" if votes.annotators else f", of those with {LEAST_SHARED} or more"
        )
    here = {answer.clip_id for answer in answers}
    tied = [clip for clip in votes.tied if clip in here]
    return {
        "num_annotators": len(people[0]),
        "names": list(votes.annotators),
        "num_votes": {name: int((given[:, number] >= 0).sum()) for number, name in enumerate(votes.annotators)},
        "ties": {"rule": votes.ties, "count": len(tied), "clips": tied},
        "agreement": {name: entries[name] for name in DEFINITIONS if name in entries},
        "num_pairs": {"sharing_clips": len(pairs), "with_kappa": len(kappas)},
        "pairs": pairs if votes.annotators else [],
        CEILING: {"num_compared": num_compared, **_ceiling(entries)},
        "votes": {name: entries[name] for name in OF_VOTES if name in entries},
    }


def _entries(
    votes: Votes,
    given: np.ndarray,
    answers: Sequence[Answer],
    said: Sequence[Score],
    labels: Sequence[str],
    sampling: Sampling,
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return score -> its entry, and how many votes are compared with those of others."""
    read, chances = class_indices(answers, said, labels)[1], _chances(answers, labels)
    # Whose votes they are makes no difference to a clip's sums.
    alike = np.sort(given, axis=1) if votes.raters else given
    kinds, first = kinds_of([*alike.T, read, *(() if chances is None else chances.T)])
    columns = _columns(given[first], read[first], len(labels), None if chances is None else chances[first])
    num_compared = int(columns["people"].sum(axis=1)[kinds].sum())
    return _Scores(columns, _values(labels)).entries(kinds, sampling, answers), num_compared


def _mean_kappa(kappas: Sequence[float], which: str) -> dict[str, Any]:
    """Return the entry of the mean of kappas; `which` ends its definition."""
    return {"value": float(np.mean(kappas)), "definition": DEFINITIONS["cohens_kappa"] + which}


def _ceiling(entries: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return kind of score -> score -> its entry, of people, of the system and of both."""
    return {
        kind: {name: entries[key] for name in OF_PEOPLE if (key := f"{kind}/{name}") in entries} for kind in OF_CEILING
    }


def _judged(
    votes: Votes, answers: Sequence[Answer], said: Sequence[Score], labels: Sequence[str]
) -> tuple[list[Answer], list[Score]]:
    """Return the answers about clips with a vote, and what was read from them: other clips count nowhere."""
    known = {*labels}
    kept = [place for place, each in enumerate(answers) if not known.isdisjoint(votes.of_clips.get(each.clip_id, ()))]
    return [answers[place] for place in kept], [said[place] for place in kept]


def _given(votes: Votes, answers: Sequence[Answer], labels: Sequence[str]) -> np.ndarray:
    """Return the class of each vote on each clip; -1 where there is none.

    Returns:
        int64 (clips, annotators), or (clips, most votes on one) where each clip was judged by different people.
    """
    place: dict[str | None, int] = {label: number for number, label in enumerate(labels)}
    rows = [[place.get(label, -1) for label in votes.of_clips[answer.clip_id]] for answer in answers]
    return _filled(rows, len(votes.annotators))


def _people(votes: Votes, answers: Sequence[Answer]) -> tuple[Sequence[str], np.ndarray]:
    """Return the names of those who judged these clips, and who gave each vote.

    Annotators with a column of their own count though they judged none of these clips.

    Returns:
        Names, and int64 of the shape of `_given`: places among the names, -1 for nobody known.
    """
    if votes.annotators:
        names = votes.annotators
        return names, np.tile(np.arange(len(names)), (len(answers), 1))
    rows = [votes.raters.get(answer.clip_id) or ("",) * len(votes.of_clips[answer.clip_id]) for answer in answers]
    place = {name: number for number, name in enumerate(dict.fromkeys(name for row in rows for name in row if name))}
    return list(place), _filled([[place.get(name, -1) for name in row] for row in rows])


def _filled(rows: Sequence[Sequence[int]], width: int = 0) -> np.ndarray:
    """Return rows of unequal length as one array, int64 (rows, longest), with -1 at their ends.

    Without rows it is as wide as `width`.
    """
    longest = max(map(len, rows), default=width)
    return np.array([[*row, *[-1] * (longest - len(row))] for row in rows], dtype=np.int64).reshape(len(rows), longest)


def _chances(answers: Sequence[Answer], labels: Sequence[str]) -> np.ndarray | None:
    """Probabilities (clips, classes); None where some clip has none."""
    if any(answer.probabilities is None for answer in answers):
        return None
    return np.array([[(answer.probabilities or {}).get(label, 0.0) for label in labels] for answer in answers])


def _values(labels: Sequence[str]) -> list[float] | None:
    """The labels as numbers; None where they are words."""
    try:
        return [float(label) for label in labels]
    except ValueError:
        return None


def _pairs(
    given: np.ndarray, names: Sequence[str], people: np.ndarray, num_classes: int, least: int
) -> list[dict[str, Any]]:
    """Return Cohen's kappa of each two annotators who share clips.

    It is None where it is not defined, or where they share fewer than `least`.
    """
    return [
        {
            "first": names[first],
            "second": names[second],
            "num_clips": number,
            "kappa": None if np.isnan(kappa) else kappa,
        }
        for first, second, number, kappa in pairwise_kappas(given, people, num_classes, least)
    ]


def _columns(
    given: np.ndarray, read: np.ndarray, num_classes: int, chances: np.ndarray | None
) -> dict[str, np.ndarray]:
    """What a clip of each kind, with a vote or several, adds to each sum."""
    counts = vote_counts(given, num_classes)
    number = counts.sum(axis=1)
    shares = counts / number[:, None]
    others = majorities_of_others(given, num_classes)
    own = np.column_stack([shares, np.zeros(len(read))])[np.arange(len(read)), read]
    columns = {
        "pairs": coincidences(counts).reshape(len(counts), -1),
        "people": _cells(others, given, num_classes),
        "system": _cells(others, np.broadcast_to(read[:, None], given.shape), num_classes),
        SOFT_ACCURACY: np.column_stack([np.ones(len(read)), own]),
        BEST_SOFT_ACCURACY: np.column_stack([np.ones(len(read)), shares.max(axis=1)]),
    }
    if (number == number[0]).all() and number[0] > 1:
        columns["fleiss"] = fleiss_sums(counts)
    if chances is not None:
        entropy = -(shares * np.log(np.maximum(chances, SMALLEST))).sum(axis=1)
        distance = ((chances - shares) ** 2).sum(axis=1)
        columns["vote_cross_entropy"] = np.column_stack([np.ones(len(read)), entropy])
        columns["vote_brier"] = np.column_stack([np.ones(len(read)), distance])
    return columns


def _cells(truths: np.ndarray, said: np.ndarray, num_classes: int) -> np.ndarray:
    """Cells of the confusion matrix that a clip's annotators add to: (clips, classes x (classes + 1))."""
    cells = np.zeros((len(truths), num_classes * (num_classes + 1)))
    clips, people = np.nonzero(truths >= 0)
    np.add.at(cells, (clips, truths[clips, people] * (num_classes + 1) + said[clips, people]), 1)
    return cells


class _Scores:
    """Scores of sums over clips.

    Args:
        columns: what a clip of each kind adds to each sum.
        values: of the labels, where they are numbers.
    """

    def __init__(self, columns: Sums, values: Sequence[float] | None):
        self.columns, self.values = columns, values
        self._ends = np.cumsum([each.shape[1] for each in columns.values()])[:-1]

    def entries(self, kinds: np.ndarray, sampling: Sampling, answers: Sequence[Answer]) -> dict[str, dict[str, Any]]:
        """Score -> value, interval and definition."""
        rows = np.concatenate(list(self.columns.values()), axis=1)
        resampling = affordable(sampling.resampling(answers), len(rows))
        draws = joined(self.of_sums(totals) for totals in resampling.totals(kinds, rows))
        units = {name: _num_units(resampling, kinds, each) for name, each in self.columns.items()}
        found = {}
        for name, value in self.of_sums(np.bincount(kinds, minlength=len(rows)) @ rows).items():
            if np.isnan(value):
                continue
            limits = LOWEST_AND_HIGHEST.get(name, (-1.0 if _may_be_negative(name) else 0.0, 1.0))
            number = units[_sum_of(name)]
            ends = percentile_interval(draws[name], num_units=number)
            found[name] = {
                **resampled_entry(float(value), ends, number, sampling.bootstrap(), limits),
                "definition": _definition(name),
            }
        return found

    def of_sums(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Sums (..., columns) -> each score, (...); NaN where it is not defined."""
        sums = dict(zip(self.columns, np.split(totals, self._ends, axis=-1), strict=True))
        number = int(np.sqrt(sums["pairs"].shape[-1]))
        pairs = sums["pairs"].reshape(*totals.shape[:-1], number, number)
        found = {"krippendorff_alpha": krippendorff_alpha(pairs)}
        if self.values is not None:
            order = np.argsort(self.values, kind="stable")
            ordered, values = pairs[..., order[:, None], order], np.array(self.values)[order]
            levels: tuple[Level, ...] = ("ordinal", "interval")
            found |= {f"krippendorff_alpha_{level}": krippendorff_alpha(ordered, level, values) for level in levels}
        if "fleiss" in sums:
            found["fleiss_kappa"] = fleiss_kappa(sums["fleiss"])
        people, system = (
            scores(sums[name].reshape(*totals.shape[:-1], number, number + 1)) for name in ("people", "system")
        )
        has_clips = sums["people"].any(axis=-1)
        for name in OF_PEOPLE:
            of_both = {CEILING: people[name], SYSTEM: system[name], DIFFERENCE: system[name] - people[name]}
            found |= {f"{kind}/{name}": np.where(has_clips, values, np.nan) for kind, values in of_both.items()}
        means = {name: sums[name][..., 1] / sums[name][..., 0] for name in OF_VOTES if name in sums}
        return found | means


def _num_units(resampling: Resampling, kinds: np.ndarray, rows: np.ndarray) -> int:
    """Return how many units, clips or clusters, have a clip that adds anything.

    Args:
        resampling: how clips are drawn.
        kinds: (clips,), row of each clip.
        rows: (kinds, columns), what a clip of each kind adds.
    """
    (clips,) = np.nonzero(np.any(rows, axis=1)[kinds])
    return len(clips) if resampling.clusters is None else len(np.unique(resampling.clusters[clips]))


def _sum_of(name: str) -> str:
    """Return the sum that has something of each clip that a score counts."""
    return name if name in OF_VOTES else "pairs" if name in DEFINITIONS else "people"


def _may_be_negative(name: str) -> bool:
    return name in DEFINITIONS or name.startswith(DIFFERENCE)


def _definition(name: str) -> str:
    kind, _, score = name.partition("/")
    return f"{score} {OF_CEILING[kind]}" if score else {**DEFINITIONS, **OF_VOTES}[name]
