"""Drawings of numbers with axes, as SVG: curves, rows of intervals, matrices; for a page, or as files of their own.

On a page their colours are those of its theme; `figure_files` puts in those of paper.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from emolightning.errors import shown
from emolightning.runs.report.rendering import environment

COLOURS = ("accent", "second", "fourth", "third", "bad", "good", "muted")
"""Colours of the first curve, the second, ...; names of `rendering.LIGHT`."""

LONGEST_NAME, LONGEST_ABOVE = 26, 68
LETTER = 7.0
"""Width of a letter, in units of a drawing."""


@dataclass(frozen=True)
class Axis:
    """A linear scale."""

    name: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def place(self, value: float, start: float, length: float) -> float:
        """Where a value is on a line that begins at `start`; what is outside of the scale is at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return round(start + length * share, 1)


@dataclass(frozen=True)
class NamePlace:
    """Where the name of a row is."""

    x: float
    y: float
    """Below the middle of the row."""
    anchor: str
    """`start` or `end`: which end of the name is at `x`."""
    has_halo: bool
    """Whether the ground surrounds it, so that lines do not cross it."""


@dataclass(frozen=True)
class Curve:
    """Points that are joined."""

    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float]] = ()
    """Low and high end at each point; empty without."""
    colour: str = COLOURS[0]
    is_dashed: bool = False
    has_dots: bool = True
    is_joined: bool = True
    tips: Sequence[str] = ()
    """What a pointer shows at each point."""


@dataclass(frozen=True)
class Mark:
    """A value with its interval, in a row."""

    value: float
    ends: tuple[float, float] | None = None
    colour: str = COLOURS[0]
    tip: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a drawing of rows."""

    name: str
    marks: Sequence[Mark]
    note: str = ""
    """At its right end."""
    clips: tuple[str, str] | None = None
    """A column and its value: what a click shows the clips of, on a page that has them."""


@dataclass(frozen=True)
class Drawing:
    """A picture that a page shows and that can be written as a file."""

    name: str
    """The name of its file, without suffix."""
    title: str
    svg: str = field(repr=False)
    caption: str = ""


def axis(name: str, values: Iterable[float], *, within: tuple[float, float] | None = None) -> Axis:
    """A scale with round ticks that holds all values.

    Args:
        name: of the axis.
        values: that must be on it.
        within: ends of what can be, which the scale does not leave.

    >>> [label for _, label in axis("score", [0.31, 0.78]).ticks]
    ['0.3', '0.4', '0.5', '0.6', '0.7', '0.8']
    """
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9:
        low, high = low - 0.05 * (abs(low) or 1), high + 0.05 * (abs(high) or 1)
    step = _step(high - low)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if within is not None:
        low, high = max(low, within[0]), min(high, within[1])
    return Axis(name, low, high, ticks(low, high))


def ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round values between two ends, at most eight, and what they are called.

    >>> ticks(0, 1)
    [(0.0, '0'), (0.2, '0.2'), (0.4, '0.4'), (0.6, '0.6'), (0.8, '0.8'), (1.0, '1')]
    """
    step = _step(high - low)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [round(number * step, 10) + 0.0 for number in range(first, last + 1)]
    return [(value, f"{value:g}") for value in values]


def _step(span: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten of which at most six fit in."""
    power = 10.0 ** math.floor(math.log10(span / 6))
    return next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 6.0001)


def curves(title: str, drawn: Sequence[Curve], x: Axis, y: Axis, *, has_diagonal: bool = False) -> str:
    """Curves in one frame, with a legend where there are several.

    Args:
        title: what is read aloud of the picture.
        drawn: the curves.
        x: scale of the first coordinates.
        y: scale of the second ones.
        has_diagonal: whether a dashed line shows where both are equal.
    """
    left, top, width, height = 64, 14, 500, 300
    right = max(18.0, LETTER * len(x.ticks[-1][1]) / 2 + 4) if x.ticks else 18.0
    legend = [curve for curve in drawn if curve.name] if len(drawn) > 1 else []
    shapes = [_curve(curve, x, y, (left, top, width, height)) for curve in drawn]
    return _drawn(
        "curves.svg.jinja",
        title=title,
        area=(left, top, width, height),
        size=(round(left + width + right), top + height + 52 + 20 * -(-len(legend) // 2)),
        x=x,
        y=y,
        x_ticks=[(x.place(value, left, width), label) for value, label in x.ticks],
        y_ticks=[(y.place(value, top + height, -height), label) for value, label in y.ticks],
        curves=shapes,
        legend=[
            {"name": shown(curve.name, longest=34), "colour": curve.colour, "is_dashed": curve.is_dashed}
            for curve in legend
        ],
        has_diagonal=has_diagonal,
    )


def _curve(curve: Curve, x: Axis, y: Axis, area: tuple[int, int, int, int]) -> dict[str, Any]:
    left, top, width, height = area

    def at(first: float, second: float) -> tuple[float, float]:
        return x.place(first, left, width), y.place(second, top + height, -height)

    firsts = [first for first, _ in curve.points]
    edge = [at(first, high) for first, (_, high) in zip(firsts, curve.band, strict=False)]
    edge += [at(first, low) for first, (low, _) in reversed(list(zip(firsts, curve.band, strict=False)))]
    said = list(curve.tips) or ["" for _ in curve.points]
    known = [(at(*point), tip) for point, tip in zip(curve.points, said, strict=True) if math.isfinite(sum(point))]
    dots, tips = [dot for dot, _ in known], [tip for _, tip in known]
    return {
        "line": _joined(dots) if curve.is_joined else "",
        "band": _joined(edge),
        "dots": [(*dot, tip) for dot, tip in zip(dots, tips, strict=True)] if curve.has_dots else [],
        "colour": curve.colour,
        "is_dashed": curve.is_dashed,
    }


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{first:g},{second:g}" for first, second in points)


def rows(
    title: str,
    drawn: Sequence[Row],
    scale: Axis,
    *,
    lines: Sequence[tuple[float, str]] = (),
    legend: Sequence[tuple[str, str]] = (),
    has_bars: bool = False,
    is_level: bool = False,
    has_names_above: bool = False,
) -> str:
    """Values with their intervals, one below the other.

    Args:
        title: what is read aloud of the picture.
        drawn: the rows, from above.
        scale: of all values.
        lines: upright ones: a value, and what it is.
        legend: name and colour of the marks of each row, where there are several.
        has_bars: whether a bar leads from the scale's low end, or from zero, to each value.
        is_level: whether the marks of a row are on one line, not one below the other.
        has_names_above: whether the name of a row is above its marks, so that a long one leaves room for them.
    """
    names = [shown(row.name, longest=LONGEST_ABOVE if has_names_above else LONGEST_NAME) for row in drawn]
    left = 14 + (0 if has_names_above else LETTER * max((len(name) for name in names), default=0))
    note_width = LETTER * max((len(row.note) for row in drawn), default=0)
    legend_width = 120 * (len(legend) - 1) + 24 + LETTER * len(legend[-1][0]) if legend else 0
    width, top = 430, 12 + 20 * bool(lines) + 22 * bool(legend)
    many = 1 if is_level else max((len(row.marks) for row in drawn), default=1)
    line_height = max(24, 8 + 13 * many) + 17 * has_names_above
    shapes = [
        {
            "name": name,
            "note": row.note,
            "clips": row.clips,
            "y": top + line_height * (number + 0.5),
            "marks": [
                _mark(mark, scale, (left, width), top + line_height * (number + 0.5) + offset)
                for mark, offset in zip(row.marks, _offsets(row, is_level, 8.5 * has_names_above), strict=True)
            ],
        }
        for number, (name, row) in enumerate(zip(names, drawn, strict=True))
    ]
    bottom = top + line_height * len(drawn)
    return _drawn(
        "rows.svg.jinja",
        title=title,
        size=(round(left + max(width + 22 + note_width, legend_width)), bottom + 48),
        edges=(left, left + width, top, bottom),
        line_height=line_height,
        name_at=NamePlace(left, 15 - line_height / 2, "start", True)
        if has_names_above
        else NamePlace(left - 8, 4, "end", False),
        ticks=[(scale.place(value, left, width), label) for value, label in scale.ticks],
        axis_name=scale.name,
        rows=shapes,
        lines=[(scale.place(value, left, width), label) for value, label in lines],
        legend=legend,
        zero=scale.place(0.0, left, width) if has_bars else None,
    )


def _offsets(row: Row, is_level: bool, down: float) -> list[float]:
    return [down + (0.0 if is_level else 13 * (place - (len(row.marks) - 1) / 2)) for place in range(len(row.marks))]


def _mark(mark: Mark, scale: Axis, line: tuple[float, float], y: float) -> dict[str, Any]:
    return {
        "x": scale.place(mark.value, *line),
        "y": y,
        "low": scale.place(mark.ends[0], *line) if mark.ends else None,
        "high": scale.place(mark.ends[1], *line) if mark.ends else None,
        "colour": mark.colour,
        "tip": mark.tip,
    }


def matrix(title: str, truths: Sequence[str], answers: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Counts with the share of their row, darker where it is larger; a cell says which clips it is of.

    Args:
        title: what is read aloud of the picture.
        truths: names of the rows.
        answers: names of the columns.
        counts: clips, (truths, answers).
    """
    side = max(44, min(72, 560 // max(1, len(answers))))
    names = [shown(name, longest=LONGEST_NAME) for name in (*truths, *answers)]
    left = round(30 + LETTER * max(map(len, names[: len(truths)]), default=0))
    slanted = round(16 + 0.72 * LETTER * max(map(len, names[len(truths) :]), default=0))
    top, cells = 26 + slanted, []
    for row, numbers in enumerate(counts):
        total = sum(numbers)
        for column, count in enumerate(numbers):
            share = count / total if total else 0.0
            cells.append(
                {
                    "x": left + side * column,
                    "y": top + side * row,
                    "count": count,
                    "share": f"{100 * share:.0f} %" if count else "",
                    "opacity": f"{0.06 + 0.84 * share:.2f}" if count else "0",
                    "colour": "accent" if truths[row] == answers[column] else "bad",
                    "is_dark": share > 0.5,
                    "truth": truths[row],
                    "answer": answers[column],
                }
            )
    return _drawn(
        "matrix.svg.jinja",
        title=title,
        size=(left + side * len(answers) + slanted, top + side * len(counts) + 10),
        corner=(left, top, side),
        truths=names[: len(truths)],
        answers=names[len(truths) :],
        cells=cells,
    )


def _drawn(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values).strip()
