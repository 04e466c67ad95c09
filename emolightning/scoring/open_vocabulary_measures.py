"""From the words of each clip to the scores of `scoring=open_vocabulary`: names, definitions, intervals over clips.

A measure is what is averaged over clips: an array (clips, 1), or (clips, 2) for precision and recall, with NaN for
clips that do not count. A score is computed from averages, and anew from those of each draw for its interval.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from emolightning.scoring.metrics.intervals import interval_entry, percentile_interval
from emolightning.scoring.metrics.open_vocabulary import (
    averages,
    exact_averages,
    f_score,
    hits,
    num_counted,
    overlaps,
    resampled_averages,
    shared_hits,
)
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.metrics.synonym_groups import Groups, merged
from emolightning.scoring.metrics.wheels import LEVELS, EmotionWheels

Words = Sequence[Collection[str]]
"""The words of each clip."""

Measures = dict[str, np.ndarray]
"""`grouped`, `m1`, `level1/wheel1`, `level1_all/wheel1`, ..., `hit/wheel1`, ..., `num_labels` -> (clips, 1 or 2)."""

_CLIPS = "mean over clips of"
_GROUPED = "words of one synonym group counting as one (MER2024-OV)"
_BASES = "words mapped to their base"
_EXTRA = "further labels cost nothing: read it beside num_labels and ew_precision_level1"
_ALL = "over all clips: those that the wheels leave out, as neutral ones, are compared by their words as they are"

DEFINITIONS = {
    "accuracy": f"set-level accuracy, a precision: {_CLIPS} |Y n P| / |P|, {_GROUPED}",
    "recall": f"set-level recall: {_CLIPS} |Y n P| / |Y|, {_GROUPED}",
    "average": f"mean of set-level accuracy and recall, {_GROUPED}",
    "ungrouped_accuracy": f"{_CLIPS} |Y n P| / |P|, words as they are",
    "ungrouped_recall": f"{_CLIPS} |Y n P| / |Y|, words as they are",
    "ungrouped_average": "mean of ungrouped_accuracy and ungrouped_recall",
    **{
        f"ew_{name}_level{level}": f"{what}, words mapped to sectors of level {level}, averaged over the wheels"
        for level in LEVELS
        for name, what in (
            ("f1", "F of mean precision and mean recall"),
            ("precision", f"{_CLIPS} |Y n P| / |P|"),
            ("recall", f"{_CLIPS} |Y n P| / |Y|"),
        )
    },
    "ew_f1_level1_all": f"ew_f1_level1 {_ALL}",
    "ew_f1": "mean of ew_f1_level1 and ew_f1_level2 (MER2025 Track 2)",
    "m1_f1": f"F of mean precision and mean recall, {_BASES} (OV-MER's M1)",
    "m1_precision": f"{_CLIPS} |Y n P| / |P|, {_BASES}",
    "m1_recall": f"{_CLIPS} |Y n P| / |Y|, {_BASES}",
    "m2_f1": f"F of mean precision and mean recall, {_BASES} and this to a wheel's word (OV-MER's M2)",
    "m2_precision": f"{_CLIPS} |Y n P| / |P|, {_BASES} and this to a wheel's word",
    "m2_recall": f"{_CLIPS} |Y n P| / |Y|, {_BASES} and this to a wheel's word",
    "m_avg": "mean of m1_f1, m2_f1 and the F of each wheel at levels 1 and 2 (OV-MER's M-avg)",
    "hit": f"share of clips whose true level-1 sector is among the answered ones, averaged over the wheels; {_EXTRA}",
    "hit_all": f"hit {_ALL}",
    "mscore": "hit, where each clip counts 1 over the answered sectors that are the truth of any clip (printed by "
    "MER-UniBench's script)",
    "num_labels": "mean number of labels of an answer, those that no wheel knows included",
}
"""Score -> what it is. Y: true set, P: answered set; for an empty P both ratios are 0."""

WITHOUT_WHEELS = ("accuracy", "recall", "average", "ungrouped_accuracy", "ungrouped_recall", "ungrouped_average")


@dataclass(frozen=True)
class LabelSets:
    """The words of each clip, true and answered, in the two readings of `emolightning.scoring.metrics.label_lists`."""

    true_quoted: Words
    true_separated: Words
    answered_quoted: Words
    answered_separated: Words
    groups: Sequence[Groups | None] | None = None
    """Groups of each clip; one with None is left out of that protocol, as officially, unless it has no answer."""


def measure(sets: LabelSets, wheels: EmotionWheels, levels: Sequence[int]) -> Measures:
    """All measures; `hit` only where every clip has one true word, as it was made for."""
    truths, answers = sets.true_separated, sets.answered_separated
    found = {"ungrouped": overlaps(sets.true_quoted, sets.answered_quoted)}
    if sets.groups is not None:
        found["grouped"] = _grouped(sets, sets.groups)
    found["m1"] = overlaps(_mapped(truths, wheels.base), _mapped(answers, wheels.base))
    found["m2"] = overlaps(_mapped(truths, wheels.wheel_word), _mapped(answers, wheels.wheel_word))
    has_one_truth = {len(set(words)) for words in truths} <= {0, 1}
    for level in sorted({*levels, *((1,) if has_one_truth else ())}):
        for wheel in range(len(wheels.wheels)):
            true, said = (list(_sectors(words, wheels, wheel, level)) for words in (truths, answers))
            found[f"level{level}/wheel{wheel + 1}"] = overlaps(true, said)
            if level == 1:
                found |= _of_all_clips(f"wheel{wheel + 1}", (true, said), (truths, answers), has_one_truth)
    found["num_labels"] = np.fromiter(map(len, answers), dtype=np.float64)[:, None]
    return found


def _of_all_clips(
    wheel: str, sectors: tuple[Words, Words], words: tuple[Words, Words], has_one_truth: bool
) -> Measures:
    """Measures of level 1 that count every clip with a true word, and of one true word a clip its hits."""
    by_words = [known if left_out else () for known, left_out in zip(words[0], map(_is_empty, sectors[0]), strict=True)]
    found = {f"level1_all/{wheel}": _either(overlaps(*sectors), overlaps(by_words, words[1]))}
    if has_one_truth:
        found[f"hit/{wheel}"] = hits(*sectors)
        found[f"hit_all/{wheel}"] = _either(found[f"hit/{wheel}"], hits(by_words, words[1]))
        found[f"mscore/{wheel}"] = shared_hits(*sectors)
    return found


def _is_empty(words: Collection[str]) -> bool:
    return not words


def _either(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The first, where a clip counts; else the second."""
    return np.where(np.isnan(values), others, values)


def scores(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The scores of DEFINITIONS that these averages give, in that order.

    Args:
        means: measure -> (..., 1 or 2); leading dimensions are kept, e.g. for bootstrap draws.

    Returns:
        name -> float64 (...)
    """
    found: dict[str, np.ndarray] = {}
    for prefix, name in (("", "grouped"), ("ungrouped_", "ungrouped")):
        if name in means:
            accuracy, recall = means[name][..., 0], means[name][..., 1]
            found |= {f"{prefix}accuracy": accuracy, f"{prefix}recall": recall}
            found[f"{prefix}average"] = (accuracy + recall) / 2
    for name in ("m1", "m2"):
        if name in means:
            found |= _named(f"{name}_{{}}", [means[name]])
    for level in LEVELS:
        family = _family(f"level{level}/", means)
        if family:
            found |= _named(f"ew_{{}}_level{level}", family)
    if family := _family("level1_all/", means):
        found["ew_f1_level1_all"] = _named("{}", family)["f1"]
    for name in ("hit", "hit_all", "mscore"):
        if family := _family(f"{name}/", means):
            found[name] = np.mean([values[..., 0] for values in family], axis=0)
    found["num_labels"] = means["num_labels"][..., 0]
    found |= _over_levels(found, means)
    return {name: found[name] for name in DEFINITIONS if name in found}


def names_of(levels: Sequence[int], *, has_groups: bool) -> tuple[str, ...]:
    """The scores that these rings of the wheels give, with or without synonym groups; `hit` only where it applies."""
    absent = set() if has_groups else {"accuracy", "recall", "average"}
    absent |= {name for name in DEFINITIONS for level in LEVELS if level not in levels and f"level{level}" in name}
    absent |= set() if set(LEVELS) <= set(levels) else {"ew_f1", "m_avg"}
    return tuple(name for name in DEFINITIONS if name not in absent)


def score_values(measures: Measures) -> dict[str, float]:
    """The scores for which some clip counts."""
    counted = {name: averages(array) for name, array in measures.items() if _family_counts(name, measures)}
    return {name: float(value) for name, value in scores(counted).items()}


def scores_with_intervals(
    measures: Measures, resampling: Resampling, *, wheels: str, method: str
) -> dict[str, dict[str, Any]]:
    """The `metrics` of metrics.json: those for which some clip counts. A definition names the wheels it rests on.

    Args:
        measures: of all clips.
        resampling: how clips are drawn.
        wheels: name of the wheels' version.
        method: what the resampling is called.
    """
    counted = {name: array for name, array in measures.items() if _family_counts(name, measures)}
    values = scores({name: averages(array) for name, array in counted.items()})
    draws = scores(resampled_averages(counted, resampling))
    exact, num_units = _exact_scores(counted), resampling.num_units(len(measures["num_labels"]))
    return {
        name: {
            "value": float(value),
            **interval_entry(
                percentile_interval(draws[name], num_units=num_units),
                exact.get(name, (float(value), float(value))),
                method=method,
            ),
            "definition": DEFINITIONS[name] + ("" if name in WITHOUT_WHEELS else f"; {wheels}"),
        }
        for name, value in values.items()
    }


def _exact_scores(measures: Measures) -> dict[str, tuple[float, float]]:
    """Ends where resampling shows no spread; `num_labels` is a count without an upper end, and has none."""
    ends = {name: exact_averages(array) for name, array in measures.items()}
    low, high = (scores({name: pair[side] for name, pair in ends.items()}) for side in (0, 1))
    return {name: (float(low[name]), float(high[name])) for name in low if name != "num_labels"}


def per_wheel(measures: Measures) -> dict[str, dict[str, dict[str, float]]]:
    """Family (`level1`, `hit`, ...) -> wheel -> its scores and the number of clips that count."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, values in measures.items():
        family, _, wheel = name.partition("/")
        if wheel:
            found.setdefault(family, {})[wheel] = {**_row(family, values), "num_clips": num_counted(values)}
    return found


def clips_counted(measures: Measures) -> dict[str, int]:
    """Number of clips that count for each measure without wheels."""
    return {name: num_counted(values) for name, values in measures.items() if "/" not in name}


def _grouped(sets: LabelSets, groups: Sequence[Groups | None]) -> np.ndarray:
    # A clip of which nothing was answered needs no groups: leaving it out would reward saying nothing.
    known = [own is not None or not words for own, words in zip(groups, sets.answered_quoted, strict=True)]
    true = (merged(words, own or []) for words, own in zip(sets.true_quoted, groups, strict=True))
    answered = (merged(words, own or []) for words, own in zip(sets.answered_quoted, groups, strict=True))
    return np.where(np.array(known)[:, None], overlaps(true, answered), np.nan)


def _mapped(words: Words, function: Callable[[str], str | None]) -> Iterator[frozenset[str]]:
    """What the function makes of the words of each clip, without those of which it makes nothing.

    Equal sets are one object, and a word is looked up once: of a million clips there are few of either.
    """
    target_of, sets = cache(function), dict[frozenset[str], frozenset[str]]()
    for own in words:
        found = frozenset(target for word in own if (target := target_of(word)) is not None)
        yield sets.setdefault(found, found)


def _sectors(words: Words, wheels: EmotionWheels, wheel: int, level: int) -> Iterator[frozenset[str]]:
    return _mapped(words, lambda word: wheels.sector(word, wheel, level))


def _family_counts(name: str, measures: Mapping[str, np.ndarray]) -> bool:
    """Whether some clip counts on one of the wheels: a wheel without any has the score 0 then, as officially."""
    family, slash, _ = name.partition("/")
    members = _family(f"{family.removesuffix('_all')}/", measures) if slash else [measures[name]]
    return any(num_counted(values) for values in members)


def _family(prefix: str, measures: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [values for name, values in measures.items() if name.startswith(prefix)]


def _named(pattern: str, family: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Means over the wheels of F, precision, recall, by their names."""
    columns = {
        "f1": [f_score(values[..., 0], values[..., 1]) for values in family],
        "precision": [values[..., 0] for values in family],
        "recall": [values[..., 1] for values in family],
    }
    return {pattern.format(name): np.mean(values, axis=0) for name, values in columns.items()}


def _over_levels(found: Mapping[str, np.ndarray], means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    levels = [_family(f"level{level}/", means) for level in LEVELS]
    if not all(levels) or "m2_f1" not in found:
        return {}
    every = [f_score(values[..., 0], values[..., 1]) for family in levels for values in family]
    return {
        "ew_f1": (found["ew_f1_level1"] + found["ew_f1_level2"]) / 2,
        "m_avg": np.mean([found["m1_f1"], found["m2_f1"], *every], axis=0),
    }


def _row(family: str, values: np.ndarray) -> dict[str, float]:
    means = averages(values)
    if len(means) == 1:
        return {family: float(means[0])}
    return {"f1": float(f_score(*means)), "precision": float(means[0]), "recall": float(means[1])}
