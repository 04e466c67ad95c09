"""`seeds.html`: one page about a run with several seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.records.sheets import Sheet
from emolightning.runs.report.charts import Drawing, Mark, Row, axis, rows
from emolightning.runs.report.rendering import interval, number, render

JOINT = "ci95_over_seeds_and_clips"


def seeds_page(content: Mapping[str, Any]) -> str:
    """The page as text; `content` is that of `seeds.json`."""
    sheets = [_scores(content), _seeds(content)]
    return render(
        "seeds.html.jinja",
        content=content,
        name=Path(str(content["seeds"][0]["folder"])).parent.name if content["seeds"] else "",
        drawings=seeds_drawings(content),
        sheets=[(sheet, sheet.cells()) for sheet in sheets],
    )


def seeds_drawings(content: Mapping[str, Any]) -> list[Drawing]:
    """The scores of every seed, with their mean and its interval."""
    drawn, ends = [], []
    for score, found in content["scores"].items():
        values = [seed["scores"][score] for seed in content["seeds"] if score in seed["scores"]]
        span = content.get(JOINT, {}).get(score) or found["ci95"]
        ends += [*values, *(span or ())]
        mean = Mark(found["mean"], tuple(span) if span else None)
        dots = [Mark(value, colour="second", tip=f"{score} {value:.4f}") for value in values]
        drawn.append(Row(score, [mean, *dots], f"{found['mean']:.4f}"))
    if not drawn:
        return []
    legend = [("mean", "accent"), ("one seed", "second")]
    svg = rows("Scores over seeds", drawn, axis("score", ends), legend=legend, is_level=True)
    return [Drawing("seeds", "Scores over seeds", svg, "With the 95 % interval of the mean")]


def _scores(content: Mapping[str, Any]) -> Sheet:
    joint = content.get(JOINT, {})
    rows_of_scores = [
        [
            name,
            number(found["mean"]),
            number(found["sd"]),
            interval(found["ci95"]),
            interval(joint.get(name)),
            str(found["n"]),
        ]
        for name, found in content["scores"].items()
    ]
    columns = ["score", "mean", "sd", "95 % interval of the mean", "over clips, too", "n"]
    notes = ["sd with n - 1; intervals of the mean by Student's t; the last is over other seeds and other clips"]
    return Sheet("Means", columns, rows_of_scores, notes)


def _seeds(content: Mapping[str, Any]) -> Sheet:
    names = list(content["scores"])
    found = [
        [
            str(seed["seed"]),
            *(number(seed["scores"].get(name)) for name in names),
            "done" if not seed["exit_code"] else f"failed with exit code {seed['exit_code']}",
            seed["folder"],
        ]
        for seed in content["seeds"]
    ]
    return Sheet("Each seed", ["seed", *names, "", "folder"], found)
