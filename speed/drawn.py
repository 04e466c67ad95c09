"""Drawings of the page as SVG: those of a result, and its figures as rows; all axes begin at zero."""

from collections.abc import Mapping, Sequence
from typing import Any

from emolightning.runs.report.charts import COLOURS, Axis, Curve, Mark, Row, axis, curves, rows, ticks
from speed.figures import is_kept

FEWEST = 3
"""Figures of one unit that are drawn."""
KEPT = {True: ("kept", "accent"), False: ("not kept", "bad"), None: ("no promise", "muted")}


def drawn(drawing: Mapping[str, Any]) -> str:
    """What a script wanted drawn: bars, or points that are joined."""
    if drawing["bars"]:
        return _bars(drawing)
    points = [point for line in drawing["curves"].values() for point in line]
    x, y = (_from_zero(drawing[way], [point[place] for point in points]) for place, way in enumerate("xy"))
    lines = [
        Curve(name, [tuple(point) for point in line], colour=colour)
        for (name, line), colour in zip(drawing["curves"].items(), COLOURS, strict=False)
    ]
    return curves(drawing["title"], lines, x, y)


def _bars(drawing: Mapping[str, Any]) -> str:
    series = list(dict.fromkeys(name for row in drawing["bars"].values() for name in row))
    colours = dict(zip(series, COLOURS, strict=False))
    scale = _from_zero(drawing["x"], [value for row in drawing["bars"].values() for value in row.values()])
    lines = [
        Row(name, [Mark(value, colour=colours[each]) for each, value in row.items()])
        for name, row in drawing["bars"].items()
    ]
    legend = list(colours.items()) if len(series) > 1 else []
    return rows(drawing["title"], lines, scale, legend=legend, has_bars=True)


def alike(figures: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The figures of the unit that most of them have; nothing of a few."""
    units = [each["unit"] for each in figures]
    common = max(units, key=units.count, default="")
    return [each for each in figures if each["unit"] == common] if units.count(common) >= FEWEST else []


def from_figures(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the figures that are drawn as rows, for each result of a question that has no drawings of its own.

    Where each result has few, the figures of all are together under the name of the first.
    """
    if any(found.get("drawings") for found in answers.values()):
        return {}
    each = {name: shown for name, found in answers.items() if (shown := alike(found["figures"]))}
    together = alike([figure for found in answers.values() for figure in found["figures"]])
    return each or ({next(iter(answers)): together} if together else {})


def intervals(title: str, figures: Sequence[Mapping[str, Any]]) -> str:
    """Draw medians of one unit with the range of their rounds, and the axis with what all their names end with.

    A line is at what was promised, where that is one value.
    """
    kept = [KEPT[is_kept(each)] for each in figures]
    told = _common_ending([each["what"] for each in figures])
    lines = [
        Row(
            each["what"].replace("`", "").removesuffix(told), [Mark(each["value"], (each["low"], each["high"]), colour)]
        )
        for each, (_, colour) in zip(figures, kept, strict=True)
    ]
    bounds = {(word, each[word]) for each in figures for word in ("at_least", "at_most") if each[word] is not None}
    promised = [(value, f"{word.replace('_', ' ')} {value:g}") for word, value in bounds] if len(bounds) == 1 else []
    unit = figures[0]["unit"]
    values = [*(each["high"] for each in figures), *(value for value, _ in promised)]
    scale = _from_zero(f"{'times' if unit == 'x' else unit}{told}", values)
    legend = [each for each in KEPT.values() if each in kept] if len(set(kept)) > 1 else []
    return rows(title, lines, scale, lines=promised, legend=legend, has_bars=True, has_names_above=True)


def _common_ending(names: Sequence[str]) -> str:
    """Return what all names end with, from a comma on; an empty string where they share nothing.

    >>> _common_ending(["a, 1 at once, answers of 3 tokens", "b, 2 at once, answers of 3 tokens"])
    ', answers of 3 tokens'
    """
    endings = [name[place:] for name in names[:1] for place, letter in enumerate(name) if letter == ","]
    return next((ending for ending in endings if all(name.endswith(ending) for name in names)), "")


def _from_zero(name: str, values: Sequence[float]) -> Axis:
    """A scale from zero to what holds all values; large numbers are written with their thousands."""
    found = axis(name, [0.0, *values])
    marks = [(value, f"{value:,.0f}" if found.high >= 1000 else label) for value, label in ticks(0.0, found.high)]
    return Axis(name, 0.0, found.high, marks)
