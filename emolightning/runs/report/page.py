"""`report.html`: one self-contained page about one evaluation, to open, to keep and to send."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, Template
from PIL import Image

from emolightning.files.writing import write_whole
from emolightning.records.clips import Answer, Clip, Score
from emolightning.runs.report.pictures import jpeg_uri
from emolightning.runs.report.table import about_intervals, about_likelihood

MAX_SHOWN = 60
"""Clips shown of each kind; the page says how many there are in all."""

THUMBNAIL_PX = 112
RELIABILITY = ("low", "high", "num_clips", "confidence", "accuracy")
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
        return all(_are_numbers([row[name] for name in RELIABILITY]) for rows in parts for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _pair(ends: Any) -> Sequence[Any]:
    return ends if isinstance(ends, list) and len(ends) == 2 else [None]


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def write_page(
    path: Path,
    report: Mapping[str, Any],
    rows: Sequence[tuple[Clip, Answer, Score]],
    *,
    frames: Mapping[str, Sequence[np.ndarray]],
    history: Sequence[Mapping[str, float]],
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        report: content of `metrics.json`.
        rows: clip, answer and score of every clip.
        frames: clip id -> the frames that the model saw, each uint8 (height, width, 3), for the clips that have any.
        history: validations of the training run in order, names as in `metrics.csv`; empty when there are none.
    """
    has_labels = "confusion_matrix" in report
    page = _template().render(
        report=report,
        groups=_groups(rows, has_labels),
        has_labels=has_labels,
        about_intervals=about_intervals(report),
        about_likelihood=about_likelihood(report),
        max_shown=MAX_SHOWN,
        pictures={clip_id: [jpeg_uri(thumbnail(frame)) for frame in shown] for clip_id, shown in frames.items()},
        curves=[_curve(name, history) for name in ("val/weighted_f1", "val/war", "val/loss") if len(history) > 1],
        shade=_shade(report["confusion_matrix"]["counts"]) if has_labels else [],
    )
    write_whole(path, page)


@cache
def _template() -> Template:
    """The compiled page; transcripts, answers and labels come from outside: everything is escaped."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    return environment.get_template("page.html.jinja")


def _groups(
    rows: Sequence[tuple[Clip, Answer, Score]], has_labels: bool
) -> list[tuple[str, list[tuple[Clip, Answer, Score]]]]:
    """Title and rows. Only a label is right or wrong; lists and descriptions are more or less good."""
    unreadable = ("Unreadable answers", [row for row in rows if row[2].value is None])
    readable = [row for row in rows if row[2].value is not None]
    if not has_labels:
        return [("Answers", readable), unreadable]
    wrong = [row for row in readable if row[2].value != row[1].truth]
    return [
        ("Wrong answers", wrong),
        unreadable,
        ("Right answers", [row for row in readable if row[2].value == row[1].truth]),
    ]


def shown_clips(rows: Sequence[tuple[Clip, Answer, Score]]) -> list[Clip]:
    """The clips that the page shows: pictures of the others need not be read."""
    kinds: dict[str, list[Clip]] = {"wrong": [], "unreadable": [], "right": []}
    for clip, answer, score in rows:
        kind = "unreadable" if score.value is None else "right" if score.value == answer.truth else "wrong"
        kinds[kind].append(clip)
    return [clip for clips in kinds.values() for clip in clips[:MAX_SHOWN]]


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8, shrunk to the size of the page."""
    image = Image.fromarray(frame)
    image.thumbnail((THUMBNAIL_PX * 2, THUMBNAIL_PX))
    return np.asarray(image)


def _curve(name: str, history: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Points of a polyline in a 200 x 80 box, and the values at its ends."""
    values = [row[name] for row in history]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = 200 / (len(values) - 1)
    points = " ".join(f"{k * step:.1f},{78 - 76 * (value - low) / span:.1f}" for k, value in enumerate(values))
    return {"name": name, "points": points, "low": low, "high": high, "last": values[-1]}


def _shade(counts: Sequence[Sequence[int]]) -> list[list[float]]:
    """Share of the row's clips in each cell, for its background."""
    return [[count / max(1, sum(row)) for count in row] for row in counts]
