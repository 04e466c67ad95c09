"""Scores of sets of words: precision and recall of each clip, their averages, F of the averages, intervals over clips.

For one clip with true set Y and answered set P: precision |Y n P| / |P|, recall |Y n P| / |Y|, both 0 for an empty P.
F is computed from the two averages and is not the mean of the clips' F: so the official scripts define it.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

import numpy as np

from emolightning.scoring.metrics.intervals import same_value_interval
from emolightning.scoring.metrics.resampling import Resampling, affordable, kinds_of


def overlap(truth: Collection[str], answer: Collection[str]) -> tuple[float, float]:
    """Precision and recall of one clip; both NaN for a clip that does not count, one whose truth is empty.

    >>> overlap({"surprised", "happy"}, {"happy"})
    (1.0, 0.5)
    >>> overlap({"happy"}, [])
    (0.0, 0.0)
    """
    true, answered = set(truth), set(answer)
    if not true:
        return np.nan, np.nan
    if not answered:
        return 0.0, 0.0
    shared = len(true & answered)
    return shared / len(answered), shared / len(true)


def overlaps(truths: Iterable[Collection[str]], answers: Iterable[Collection[str]]) -> np.ndarray:
    """Precision and recall of each clip: float64 (clips, 2), NaN for clips that do not count."""
    pairs = chain.from_iterable(overlap(truth, answer) for truth, answer in zip(truths, answers, strict=True))
    return np.fromiter(pairs, dtype=np.float64).reshape(-1, 2)


def hits(truths: Iterable[Collection[str]], answers: Iterable[Collection[str]]) -> np.ndarray:
    """Whether the one true word of each clip is among the answered ones, however many these are.

    Returns:
        float64 (clips, 1): 1, 0, or NaN for a clip without true word.
    """
    pairs = zip(truths, answers, strict=True)
    found = (float(not set(truth).isdisjoint(answer)) if truth else np.nan for truth, answer in pairs)
    return np.fromiter(found, dtype=np.float64).reshape(-1, 1)


def shared_hits(truths: Iterable[Collection[str]], answers: Iterable[Collection[str]]) -> np.ndarray:
    """What a hit is worth if answers are to be short: 1 over the answered words that are the truth of any clip.

    Returns:
        float64 (clips, 1): 0 for no hit, NaN for a clip without true word.

    >>> shared_hits([{"sad"}, {"happy"}], [{"sad", "happy", "calm"}, {"sad"}]).tolist()
    [[0.5], [0.0]]
    """
    true = [set(truth) for truth in truths]
    known = set().union(*true)
    pairs = zip(true, answers, strict=True)
    found = ((1 / len(known & set(said)) if truth & set(said) else 0.0) if truth else np.nan for truth, said in pairs)
    return np.fromiter(found, dtype=np.float64).reshape(-1, 1)


def num_counted(values: np.ndarray) -> int:
    """Clips that count.

    Args:
        values: (clips, columns), NaN in all columns for a clip that does not.
    """
    return int((~np.isnan(values[:, 0])).sum())


def averages(values: np.ndarray) -> np.ndarray:
    """Means over the clips that count; 0 where none does.

    Args:
        values: (clips, columns)

    Returns:
        float64 (columns,)
    """
    counted = values[~np.isnan(values[:, 0])]
    return counted.mean(axis=0) if len(counted) else np.zeros(values.shape[1])


def exact_averages(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of `averages` where all clips that count have the same value; 0 twice where none counts.

    Args:
        values: (clips, columns), each from 0 to 1.

    Returns:
        float64 (columns,) twice.
    """
    number = num_counted(values)
    if not number:
        return averages(values), averages(values)
    ends = [same_value_interval(float(mean), number, lowest=0.0, highest=1.0) for mean in averages(values)]
    return np.array([low for low, _ in ends]), np.array([high for _, high in ends])


def f_score(precision: np.ndarray | float, recall: np.ndarray | float) -> np.ndarray:
    """2 P R / (P + R), and 0 where both are 0 (the official script of 2025 divides by zero there, that of 2026 not)."""
    product, total = 2 * np.multiply(precision, recall), np.add(precision, recall)
    return np.divide(product, total, out=np.zeros(np.shape(total), dtype=np.float64), where=np.asarray(total) > 0)


def resampled_averages(values: Mapping[str, np.ndarray], resampling: Resampling | None = None) -> dict[str, np.ndarray]:
    """`averages` of clips drawn with replacement, the same draw for all measures.

    A measure of which a draw holds no counted clip has no value there, NaN; one that counts no clip at all is 0.

    Args:
        values: measure -> (clips, columns), the same clips in each.
        resampling: how clips are drawn; fewer samples where there are very many kinds of them.

    Returns:
        measure -> float64 (num_samples, columns)
    """
    names, tables = list(values), list(values.values())
    columns = [column for table in tables for column in table.T]
    kinds, first = kinds_of(columns)
    table = np.stack([column[first] for column in columns], axis=1)
    counted, num_columns = ~np.isnan(table), len(columns)
    absent = np.where(counted.any(axis=0), np.nan, 0.0)
    means = []
    totals = affordable(resampling or Resampling(), len(first)).totals(
        kinds, np.concatenate([np.nan_to_num(table), counted], axis=1)
    )
    for piece in totals:
        sums, counts = piece[:, :num_columns], piece[:, num_columns:]
        means.append(np.divide(sums, counts, out=np.tile(absent, (len(sums), 1)), where=counts > 0))
    ends = np.cumsum([table.shape[1] for table in tables])[:-1]
    return dict(zip(names, np.split(np.concatenate(means), ends, axis=1), strict=True))
