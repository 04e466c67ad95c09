"""The drawings of one evaluation, from its `metrics.json`: for its page, for papers, for W&B."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emolightning.runs.report.charts import Axis, Curve, Drawing, Mark, Row, axis, curves, matrix, rows, ticks
from emolightning.runs.report.table import HEADLINES
from emolightning.scoring.metrics.chance import chance_levels

Report = Mapping[str, Any]

SHARES = {"precision": "accent", "recall": "second", "f1": "fourth"}
"""Value of a class -> colour of its mark."""

CHANCE = (("this run", "accent"), ("chance", "muted"))

SLICE = (("right answers", "accent"), ("weaker", "bad"), ("stronger", "good"), ("expected of its labels", "muted"))

VERDICTS = {"weaker": "bad", "stronger": "good"}
"""What is said of a slice -> colour of its mark."""

VALIDATION = ("val/weighted_f1", "val/war", "val/loss")


def drawings(report: Report) -> list[Drawing]:
    """All drawings that its content allows, in the order of a page."""
    kinds = (_scores, _folds, _confusion, _classes, _reliability, _risk, _slices)
    return [drawing for kind in kinds for drawing in kind(report)]


def supports(report: Report) -> dict[str, int]:
    """Clips of each label."""
    return {label: row["support"] for label, row in (report.get("per_class") or {}).items()}


def _scores(report: Report) -> Iterator[Drawing]:
    """The main scores of labels beside what chance gets of them; others have scales of their own."""
    levels = chance_levels(supports(report)) if "confusion_matrix" in report else {}
    known = {name: score for name, score in report["metrics"].items() if score["value"] is not None}
    drawn = [
        Row(
            name,
            [*_chances(levels, name), Mark(known[name]["value"], _ends(known[name]))],
            f"{known[name]['value']:.4f}",
        )
        for name in HEADLINES
        if levels and name in known
    ]
    if drawn:
        svg = rows("Scores with 95 % intervals", drawn, _unit("score"), legend=CHANCE, is_level=True)
        yield Drawing(
            "scores", "Scores", svg, "With 95 % intervals; chance: one label for all clips, or labels at random"
        )


def _unit(name: str) -> Axis:
    return Axis(name, 0, 1, ticks(0, 1))


def _folds(report: Report) -> Iterator[Drawing]:
    """The main scores of every fold, with what holds of all."""
    found = {
        name: score for name, score in report["metrics"].items() if score.get("per_fold") and score["value"] is not None
    }
    shown = [name for name in HEADLINES if name in found] or list(found)
    if shown:
        drawn = [(name, Mark(found[name]["value"], _ends(found[name])), found[name]["per_fold"]) for name in shown]
        yield Drawing("folds", "Over folds", several("Scores over folds", drawn, "all folds", "one fold"))


def several(title: str, found: Sequence[tuple[str, Mark, Sequence[float | None]]], whole: str, one: str) -> str:
    """A row a score: what holds of several runs, and each of them.

    Args:
        title: what is read aloud of the picture.
        found: the score, what holds of all, and the values of the runs.
        whole: what it is that holds of all.
        one: what a run is called.
    """
    drawn, ends = [], []
    for name, mark, values in found:
        known = [value for value in values if value is not None]
        ends += [mark.value, *known, *(mark.ends or ())]
        dots = [Mark(value, colour="second", tip=f"{name} of {one}: {value:.4f}") for value in known]
        drawn.append(Row(name, [*dots, mark], f"{mark.value:.4f}"))
    return rows(title, drawn, axis("score", ends), legend=[(whole, "accent"), (one, "second")], is_level=True)


def _chances(levels: Mapping[str, Mapping[str, float]], name: str) -> list[Mark]:
    return [Mark(values[name], colour="muted", tip=f"{who}: {values[name]:.4f}") for who, values in levels.items()]


def _ends(score: Report) -> tuple[float, float] | None:
    ends = score.get("ci95")
    return None if not ends or ends[0] is None else (ends[0], ends[1])


def _confusion(report: Report) -> Iterator[Drawing]:
    if "confusion_matrix" in report:
        labels, counts = report["confusion_matrix"]["labels"], report["confusion_matrix"]["counts"]
        is_used = any(row[-1] for row in counts)  # Without unreadable answers their column says nothing.
        shown = len(labels) if is_used else len(labels) - 1
        svg = matrix("Confusion matrix", labels[: len(counts)], labels[:shown], [row[:shown] for row in counts])
        yield Drawing("confusion", "Confusion matrix", svg, "Clips, and their share of the row; rows are the truth")


def _classes(report: Report) -> Iterator[Drawing]:
    if found := report.get("per_class"):
        drawn = [
            Row(
                label,
                [
                    Mark(row[name], _of_class(row, name), colour, f"{label}: {name} {row[name]:.4f}")
                    for name, colour in SHARES.items()
                ],
                f"{row['support']} clips",
            )
            for label, row in found.items()
        ]
        svg = rows(
            "Scores of each class with 95 % intervals",
            drawn,
            _unit("precision, recall, F1"),
            legend=list(SHARES.items()),
        )
        yield Drawing("per-class", "Per class", svg, "With 95 % intervals")


def _of_class(row: Report, name: str) -> tuple[float, float] | None:
    ends = (row.get("ci95") or {}).get(name)
    return None if ends is None else (ends[0], ends[1])


def _reliability(report: Report) -> Iterator[Drawing]:
    """Points below the diagonal are labels that are less often right than their probability says."""
    if section := report.get("likelihood"):
        drawn = [_reliable("as they are", section["reliability"], "accent")]
        if fitted := section.get("fitted"):
            name = f"with temperature {fitted['temperature']:.2f}"
            drawn.append(_reliable(name, fitted["reliability"], "second"))
        scales = (
            Axis("probability of the likeliest label", 0, 1, ticks(0, 1)),
            Axis("share of right labels", 0, 1, ticks(0, 1)),
        )
        svg = curves("Reliability diagram", drawn, *scales, has_diagonal=True)
        caption = f"ECE {section['calibration']['ece']:.4f}; below the dashed line: surer than right"
        yield Drawing("reliability", "Reliability", svg, caption)


def _reliable(name: str, parts: Sequence[Report], colour: str) -> Curve:
    points = [(part["confidence"], part["accuracy"]) for part in parts]
    tips = [f"{part['num_clips']} clips: {part['confidence']:.3f} said, {part['accuracy']:.3f} right" for part in parts]
    return Curve(name, points, colour=colour, tips=tips)


def _risk(report: Report) -> Iterator[Drawing]:
    if section := report.get("likelihood"):
        found = section["risk_coverage"]
        points = [(point["coverage"], point["risk"]) for point in found["points"]]
        tips = [f"the surest {100 * x:.0f} %: {100 * y:.1f} % wrong" for x, y in points]
        x = Axis("share of clips that are answered, surest first", 0, 1, ticks(0, 1))
        y = axis("share of wrong ones among them", [0.0, *(risk for _, risk in points)], within=(0, 1))
        svg = curves("Risk against coverage", [Curve("", points, tips=tips)], x, y)
        yield Drawing("risk-coverage", "Risk against coverage", svg, f"Area {found['area']:.4f}; lower is better")


def _slices(report: Report) -> Iterator[Drawing]:
    """The share of right answers of each slice, beside what its labels let expect."""
    for column, found in ((report.get("slices") or {}).get("columns") or {}).items():
        drawn = [
            Row(
                row["name"],
                [
                    Mark(row["expected"], colour="muted", tip=f"expected of its labels: {row['expected']:.4f}"),
                    Mark(row["value"], _ends(row), VERDICTS.get(row["verdict"], "accent"), _of_slice(row)),
                ],
                f"{row['num_clips']} clips",
                (str(column), row["name"]),
            )
            for row in found["slices"]
        ]
        if drawn:
            unit = f" ({found['unit']})" if found.get("unit") else ""
            svg = rows(
                f"Right answers by {column}", drawn, _unit("share of right answers"), legend=SLICE, is_level=True
            )
            yield Drawing(f"slices-{'-'.join(str(column).split())}", f"By {column}{unit}", svg, "With 95 % intervals")


def _of_slice(row: Report) -> str:
    tested = "" if row["p_holm"] is None else f", p (Holm) {row['p_holm']:.4f}: {row['verdict']}"
    return f"{row['name']}: {row['value']:.4f}, {row['gap']:+.4f} to what is expected{tested}"


def validation_drawings(history: Sequence[Mapping[str, float]]) -> list[Drawing]:
    """Validations of a training run in their order; empty where there are fewer than two."""
    if len(history) < 2:
        return []
    number = Axis("validation", 1, len(history), ticks(1, len(history)))
    found = []
    for name in VALIDATION:
        points = [(float(place), row[name]) for place, row in enumerate(history, start=1)]
        svg = curves(name, [Curve("", points)], number, axis(name, [value for _, value in points]))
        found.append(Drawing(name.replace("/", "-"), name, svg, f"{points[-1][1]:.4f} at the end"))
    return found
