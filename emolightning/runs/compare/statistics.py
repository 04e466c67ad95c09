"""From what systems said about the same clips to what is known of their differences: the content of `compare.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from emolightning.errors import UserError
from emolightning.records.score_names import is_loss
from emolightning.runs.compare.clips import Compared
from emolightning.runs.compare.sums import range_of, sums_of
from emolightning.runs.compare.systems import GRADES, LABELS, System
from emolightning.scoring.metrics.intervals import DETECTED, exact_proportion, has_no_width, percentile_interval
from emolightning.scoring.metrics.paired import Summed, exchanged, holm, mcnemar, p_value, resampled
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.slices import Groups
from emolightning.scoring.summed import RECALL

LEVEL = 0.05
"""Differences that chance alone gives more rarely than this are called differences."""


@dataclass(frozen=True)
class Measured:
    """A system as numbers, its clips in the common order."""

    system: System
    summed: Summed
    right: np.ndarray | None
    """Share of its seeds that are right about each clip; None where answers are no labels."""
    draws: Mapping[str, np.ndarray]
    """Score -> its values on clips that were drawn; the same clips for all systems."""

    @property
    def name(self) -> str:
        """How the system is called."""
        return self.system.name


def measured(systems: Sequence[System], compared: Compared, how: Resampling, scoring: Any = None) -> list[Measured]:
    """The systems as numbers.

    Args:
        systems: of the clips.
        compared: the clips.
        how: they are drawn.
        scoring: reads sets of words, where answers are such.

    Raises:
        UserError: answers of one system are of another kind than those of another.
    """
    kinds = {system.name: said.kind for system in systems for said in system.said}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise UserError(f"runs: answers of different kinds do not compare: {listed}; score them in one way first")
    summed = sums_of(systems, compared, scoring)
    found = resampled(summed, how)
    return [
        Measured(system, each, _right(system, compared), of_system)
        for system, each, of_system in zip(systems, summed, found, strict=True)
    ]


def _right(system: System, compared: Compared) -> np.ndarray | None:
    if system.kind != LABELS:
        return None
    answers = [{answer.clip_id: score.value for answer, score in said.scored} for said in system.said]
    hits = [
        [each[clip] == truth for clip, truth in zip(compared.ids, compared.truths, strict=True)] for each in answers
    ]
    return np.mean(np.array(hits, dtype=np.float64), axis=0)


def pairs(
    systems: Sequence[Measured], compared: Compared, how: Resampling, headline: str, *, against_first: bool = False
) -> list[dict[str, Any]]:
    """Each system against each earlier one, p-values adjusted for the number of pairs.

    Args:
        systems: in their order.
        compared: their clips.
        how: these are drawn.
        headline: the score that ranks.
        against_first: each against the first alone.
    """
    chosen = [(systems[0], other) for other in systems[1:]] if against_first else combinations(systems, 2)
    found = [_pair(first, second, compared, how) for first, second in chosen]
    for name in found[0]["metrics"] if found else ():
        for pair, adjusted in zip(found, holm([pair["metrics"][name]["p"] for pair in found]), strict=True):
            row = pair["metrics"][name]
            row["p_holm"] = adjusted
            row["verdict"] = _verdict(name, row["difference"], adjusted)
    for pair, adjusted in zip(
        found, holm([pair["mcnemar"]["p_exact"] for pair in found if "mcnemar" in pair]), strict=False
    ):
        pair["mcnemar"]["p_holm"] = adjusted
    for pair in found:
        pair["headline"] = headline
    return found


def _verdict(name: str, difference: float, p: float) -> str:
    if p >= LEVEL:
        return "no difference shown"
    return "better" if (difference > 0) != is_loss(name) else "worse"


def _pair(first: Measured, second: Measured, compared: Compared, how: Resampling) -> dict[str, Any]:
    rows = _differences(first, second, compared, how)
    pair: dict[str, Any] = {
        "first": first.name,
        "second": second.name,
        "metrics": {name: row for name, row in rows.items() if not name.startswith(RECALL)},
    }
    if first.right is not None and second.right is not None:
        pair |= _right_and_wrong(first.right, second.right, compared)
        pair["per_class"] = _per_class(first.right, second.right, compared, rows)
    elif first.system.kind == GRADES:
        for name, row in pair["metrics"].items():
            row["cohens_dz"] = _cohens_dz(first.system, second.system, name, compared)
    if compared.slices:
        pair["slices"] = {
            column: _slices(first, second, compared, groups, how) for column, groups in compared.slices.items()
        }
    return pair


def _differences(first: Measured, second: Measured, compared: Compared, how: Resampling) -> dict[str, dict[str, Any]]:
    """Score -> both values, second minus first, its interval, and how often chance gives as much."""
    here, there = first.summed.values(), second.summed.values()
    drawn = {name: second.draws[name] - first.draws[name] for name in here}
    by_chance = _by_chance(first, second, how, drawn)
    found = {}
    for name, value in here.items():
        difference = there[name] - value
        units = _num_units(name, compared, how)
        low, high = percentile_interval(drawn[name], num_units=None if how.clusters is None else units)
        if has_no_width((low, high)):  # Nothing differs here, and could on other clips.
            most = range_of(first.system, name) * float(exact_proportion(0, units)[1])
            low, high = difference - most, difference + most
        found[name] = {
            "first": value,
            "second": there[name],
            "difference": difference,
            "ci95": [low, high],
            "p": p_value(difference, by_chance[name]),
            "detectable": float(DETECTED * drawn[name].std()),
        }
    for name, p in _exact(first, second, compared, how).items():
        found[name]["p"] = p
    return found


def _num_units(name: str, compared: Compared, how: Resampling) -> int:
    """Independent clips, or clusters of them, that a score is of."""
    if not name.startswith(RECALL):
        return how.num_units(len(compared.ids))
    of_class = np.array(compared.truths) == name.removeprefix(RECALL)
    return int(of_class.sum()) if how.clusters is None else len(np.unique(how.clusters[of_class]))


def _by_chance(
    first: Measured, second: Measured, how: Resampling, drawn: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray]:
    """Differences between equal systems: answers change sides; of seeds, whose number is small, draws about zero."""
    if len(first.summed.kinds) == len(second.summed.kinds) == 1:
        return exchanged(first.summed, second.summed, how)
    here, there = first.summed.values(), second.summed.values()
    return {name: values - (there[name] - here[name]) for name, values in drawn.items()}


def _exact(first: Measured, second: Measured, compared: Compared, how: Resampling) -> dict[str, float]:
    """p-values of shares of right answers, which need no draws where clips are independent and there is one seed."""
    has_seeds = max(len(first.summed.kinds), len(second.summed.kinds)) > 1
    if first.right is None or second.right is None or how.clusters is not None or has_seeds:
        return {}
    found = {} if first.system.said[0].folds else {"war": mcnemar(first.right, second.right).p_exact}
    truths = np.array(compared.truths)
    for label in dict.fromkeys(compared.truths):
        of_class = truths == label
        found[f"{RECALL}{label}"] = mcnemar(first.right[of_class], second.right[of_class]).p_exact
    return found


def _right_and_wrong(first: np.ndarray, second: np.ndarray, compared: Compared) -> dict[str, Any]:
    """McNemar's test, and which clips the second has right and the first has not, and the other way round."""
    fixed = [clip for clip, is_so in zip(compared.ids, second > first, strict=True) if is_so]
    broke = [clip for clip, is_so in zip(compared.ids, first > second, strict=True) if is_so]
    about = {
        "both_right": int(((first == 1) & (second == 1)).sum()),
        "both_wrong": int(((first == 0) & (second == 0)).sum()),
        "cohens_h": float(2 * (np.arcsin(np.sqrt(second.mean())) - np.arcsin(np.sqrt(first.mean())))),
    }
    return {
        "mcnemar": {**asdict(mcnemar(first, second)), **about},
        "fixed": {"count": len(fixed), "clips": fixed},
        "broke": {"count": len(broke), "clips": broke},
    }


def _per_class(
    first: np.ndarray, second: np.ndarray, compared: Compared, rows: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Recall of each class that has clips, adjusted for the number of classes."""
    truths = np.array(compared.truths)
    found = {}
    for name, row in rows.items():
        label = name.removeprefix(RECALL)
        of_class = truths == label
        if name == label or not of_class.any():
            continue
        counts = {"fixed": int((second > first)[of_class].sum()), "broke": int((first > second)[of_class].sum())}
        found[label] = {"support": int(of_class.sum()), **row, **counts}
    for row, adjusted in zip(found.values(), holm([row["p"] for row in found.values()]), strict=True):
        row["p_holm"] = adjusted
    return found


def _cohens_dz(first: System, second: System, name: str, compared: Compared) -> float | None:
    """Mean difference of grades over its deviation; of several seeds, of their means."""
    grades = [
        np.ma.masked_invalid([[said.grades()[name].get(clip, np.nan) for clip in compared.ids] for said in system.said])
        for system in (first, second)
    ]
    mean = [of_seeds.mean(axis=0).filled(np.nan) for of_seeds in grades]
    change = (mean[1] - mean[0])[~np.isnan(mean[1] - mean[0])]
    return float(change.mean() / deviation) if len(change) > 1 and (deviation := change.std(ddof=1)) > 0 else None


def _slices(
    first: Measured, second: Measured, compared: Compared, groups: Groups, how: Resampling
) -> dict[str, dict[str, Any]]:
    """The same of the clips with each value of a column: the share of right answers, or the first score."""
    found = {}
    for name in [*groups.names, *([None] if None in groups.of_clips else [])]:
        mask = np.array([each == name for each in groups.of_clips])
        part = Compared(
            [clip for clip, is_in in zip(compared.ids, mask, strict=True) if is_in],
            [truth for truth, is_in in zip(compared.truths, mask, strict=True) if is_in],
        )
        drawn = replace(how, clusters=None if how.clusters is None else how.clusters[mask])
        here, there = _part([first, second], mask, drawn)
        rows = _differences(here, there, part, drawn)
        score = "war" if "war" in rows else next(iter(rows))
        found[name or "(empty)"] = {"metric": score, "num_clips": len(part.ids), **rows[score]}
    for row, adjusted in zip(found.values(), holm([row["p"] for row in found.values()]), strict=True):
        row["p_holm"] = adjusted
    return found


def _part(systems: Sequence[Measured], mask: np.ndarray, how: Resampling) -> list[Measured]:
    summed = [
        Summed(each.summed.rows, [kinds[mask] for kinds in each.summed.kinds], each.summed.scores) for each in systems
    ]
    found = resampled(summed, how)
    return [
        Measured(each.system, own, None if each.right is None else each.right[mask], of_part)
        for each, own, of_part in zip(systems, summed, found, strict=True)
    ]
