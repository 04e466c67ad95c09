"""`seeds.html`: one page about a run with several seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.records.sheets import Sheet
from emolightning.runs.report.charts import Drawing, Mark
from emolightning.runs.report.figures import several
from emolightning.runs.report.rendering import interval, number, render
from emolightning.runs.report.table import HEADLINES

JOINT = "ci95_over_seeds_and_clips"


def seeds_page(content: Mapping[str, Any]) -> str:
    """The page as text; `content` is that of `seeds.json`."""
    sheets, scores = [_scores(content), _seeds(content)], content["scores"]
    return render(
        "seeds.html.jinja",
        content=content,
        headline=next((name for name in (*HEADLINES, *scores) if name in scores), None),
        joint=content.get(JOINT, {}),
        name=Path(str(content["seeds"][0]["folder"])).parent.name if content["seeds"] else "",
        drawings=seeds_drawings(content),
        sheets=[(sheet, sheet.cells()) for sheet in sheets],
    )


def seeds_drawings(content: Mapping[str, Any]) -> list[Drawing]:
    """The scores of every seed, with their mean and its interval."""
    found, joint = [], content.get(JOINT, {})
    for score, entry in content["scores"].items():
        span = joint.get(score) or entry["ci95"]
        values = [seed["scores"].get(score) for seed in content["seeds"]]
        found.append((score, Mark(entry["mean"], tuple(span) if span else None), values))
    over = "over other seeds and other clips" if joint else "over other seeds"
    caption = f"With the 95 % interval of the mean {over}"
    return (
        [Drawing("seeds", "Scores over seeds", several("Scores over seeds", found, "mean", "one seed"), caption)]
        if found
        else []
    )


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
            "done" if not seed["exit_code"] else f"failed with exit code {seed['exit_code']}",
            *(number(seed["scores"].get(name)) for name in names),
            seed["folder"],
        ]
        for seed in content["seeds"]
    ]
    return Sheet("Each seed", ["seed", "outcome", *names, "folder"], found)
