"""`ablation.html`, `robustness.html` and the report of several sets: a page about one run, evaluated in many ways."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emolightning.records.sheets import Sheet
from emolightning.runs.report.charts import Axis, Curve, Drawing, Mark, Row, axis, curves, rows
from emolightning.runs.report.rendering import render

Content = Mapping[str, Any]

LEVEL = 0.05
"""A difference whose p is below it is shown in colour."""


def variants_page(content: Content, sheets: Sequence[Sheet]) -> str:
    """The page as text.

    Args:
        content: of `ablation.json`, `robustness.json`, or `metrics.json` of several sets.
        sheets: its tables.
    """
    return render(
        "variants.html.jinja",
        content=content,
        sheets=[(sheet, sheet.cells()) for sheet in sheets],
        drawings=variants_drawings(content),
    )


def variants_drawings(content: Content) -> list[Drawing]:
    """An ablation, or several sets, as rows of intervals; of each corruption a curve, or rows without an order."""
    if content["kind"] == "sets":
        return list(_sets(content))
    if content["kind"] == "ablation":
        return list(_ablation(content))
    return [drawing for each in content["corruptions"] for drawing in _corruption(each, content)]


def _ablation(content: Content) -> Iterator[Drawing]:
    headline = content["headline"]
    known = [row for row in content["rows"] if headline in row.get("metrics", {})]
    marks = [(row, _of(row, headline), [*_ceiling(row)]) for row in known]
    if not known:
        return
    drawn = [
        Row(", ".join(filter(None, (row["left"], row["how"]))), [*limits, mark], f"{mark.value:.4f}")
        for row, mark, limits in marks
    ]
    chance = max((content.get("chance") or {}).values(), default=None)
    known_ends = [end for _, mark, limits in marks for end in _ends([mark, *limits])]
    scale = axis(headline, [*known_ends, *([] if chance is None else [chance])], within=(0, 1))
    legend = [("as measured", "accent"), ("clearly lower", "bad")]
    legend += [("best possible accuracy", "muted")] if any(limits for _, _, limits in marks) else []
    first = marks[0][1].value
    lines = [*([] if chance is None else [(chance, "chance")]), (first, "as it is")]
    svg = rows(f"{headline} with what is left", drawn, scale, lines=lines, legend=legend, is_level=True)
    yield Drawing("ablation", f"{headline} with what is left", svg, "With 95 % intervals")


def _sets(content: Content) -> Iterator[Drawing]:
    """The score of each set, each of its own kind, and their mean."""
    scores = {row["name"]: row["metrics"].get(row["score"]) for row in content["sets"]}
    scores["mean"] = content["metrics"].get(content["headline"])
    known = {name: score for name, score in scores.items() if score and score["value"] is not None}
    marks = {
        name: Mark(each["value"], _interval(each), "accent", f"{each['value']:.4f}") for name, each in known.items()
    }
    if marks:
        drawn = [Row(name, [mark], f"{mark.value:.4f}") for name, mark in marks.items()]
        scale = axis("score", _ends(list(marks.values())), within=(0, 1))
        svg = rows("score of each set", drawn, scale)
        yield Drawing(
            "sets",
            "score of each set",
            svg,
            "With 95 % intervals; scores of different sets have definitions of their own",
        )


def _of(row: Content, headline: str) -> Mark:
    score = row["metrics"][headline]
    against = (row.get("against") or {}).get("metrics", {}).get(headline)
    is_lower = bool(against and against["p_holm"] < LEVEL and against["difference"] < 0)
    tip = f"{row['name']}: {score['value']:.4f}"
    if against:
        tip += f", {against['difference']:+.4f} to the run as it is, p (Holm) {against['p_holm']:.4f}"
    return Mark(score["value"], _interval(score), "bad" if is_lower else "accent", tip)


def _ceiling(row: Content) -> Iterator[Mark]:
    if row.get("ceiling") is not None:
        yield Mark(row["ceiling"], colour="muted", tip=f"best possible accuracy {row['ceiling']:.4f}")


def _interval(score: Content) -> tuple[float, float] | None:
    ends = score.get("ci95")
    return None if not ends or ends[0] is None else (ends[0], ends[1])


def _ends(marks: Sequence[Mark]) -> list[float]:
    return [end for mark in marks for end in (mark.value, *(mark.ends or ()))]


def _corruption(each: Content, content: Content) -> Iterator[Drawing]:
    headline = content["headline"]
    levels = [level for level in each["levels"] if headline in level.get("metrics", {})]
    clean = content["clean"]["metrics"][headline]
    if not levels or clean["value"] is None:
        return
    scores = [clean, *(level["metrics"][headline] for level in levels)]
    values = [end for score in scores for end in (score["value"], *(_interval(score) or ()))]
    title = f"{each['name']}: {each['about']}"
    if each["is_ordered"]:
        area = (each["area"] or {}).get(headline)
        caption = f"Area under the curve {area['value']:.4f}" if area and area["value"] is not None else ""
        svg = _curve(title, each, levels, scores, axis(headline, values, within=(0, 1)))
    else:
        caption = "Names without an order"
        drawn = [
            Row(name, [_of({**row, "name": name}, headline)], f"{row['metrics'][headline]['value']:.4f}")
            for name, row in [("clean", content["clean"]), *((str(level["severity"]), level) for level in levels)]
        ]
        svg = rows(title, drawn, axis(headline, values, within=(0, 1)), lines=[(clean["value"], "as it is")])
    yield Drawing(f"robustness-{'-'.join(each['name'].split())}", title, svg, caption)


def _curve(title: str, each: Content, levels: Sequence[Content], scores: Sequence[Content], y: Axis) -> str:
    """The clean run at step 0, then a step a level."""
    names = ["clean", *(f"{level['severity']:g}" for level in levels)]
    points = [(float(step), float(score["value"])) for step, score in enumerate(scores)]
    band = [_interval(score) or (score["value"], score["value"]) for score in scores]
    tips = [f"{name}: {score['value']:.4f}" for name, score in zip(names, scores, strict=True)]
    x = Axis(each["axis"], 0, len(levels), [(float(step), name) for step, name in enumerate(names)])
    return curves(title, [Curve("", points, band, tips=tips)], x, y)
