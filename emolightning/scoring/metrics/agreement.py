"""How far people agree about the same clips: Krippendorff's alpha, Fleiss' and Cohen's kappa, and a person's score.

`votes` is int64 (clips, annotators): the class that each annotator gave a clip, -1 where there is none. Where
each clip was judged by different people, only `pairwise_kappas` asks who they are. Everything else is computed from
sums over clips, so that clips can be drawn again.
"""

from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

DEFINITIONS = {
    "krippendorff_alpha": "Krippendorff's alpha of labels without an order: 1 - observed / expected disagreement over "
    "all pairs of votes for one clip; clips with one vote count nowhere",
    "krippendorff_alpha_ordinal": "the same, with the distance of labels by how many votes lie between them",
    "krippendorff_alpha_interval": "the same, with the squared difference of labels, which are numbers",
    "fleiss_kappa": "Fleiss' kappa: share of pairs of votes for one clip that agree, above that of chance; only where "
    "every clip has equally many votes",
    "cohens_kappa": "mean over pairs of annotators of Cohen's kappa on the clips that both have judged",
}
"""Score -> what it is."""

Level = Literal["nominal", "ordinal", "interval"]
"""What distances of labels mean."""


def vote_counts(votes: np.ndarray, num_classes: int) -> np.ndarray:
    """Votes for each class: int64 (clips, classes).

    >>> vote_counts(np.array([[0, 2, 2], [1, -1, 1]]), 3).tolist()
    [[1, 0, 2], [0, 2, 0]]
    """
    return (votes[:, :, None] == np.arange(num_classes)).sum(axis=1)


def coincidences(counts: np.ndarray) -> np.ndarray:
    """Pairs of votes for one clip, each clip with as many as it has votes: float64 (clips, classes, classes).

    Args:
        counts: (clips, classes); a clip with one vote has no pair.
    """
    numbers = counts.astype(np.float64)
    pairs = numbers[:, :, None] * numbers[:, None, :] - numbers[:, :, None] * np.eye(counts.shape[1])
    others = numbers.sum(axis=1) - 1
    return pairs / np.where(others > 0, others, 1)[:, None, None]


def krippendorff_alpha(pairs: np.ndarray, level: Level = "nominal", values: npt.ArrayLike | None = None) -> np.ndarray:
    """Krippendorff's alpha (2011, "Computing Krippendorff's alpha-reliability"); NaN where all votes are for one class.

    Args:
        pairs: (..., classes, classes), sums of `coincidences`.
        level: `ordinal` has the classes in their order, `interval` has their values.
        values: of the classes, for `interval`.

    >>> votes = np.array([[0, 0], [1, 1], [0, 1], [0, 0]])
    >>> float(krippendorff_alpha(coincidences(vote_counts(votes, 2)).sum(axis=0))).__round__(4)
    0.5333
    """
    totals = pairs.sum(axis=-1)
    number = totals.sum(axis=-1)
    distances = _distances(totals, level, values)
    observed = (pairs * distances).sum(axis=(-2, -1))
    expected = (totals[..., :, None] * totals[..., None, :] * distances).sum(axis=(-2, -1))
    varies = expected > 0
    share = np.divide((number - 1) * observed, expected, out=np.full(np.shape(expected), np.nan), where=varies)
    return 1 - share


def _distances(totals: np.ndarray, level: Level, values: npt.ArrayLike | None) -> np.ndarray:
    """Squared distance of two classes, (..., classes, classes)."""
    number = totals.shape[-1]
    if level == "nominal":
        return 1 - np.eye(number)
    if level == "interval":
        scale = np.arange(number, dtype=np.float64) if values is None else np.asarray(values, dtype=np.float64)
    else:  # Half of the votes for either class, and all between: the difference of mean ranks.
        scale = np.cumsum(totals, axis=-1) - totals / 2
    return (scale[..., :, None] - scale[..., None, :]) ** 2


def fleiss_sums(counts: np.ndarray) -> np.ndarray:
    """What Fleiss' kappa is computed from: 1, agreeing share of pairs, votes of each class: (clips, 2 + classes).

    Args:
        counts: (clips, classes), with equally many votes for each clip, two or more.
    """
    number = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (number * (number - 1))
    return np.column_stack([np.ones(len(counts)), agreeing, counts])


def fleiss_kappa(sums: np.ndarray) -> np.ndarray:
    """Fleiss' kappa (1971); NaN where all votes are for one class.

    Args:
        sums: (..., 2 + classes), sums of `fleiss_sums`.

    >>> float(fleiss_kappa(fleiss_sums(np.array([[3, 0], [0, 3], [2, 1], [1, 2]])).sum(axis=0))).__round__(4)
    0.3333
    """
    shares = sums[..., 2:] / sums[..., 2:].sum(axis=-1, keepdims=True)
    return _above_chance(sums[..., 1] / sums[..., 0], (shares**2).sum(axis=-1))


def cohens_kappa(first: np.ndarray, second: np.ndarray, num_classes: int) -> float:
    """Cohen's kappa (1960) on the clips that both have judged; NaN where there are none, or all votes are the same.

    Args:
        first: (clips,), votes of one annotator.
        second: (clips,), of another.
        num_classes: size of the vocabulary.
    """
    both = (first >= 0) & (second >= 0)
    if not both.any():
        return float("nan")
    shares = [np.bincount(votes[both], minlength=num_classes) / both.sum() for votes in (first, second)]
    return float(_above_chance(np.mean(first[both] == second[both]), np.dot(*shares)))


class PairKappa(NamedTuple):
    """Cohen's kappa of two annotators."""

    first: int
    """The smaller number of the two."""
    second: int
    num_clips: int
    """Clips that both have judged."""
    kappa: float
    """NaN where it is not defined, or the clips are too few."""


def pairwise_kappas(votes: np.ndarray, people: np.ndarray, num_classes: int, least: int = 1) -> list[PairKappa]:
    """Cohen's kappa of each two annotators who have judged the same clips.

    Args:
        votes: (clips, votes on one), each the vote of anybody.
        people: (clips, votes on one), whose it is; -1 where that is not known.
        num_classes: size of the vocabulary.
        least: clips that two must have judged; kappa of those with fewer is NaN.

    Returns:
        Pairs that share a clip, in the order of the annotators.

    >>> votes, people = np.array([[0, 0, 1], [1, 1, -1], [0, 1, -1]]), np.array([[0, 1, 2], [1, 0, -1], [0, 1, -1]])
    >>> [(first, second, number) for first, second, number, kappa in pairwise_kappas(votes, people, 2)]
    [(0, 1, 3), (0, 2, 1), (1, 2, 1)]
    """
    found = [np.zeros((0, 4), dtype=np.int64)]
    for one, other in combinations(range(votes.shape[1]), 2):
        first, second = people[:, one], people[:, other]
        both = (votes[:, one] >= 0) & (votes[:, other] >= 0) & (first >= 0) & (second >= 0) & (first != second)
        rows = np.column_stack([first, second, votes[:, one], votes[:, other]])[both]
        found.append(np.where((rows[:, 0] > rows[:, 1])[:, None], rows[:, [1, 0, 3, 2]], rows))
    rows = np.concatenate(found)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    starts = np.flatnonzero((rows[1:, :2] != rows[:-1, :2]).any(axis=1)) + 1
    pairs = np.split(rows, starts) if len(rows) else []
    kappas = (cohens_kappa(p[:, 2], p[:, 3], num_classes) if len(p) >= least else float("nan") for p in pairs)
    return [PairKappa(int(p[0, 0]), int(p[0, 1]), len(p), kappa) for p, kappa in zip(pairs, kappas, strict=True)]


def _above_chance(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(observed - expected) / (1 - expected); NaN where chance alone agrees always."""
    room = 1 - np.asarray(expected)
    return np.divide(observed - np.asarray(expected), room, out=np.full(room.shape, np.nan), where=room > 1e-12)


def majorities_of_others(votes: np.ndarray, num_classes: int) -> np.ndarray:
    """The class that most of the other annotators gave each clip: int64 (clips, annotators).

    -1 where there is none: the others are tied, or none of them has judged the clip, or the annotator has not.

    >>> majorities_of_others(np.array([[0, 0, 1], [2, 2, -1]]), 3).tolist()
    [[-1, -1, 0], [2, 2, -1]]
    """
    counts = vote_counts(votes, num_classes)
    own = votes[:, :, None] == np.arange(num_classes)
    others = counts[:, None, :] - own
    most = others.max(axis=-1)
    is_one = ((others == most[..., None]).sum(axis=-1) == 1) & (most > 0) & (votes >= 0)
    return np.where(is_one, others.argmax(axis=-1), -1)
