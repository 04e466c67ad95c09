"""Where a system is weak: the share of right answers by subject, length, loudness or any attribute, gaps tested.

`slice_section` makes the section `slices` of `metrics.json`:

    {"metric": "war", "level": 0.05, "min_clips": 10, "num_tests": 9,
     "columns": {"duration": {"unit": "s", "edges": [0.6, 1.9, 2.8, 4.1, 9.7], "num_unknown": 3, "num_small": 0,
                 "of_clips": "0 2 - 3 ...",
                 "slices": [{"name": "0.6 to 1.9 s", "num_clips": 45, "value": 0.49, "ci95": [0.35, 0.63],
                             "expected": 0.71, "gap": -0.22, "p": 0.0003, "p_holm": 0.0027, "verdict": "weaker"}]}}}

`edges` is null where each value of the column is a slice. `of_clips` has the place of each clip's slice in `slices`, in
the order of `answers.jsonl`, and `-` where it has none: one text, for there may be a million clips. `expected` is the
share of right answers among all clips with the labels of the slice, so that a slice of hard labels is not weak for that
reason. `p` is that of chance alone: whatever clips are right, which of them lie in the slice; exact, within each label
(the Cochran-Mantel-Haenszel test; Fisher's for a single label). `p_holm` is adjusted over all slices of all columns:
one report in twenty without any gap says `weaker` or `stronger` of some slice, the others say `no gap shown`. Slices of
fewer than `min_clips` clips are shown without a test: `p`, `p_holm` and `verdict` are null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
from scipy.stats import hypergeom, norm

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report
from emolightning.scoring.classification import class_indices
from emolightning.scoring.metrics.counted import Counted, accuracy_intervals, counted
from emolightning.scoring.metrics.paired import holm
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.sampling import Sampling

ONE_LABEL = "slices are of answers with one label"

LEVEL = 0.05
"""Gaps that chance alone gives more rarely than this are called gaps."""

MIN_CLIPS = 10
"""Fewest clips of a slice that is tested."""

MOST = 50
"""Most slices of a column: a column of names is none."""

NUM_BINS = 4
"""Slices of a column of numbers with a fraction, with equally many clips each."""

MOST_EXACT = 4_000
"""Clips of a slice up to which p is exact; beyond, a normal distribution is as good."""

NUM_FLIPS = 20_000
"""Random signs of the clusters' sums."""

MOST_FLIPPED = 200
"""Clusters up to which signs are drawn; the sum of more is as good as normal."""

NOWHERE = "-"
"""Stands for the slice of a clip that is in none."""

ALIKE = 1 + 1e-7
"""Probabilities whose ratio is nearer to 1 than this are equal."""


@dataclass(frozen=True)
class Attribute:
    """What is known of clips that may tell where a system is weak."""

    values: Sequence[str | float | None]
    """What each clip has; None or an empty text where it is not known."""
    num_bins: int | None = None
    """Slices with equally many clips, of a column of numbers; None decides by the values."""
    unit: str = ""


@dataclass(frozen=True)
class Groups:
    """Clips put into slices by an attribute."""

    of_clips: list[str | None]
    """The name of the slice of each clip; None where the attribute is not known."""
    names: list[str]
    """In their order."""
    edges: list[float] | None = None
    """Least value, ends of the slices, largest value; None where each value is a slice."""


def split_bins(word: str) -> tuple[str, int | None]:
    """A column, and the number of slices that are asked for: `age:4`.

    Raises:
        UserError: that is no number of slices.

    >>> split_bins("age:4"), split_bins("subject")
    (('age', 4), ('subject', None))
    """
    column, colon, number = word.partition(":")
    if not colon:
        return column, None
    if not (number.isdecimal() and 2 <= int(number) <= MOST and column):
        raise UserError(f"slices: {word!r}: after the colon must be a number of slices from 2 to {MOST}, as in age:4")
    return column, int(number)


def grouped(column: str, attribute: Attribute) -> Groups:
    """The clips by the values of a column: each value is a slice; of numbers with a fraction each quarter of the clips.

    Raises:
        UserError: too many different values, all clips have the same one, or one that must be a number is none.
    """
    texts = [None if value is None else str(value).strip() or None for value in attribute.values]
    known = [text for text in texts if text is not None]
    if len(set(known)) < 2:
        what = f"is {known[0]!r} for every clip that has it" if known else "is not known of any clip"
        raise UserError(f"slices: {column} {what}, so there is nothing to tell apart; leave it out")
    numbers = _numbers(column, known, attribute.num_bins is not None)
    if numbers is not None and (attribute.num_bins or any("." in text or "e" in text for text in known)):
        return _binned(texts, numbers, attribute.num_bins or NUM_BINS, attribute.unit)
    if len(set(known)) > MOST:
        number = f", or {column}:{NUM_BINS} for quarters of the clips by its numbers" if numbers is not None else ""
        raise UserError(
            f"slices: {column} has {len(set(known))} different values, and at most {MOST} can be looked at one by "
            f"one; choose a column that puts clips into groups{number}, or say cluster={column}"
        )
    return Groups(texts, sorted(set(known)))


def _numbers(column: str, texts: Sequence[str], must_be: bool) -> np.ndarray | None:
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        numbers = np.array([np.nan])
    if np.isfinite(numbers).all():
        return numbers
    if must_be:
        wrong = next(text for text in texts if not _is_number(text))
        raise UserError(f"slices: {column} must be a number for {column}:{NUM_BINS} and its like, but one is {wrong!r}")
    return None


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _binned(texts: Sequence[str | None], numbers: np.ndarray, num_bins: int, unit: str) -> Groups:
    """Between quantiles; the clips at an edge lie in the slice below it. Equal edges are one."""
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, num_bins + 1)))
    shown = next(
        names for digits in range(3, 18) if len(set(names := [f"{edge:.{digits}g}" for edge in edges])) == len(edges)
    )
    names = [f"{low} to {high}{f' {unit}' if unit else ''}" for low, high in zip(shown, shown[1:], strict=False)]
    places = np.clip(np.searchsorted(edges, numbers, side="left") - 1, 0, None)
    found = iter(places.tolist())
    return Groups([None if text is None else names[next(found)] for text in texts], names, edges.tolist())


def attributes_asked(
    words: Sequence[str], values: Mapping[str, Mapping[str, str | float | None]], clip_ids: Sequence[str]
) -> dict[str, Attribute]:
    """What a setting `slices` asks for, of a table.

    Args:
        words: columns, perhaps with a number of slices.
        values: column -> clip id -> what the table says.
        clip_ids: in the order of the answers.

    Raises:
        UserError: a column is named twice.
    """
    found: dict[str, Attribute] = {}
    for word in words:
        column, num_bins = split_bins(str(word))
        if column in found:
            raise UserError(f"slices: {column} is there twice; name each column once")
        found[column] = Attribute([values[column][clip] for clip in clip_ids], num_bins)
    return found


def with_slices(
    report: Report,
    answers: Sequence[Answer],
    scores: Sequence[Score],
    reader: LabelReader | None,
    attributes: Mapping[str, Attribute],
    sampling: Sampling,
) -> Report:
    """The report with its section `slices`, where any are asked for.

    Args:
        report: of the answers.
        answers: one a clip.
        scores: of them.
        reader: knows the labels.
        attributes: column -> what it says of the clips, in the order of the answers.
        sampling: which clips are independent.

    Raises:
        UserError: a column that puts clips into no groups.
    """
    if not attributes or reader is None:
        return report
    truths, said = class_indices(answers, scores, reader.labels)
    has_truth, clusters = truths >= 0, sampling.clusters(answers)
    kept = {
        column: replace(about, values=list(compress(about.values, has_truth))) for column, about in attributes.items()
    }
    section = slice_section(
        truths[has_truth],
        said[has_truth],
        len(reader.labels),
        kept,
        None if clusters is None else {str(sampling.cluster): clusters[has_truth]},
    )
    for about in section["columns"].values():
        places = iter(about["of_clips"].split())
        about["of_clips"] = " ".join(next(places) if known else NOWHERE for known in has_truth)
    return replace(report, slices=section)


def slice_section(
    truths: np.ndarray,
    said: np.ndarray,
    num_classes: int,
    attributes: Mapping[str, Attribute],
    clusters: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """The section `slices` of a report.

    Args:
        truths: class indices, int64 (clips,).
        said: class indices, or `num_classes` for an unreadable answer.
        num_classes: size of the vocabulary.
        attributes: column -> what it says of the clips.
        clusters: the column by which clips are dependent -> equal values for one cluster, (clips,); gaps of other
            columns are then tested by whole clusters.

    Raises:
        UserError: a column that puts clips into no groups.
    """
    columns: dict[str, Any] = {}
    dependent, cluster = next(iter(clusters.items())) if clusters else ("", None)
    for column, attribute in attributes.items():
        groups = grouped(column, attribute)
        own = None if dependent == column else cluster
        rows = _rows(truths, said, num_classes, groups, own)
        columns[column] = {
            "unit": attribute.unit or None,
            "edges": groups.edges,
            "num_unknown": sum(name is None for name in groups.of_clips),
            "num_small": sum(row["p"] is None for row in rows),
            "of_clips": _places(groups),
            "slices": rows,
        }
    tested = [row for about in columns.values() for row in about["slices"] if row["p"] is not None]
    for row, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = adjusted
        row["verdict"] = "no gap shown" if adjusted >= LEVEL else "weaker" if row["gap"] < 0 else "stronger"
    return {"metric": "war", "level": LEVEL, "min_clips": MIN_CLIPS, "num_tests": len(tested), "columns": columns}


def _places(groups: Groups) -> str:
    places: dict[str | None, str] = {name: str(place) for place, name in enumerate(groups.names)}
    return " ".join(places.get(name, NOWHERE) for name in groups.of_clips)


def _rows(
    truths: np.ndarray, said: np.ndarray, num_classes: int, groups: Groups, clusters: np.ndarray | None
) -> list[dict[str, Any]]:
    """The slices of one column, compared among the clips of which it is known."""
    known = np.array([name is not None for name in groups.of_clips])
    names = np.array([name for name in groups.of_clips if name is not None], dtype=object)
    truths, said = truths[known], said[known]
    clusters = None if clusters is None else clusters[known]
    right = truths == said
    shares = np.bincount(truths, right, num_classes) / np.maximum(np.bincount(truths, minlength=num_classes), 1)
    masks = [names == name for name in groups.names]
    intervals = accuracy_intervals([_counted(truths, said, num_classes, clusters, inside) for inside in masks])
    rows = []
    for name, inside, ends in zip(groups.names, masks, intervals, strict=True):
        number = int(inside.sum())
        value, expected = float(right[inside].mean()), float(shares[truths[inside]].mean())
        p = None
        if min(number, len(right) - number) >= MIN_CLIPS:
            p = exact_p(truths, right, inside) if clusters is None else clustered_p(truths, right, inside, clusters)
        rows.append(
            {
                "name": name,
                "num_clips": number,
                "value": value,
                "ci95": list(ends),
                "expected": expected,
                "gap": value - expected,
                "p": p,
                "p_holm": None,
                "verdict": None,
            }
        )
    return rows


def _counted(
    truths: np.ndarray, said: np.ndarray, num_classes: int, clusters: np.ndarray | None, inside: np.ndarray
) -> Counted:
    """The clips of a slice; of a single cluster, which shows no spread, clips count as independent."""
    of_slice = None if clusters is None else clusters[inside]
    if of_slice is not None and len(np.unique(of_slice)) < 2:
        of_slice = None
    return counted(truths[inside], said[inside], num_classes, of_slice)


def exact_p(truths: np.ndarray, right: np.ndarray, inside: np.ndarray) -> float:
    """How often chance makes a slice so different, clips of each label changing places among themselves: two-sided.

    Args:
        truths: class indices, (clips,).
        right: (clips,), bool.
        inside: (clips,), bool: the slice.

    >>> right, inside = np.arange(12) < 6, np.arange(12) < 5
    >>> round(exact_p(np.zeros(12, dtype=int), right, inside), 4)  # Fisher's exact test
    0.0152
    """
    seen = int(right[inside].sum())
    tables = [
        (int(own.sum()), int((right & own).sum()), int((inside & own).sum()))
        for own in (truths == label for label in np.unique(truths))
    ]
    if inside.sum() > MOST_EXACT:
        mean = sum(number * hits / total for total, hits, number in tables)
        variance = sum(float(hypergeom.var(*table)) for table in tables)
        return min(1.0, float(2 * norm.sf(max(0.0, abs(seen - mean) - 0.5) / np.sqrt(variance)))) if variance else 1.0
    chances = np.ones(1)
    for total, hits, number in tables:
        chances = np.convolve(chances, hypergeom.pmf(np.arange(number + 1), total, hits, number))
    return min(1.0, float(chances[chances <= chances[seen] * ALIKE].sum()))


def clustered_p(truths: np.ndarray, right: np.ndarray, inside: np.ndarray, clusters: np.ndarray) -> float:
    """The same where clips of one cluster are not independent: each cluster's part of the gap gets a random sign.

    Args:
        truths: class indices, (clips,).
        right: (clips,), bool.
        inside: (clips,), bool.
        clusters: (clips,), equal values for one cluster.
    """
    _, cluster = np.unique(clusters, return_inverse=True)
    part = _less_mean_of_label(inside, truths) * _less_mean_of_label(right, truths)
    sums = np.bincount(cluster.reshape(-1), part)
    if len(sums) > MOST_FLIPPED:
        size = float(np.sqrt((sums**2).sum()))
        return float(2 * norm.sf(abs(sums.sum()) / size)) if size else 1.0
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(NUM_FLIPS, len(sums)))
    return float((1 + (np.abs(signs @ sums) >= abs(sums.sum()) / ALIKE).sum()) / (1 + NUM_FLIPS))


def _less_mean_of_label(values: np.ndarray, truths: np.ndarray) -> np.ndarray:
    number = np.maximum(np.bincount(truths), 1)
    return values - (np.bincount(truths, values) / number)[truths]
