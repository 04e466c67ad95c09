"""`report.html`: one self-contained page about one evaluation, to open, to keep and to send."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.files.writing import write_whole
from emolightning.records.clips import Answer, Clip, Score
from emolightning.runs.report.facts import commands, facts_of, fold_sheet, headline, in_words, published_sheet
from emolightning.runs.report.figures import drawings, validation_drawings
from emolightning.runs.report.gallery import GalleryClip, Media, gallery
from emolightning.runs.report.rendering import render
from emolightning.runs.report.table import about_annotators, about_intervals, about_likelihood
from emolightning.scoring.judges.judge import OVERLAPS

MAX_SHOWN = 60
"""Clips of each kind that have pictures, and lines of tables of clips."""

MOST_EXAMPLES = 3
"""Answers shown of each reason why some cannot be read."""

MOST_MISTAKES = 12

Row = tuple[Clip, Answer, Score]


def write_page(
    path: Path,
    report: Mapping[str, Any],
    rows: Sequence[Row],
    *,
    media: Mapping[str, Media],
    history: Sequence[Mapping[str, float]],
) -> None:
    """Write the page.

    Args:
        path: of the HTML file, in the folder of the run.
        report: content of `metrics.json`.
        rows: clip, answer and score of every clip.
        media: what can be seen and heard of clips, by id.
        history: validations of the training run in order, names as in `metrics.csv`; empty when there are none.
    """
    has_labels, folder = "confusion_matrix" in report, path.parent
    published, drawn = published_sheet(report, folder), drawings(report)
    page = render(
        "run.html.jinja",
        scripts=("gallery.js",),
        report=report,
        headline=headline(report),
        facts=facts_of(folder, report),
        has_labels=has_labels,
        about_intervals=about_intervals(report),
        about_likelihood=about_likelihood(report),
        about_annotators=about_annotators(report),
        drawings={drawing.name: drawing for drawing in drawn},
        slices=[drawing for drawing in drawn if drawing.name.startswith("slices-")],
        validations=validation_drawings(history),
        folds=(folds := fold_sheet(report)) and (folds, folds.cells()),
        published=published and (published, published.cells()),
        unreadable=_unreadable(rows),
        confusions=_confusions(rows) if has_labels else [],
        surest=_surest(rows) if has_labels else [],
        words=in_words(report, rows[0][1].prompt if rows else ""),
        commands=commands(folder, report),
        gallery=gallery(_cards(report, rows, has_labels), media, total=len(rows)),
        max_shown=MAX_SHOWN,
    )
    write_whole(path, page)


def _kind(row: Row) -> str:
    _, answer, score = row
    return "unreadable" if score.value is None else "right" if score.value == answer.truth else "wrong"


def _ordered(rows: Sequence[Row]) -> list[Row]:
    """What is worth looking at first: wrong answers, sure and far ones before others; then unreadable ones."""
    kinds = ("wrong", "unreadable", "right")
    return sorted(rows, key=lambda row: (kinds.index(_kind(row)), -_weight(row) if _kind(row) == "wrong" else 0.0))


def _weight(row: Row) -> float:
    """How much a mistake weighs: the probability of what was answered; of numbers, how far off they are."""
    try:
        distance = abs(float(str(row[2].value)) - float(str(row[1].truth)))
    except ValueError:
        distance = 0.0
    return _sureness(row) or (distance if math.isfinite(distance) else 0.0)


def _sureness(row: Row) -> float:
    """Probability of what was answered; 0 where there is none."""
    return (row[1].probabilities or {}).get(str(row[2].value), 0.0)


def _cards(report: Mapping[str, Any], rows: Sequence[Row], has_labels: bool) -> Iterator[GalleryClip]:
    """The clips, those that are worth looking at first."""
    grades = _grades(report)
    slices = dict(zip((clip.id for clip, _, _ in rows), _slices_of_clips(report, len(rows)), strict=True))
    for row in _ordered(rows):
        yield _clip(row, grades, has_labels, slices[row[0].id])


def _slices_of_clips(report: Mapping[str, Any], num_clips: int) -> list[dict[str, str]]:
    """Column -> name of the slice of each clip; nothing where a report of an earlier version does not say it."""
    found: list[dict[str, str]] = [{} for _ in range(num_clips)]
    for column, about in ((report.get("slices") or {}).get("columns") or {}).items():
        names = {str(place): row["name"] for place, row in enumerate(about["slices"])}
        places = str(about.get("of_clips", "")).split()
        for of_clip, place in zip(found, places if len(places) == num_clips else [], strict=False):
            of_clip |= {column: names[place]} if place in names else {}
    return found


def _clip(
    row: Row, grades: Mapping[str, Sequence[tuple[str, str]]], has_labels: bool, slices: Mapping[str, str]
) -> GalleryClip:
    clip, answer, score = row
    kind = _kind(row)
    groups = {"read from": score.read_from, "subject": clip.subject or "", **slices}
    return GalleryClip(
        clip.id,
        truth=answer.truth,
        answer=answer.text,
        read=score.value if has_labels else None,
        outcome=kind if has_labels or kind == "unreadable" else "",
        how=_how_read(score),
        transcript=clip.transcript or "",
        probabilities=answer.probabilities or {},
        groups={name: value for name, value in groups.items() if value},
        said=grades.get(clip.id, ()),
    )


def _how_read(score: Score) -> str:
    if score.unscored_because:
        parts = [f"not read: {score.unscored_because}"]
    else:
        parts = [f"{score.alias!r} means the label"] if score.alias else []
        parts += ["misspelt"] if score.is_misspelt else []
    parts += [f"passed over: {score.passed_over}"] if score.passed_over else []
    return "; ".join(parts)


def _grades(report: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Id of a clip -> what a judge says of it, in words."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in report.get("clips") or ():
        for name in OVERLAPS:
            grade, reason = row.get(name), row.get(f"{name}_reason") or row.get(f"{name}_failure") or ""
            said = "no grade" if grade is None else f"{grade:g}"
            found.setdefault(row["id"], []).append((name, f"{said}: {reason}" if reason else said))
    return found


def _unreadable(rows: Sequence[Row]) -> list[tuple[str, int, list[Row]]]:
    """Reason, how many, and the first answers with it."""
    without = [row for row in rows if row[2].value is None]
    counts = Counter(str(score.unscored_because) for _, _, score in without)
    return [
        (reason, count, [row for row in without if row[2].unscored_because == reason][:MOST_EXAMPLES])
        for reason, count in counts.most_common()
    ]


def _confusions(rows: Sequence[Row]) -> list[tuple[str, str, int, float]]:
    """Truth, answer, clips, share of the truth's clips: the most frequent mistakes."""
    totals = Counter(answer.truth for _, answer, _ in rows)
    wrong = Counter(
        (str(answer.truth), score.value) for _, answer, score in rows if score.value not in (None, answer.truth)
    )
    return [
        (truth, str(said), count, count / totals[truth]) for (truth, said), count in wrong.most_common(MOST_MISTAKES)
    ]


def _surest(rows: Sequence[Row]) -> list[tuple[Clip, Answer, Score, float]]:
    """Wrong answers that are the likeliest ones to the model; none without probabilities."""
    wrong = [(*row, _sureness(row)) for row in rows if _kind(row) == "wrong" and _sureness(row)]
    return sorted(wrong, key=lambda row: -row[3])[:MOST_MISTAKES]


def shown_clips(rows: Sequence[Row], most: int = MAX_SHOWN) -> list[Clip]:
    """The clips of which the page has pictures, of each outcome so many: those of the others need not be read."""
    kinds: dict[str, list[Clip]] = {"wrong": [], "unreadable": [], "right": []}
    for row in _ordered(rows):
        kinds[_kind(row)].append(row[0])
    return [clip for clips in kinds.values() for clip in clips[:most]]
