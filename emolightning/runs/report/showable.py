"""Whether a report that was read from a file has what its page shows."""

from collections.abc import Mapping, Sequence
from typing import Any

from emolightning.runs.report.table import about_likelihood

RELIABILITY = ("low", "high", "num_clips", "confidence", "accuracy")
SLICE = ("num_clips", "value", "expected", "gap")
SHARES = ("precision", "recall", "f1")

PARTS: dict[str, type] = {
    "num_scored": int,
    "unscored": dict,
    "metrics": dict,
    "sampling": dict,
    "per_class": dict,
    "confusion_matrix": dict,
    "evaluation": dict,
    "warnings": list,
}
"""What of a report is shown beside what names it."""


def unshowable(report: Mapping[str, Any]) -> list[str]:
    """What is wrong with a report that was read from a file, where the page would show it."""
    found = [
        f"{name}: must be {kind.__name__}, not {str(report[name])[:80]!r}"
        for name, kind in PARTS.items()
        if name in report and not isinstance(report[name], kind)
    ]
    if found:
        return found
    about = report.get("sampling", {"unit": "", "num_units": 0, "detectable_difference": {}})
    differences = about.get("detectable_difference")
    if not isinstance(differences, dict) or not _are_numbers([about.get("num_units"), *differences.values()]):
        found.append("sampling: must have num_units, and a number for each detectable_difference")
    if "likelihood" in report and not _is_likelihood(report["likelihood"]):
        found.append("likelihood: must be what an evaluation writes; evaluate once more")
    if "slices" in report and not _are_slices(report["slices"]):
        found.append("slices: must be what an evaluation writes; evaluate once more")
    for name, score in report.get("metrics", {}).items():
        folds = score.get("per_fold", []) if isinstance(score, dict) else []
        if not isinstance(folds, list) or not _are_numbers([value for value in folds if value is not None]):
            found.append(f"metrics.{name}: per_fold must be a list of numbers")
    for label, row in report.get("per_class", {}).items():
        numbers = [row.get(name) for name in SHARES] if isinstance(row, dict) else [None]
        ends = row.get("ci95") if isinstance(row, dict) else None
        if ends:
            numbers += [
                number for name in SHARES for number in _pair(ends.get(name) if isinstance(ends, dict) else None)
            ]
        if not _are_numbers(numbers):
            found.append(f"per_class.{label}: precision, recall, f1 and their ci95 must be numbers")
    matrix = report.get("confusion_matrix", {"labels": [], "counts": []})
    labels, counts = matrix.get("labels"), matrix.get("counts")
    if not isinstance(labels, list) or not isinstance(counts, list) or len(counts) > len(labels):
        return [*found, "confusion_matrix: must have labels, and counts for each of them"]
    if not all(isinstance(row, list) and len(row) == len(labels) and _are_numbers(row) for row in counts):
        found.append("confusion_matrix: counts must have a number for each label")
    return found


def _is_likelihood(section: Any) -> bool:
    """Whether everything of it that is shown is there, and a number where it should be one."""
    try:
        about_likelihood({"likelihood": section})
        parts = [section["reliability"], *([section["fitted"]["reliability"]] if "fitted" in section else [])]
        points = section["risk_coverage"]["points"]
        return all(_are_numbers([row[name] for name in RELIABILITY]) for rows in parts for row in rows) and all(
            _are_numbers([point["coverage"], point["risk"]]) for point in points
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _are_slices(section: Any) -> bool:
    """Whether every slice has a name, and a number where it should have one."""
    try:
        rows = [row for about in section["columns"].values() for row in about["slices"]]
        return all(
            _are_numbers([row[name] for name in SLICE])
            and _are_numbers([row["p_holm"] or 0, *_pair(row["ci95"])])
            and isinstance(row["name"], str)
            and isinstance(row["verdict"], str | None)
            for row in rows
        )
    except (KeyError, TypeError, AttributeError):
        return False


def _pair(ends: Any) -> Sequence[Any]:
    return ends if isinstance(ends, list) and len(ends) == 2 else [None]


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)
