"""What a report shows to be wrong with the system itself, each with what can be done about it.

The checks are of the founding evaluation design: labels that are answered too often or too rarely, statements against
their reasons, probabilities that are too high, and judges that grade length. Chance alone makes few reports in a
hundred say something (each check has its own 5 %; Holm over the labels).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest, spearmanr

from emolightning.scoring.metrics.paired import holm

LEVEL = 0.05

MIN_GRADED = 20
"""Fewest grades of which a correlation is looked at."""

REMEDY = (
    "in training data.sampling=balanced or loss.class_weights=balanced, without training thresholds that are fitted on "
    "validation (evaluation=likelihood likelihood.fitted_on=FOLDER)"
)


def diagnosis_of(report: Mapping[str, Any]) -> list[str]:
    """Sentences about one report.

    Args:
        report: the content of `metrics.json`.
    """
    return [*_one_sided(report), *_contradictions(report), *_too_sure(report), *_length_bias(report)]


def _one_sided(report: Mapping[str, Any]) -> Iterator[str]:
    """Labels with far more wrong answers of theirs than clips of theirs that are answered otherwise, or far fewer.

    If a label is not preferred, either mistake is equally likely: an exact binomial test of each label.
    """
    matrix = report.get("confusion_matrix") or {"labels": [], "counts": []}
    rows = []
    for place, label in enumerate(matrix["labels"][: len(matrix["counts"])]):
        answered = [row[place] for row in matrix["counts"]]
        right, clips = matrix["counts"][place][place], sum(matrix["counts"][place])
        unread = sum(matrix["counts"][place][len(matrix["counts"]) :])
        invented, lost = sum(answered) - right, clips - right - unread
        if invented + lost:
            rows.append((label, sum(answered), clips, right, invented, lost))
    adjusted = holm([binomtest(row[4], row[4] + row[5]).pvalue for row in rows]) if rows else []
    said = [
        f"{label} is answered too {'often' if invented > lost else 'rarely'}: {answers} answers for {clips} clips "
        f"(precision {_share(right, answers)}, recall {_share(right, clips)}, p = {p:.2g})"
        for (label, answers, clips, right, invented, lost), p in zip(rows, adjusted, strict=True)
        if p < LEVEL
    ]
    if said:
        yield f"{'; '.join(said)}. What helps: {REMEDY}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


def _contradictions(report: Mapping[str, Any]) -> Iterator[str]:
    """Statements against their reasons, where such answers are wrong more often than others."""
    found = (report.get("reading") or {}).get("contradictions")
    if found and found["p"] < LEVEL:
        first = found["clips"][0]
        yield (
            f"{found['num_against']} of {found['num_with_reasons']} answers with reasons state another label than "
            f"these name, and {found['num_wrong']} of these are wrong, more often than the others (p = "
            f"{found['p']:.2g}), e.g. {first['id'][:80]!r}: {first['stated']}, for reasons of {first['reasons']}. What "
            "helps: read some by hand (score hand_check=50), or take the likeliest label (evaluation=likelihood)"
        )


def _too_sure(report: Mapping[str, Any]) -> Iterator[str]:
    """Probabilities that are higher than the share of labels that are right."""
    parts = (report.get("likelihood") or {}).get("reliability") or []
    total = sum(part["num_clips"] for part in parts)
    if not total:
        return
    said = sum(part["num_clips"] * part["confidence"] for part in parts) / total
    right = round(sum(part["num_clips"] * part["accuracy"] for part in parts))
    p = binomtest(right, total, min(1.0, said), alternative="less").pvalue
    if p < LEVEL:
        yield (
            f"the likeliest labels are said to be right with probability {said:.2f} on average, and "
            f"{right / total:.2f} of them are (p = {p:.2g}). What helps: a temperature that is fitted on validation "
            "(evaluation=likelihood likelihood.fitted_on=FOLDER)"
        )


def length_bias(lengths: Sequence[int], grades: np.ndarray) -> dict[str, Any] | None:
    """Rank correlation of grades with the lengths of what was graded; None of too few, or of equal ones.

    Args:
        lengths: characters of each answer, (clips,).
        grades: (clips,), NaN where there is none.
    """
    known = ~np.isnan(grades)
    chosen, of_them = np.asarray(lengths)[known], grades[known]
    if len(of_them) < MIN_GRADED or np.ptp(chosen) == 0 or np.ptp(of_them) == 0:
        return None
    found = spearmanr(chosen, of_them)
    return {"spearman": float(found.statistic), "p": float(found.pvalue), "num_clips": len(of_them)}


def _length_bias(report: Mapping[str, Any]) -> Iterator[str]:
    judge = report.get("judge") or {}
    for name, found in (judge.get("length_bias") or {}).items():
        if found and found["p"] < LEVEL:
            what = "longer" if found["spearman"] > 0 else "shorter"
            yield (
                f"{name}: the judge grades {what} answers higher (Spearman {found['spearman']:+.2f}, p = "
                f"{found['p']:.2g}); compare systems whose answers are equally long, or grade with another judge too "
                "(judge=original_scheme)"
            )
