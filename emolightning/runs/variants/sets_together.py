"""What several sets of a benchmark have together: a row for each, and the mean of their scores."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.measured import METRICS, read_report, zero_shot
from emolightning.benchmarks.published.printing import make_console, print_sheet
from emolightning.files.writing import write_json, write_whole
from emolightning.records.benchmark import Benchmark, Part
from emolightning.records.sheets import Sheet, csv_text, latex, markdown
from emolightning.runs.compare.showing import NOTHING
from emolightning.runs.report.variants_page import variants_page

Content = Mapping[str, Any]

ONE_CHECKPOINT = (
    "one checkpoint answers all sets: that of a run is picked on its validation clips; the published mean of AffectGPT "
    "takes for each set the epoch that is best on its test"
)
COLUMNS = ("set", "score", "value", "95 % interval", "clips", "counted", "over all clips", "labels a clip")


def together(official: Benchmark, folders: Mapping[str, Path]) -> dict[str, Any]:
    """The content of `metrics.json` of a benchmark of several sets.

    Args:
        official: the benchmark.
        folders: name of a set -> the folder of its evaluation, of those that are finished.
    """
    reports = {
        part.name: (part, read_report(folders[part.name] / METRICS)) for part in official.parts if part.name in folders
    }
    rows = [_row(part, report) for part, report in reports.values()]
    found = [report for _, report in reports.values()]
    unscored = sum((Counter(report.get("unscored") or {}) for report in found), Counter[str]())
    words = next((report["open_vocabulary"] for report in found if "open_vocabulary" in report), None)
    return {
        "kind": "sets",
        "benchmark": official.name,
        "split": "test",
        "num_clips": sum(report["num_clips"] for report in found),
        "num_scored": sum(report.get("num_scored", 0) for report in found),
        "unscored": dict(unscored),
        "metrics": _means(official, rows),
        "headline": official.headline,
        "sets": rows,
        **({"open_vocabulary": {name: words[name] for name in ("wheels", "answers")}} if words else {}),
        "evaluation": _same([report.get("evaluation") or {} for report in found]),
        "model": _model(official, found),
        "warnings": _warnings(official, reports),
    }


def _row(part: Part, report: Content) -> dict[str, Any]:
    """One set: its score, that of all clips, and how many clips count."""
    metrics = report["metrics"]
    counted = _counted(part, report)
    return {
        "name": part.name,
        "benchmark": report["benchmark"],
        "score": part.score,
        "score_of_all": part.score_of_all,
        "metrics": {
            name: {key: metrics[name].get(key) for key in ("value", "ci95", "definition")}
            for name in (part.score, part.score_of_all, "num_labels")
            if name in metrics
        },
        "num_clips": report["num_clips"],
        "num_counted": [min(counted), max(counted)] if counted else None,
    }


def _counted(part: Part, report: Content) -> list[int]:
    """Clips that the score counts: of words one number for each wheel."""
    if "sentiment" in report:
        return [report["sentiment"]["num_compared"] - report["sentiment"]["zero_truths"]]
    family = "hit" if part.score == "hit" else "level1"
    per_wheel = (report.get("open_vocabulary") or {}).get("per_wheel", {}).get(family, {})
    return [wheel["num_clips"] for wheel in per_wheel.values()]


def _means(official: Benchmark, rows: Sequence[Content]) -> dict[str, Any]:
    """The mean of the official scores and that of the scores over all clips; none where a set is missing."""
    if [row["name"] for row in rows] != [part.name for part in official.parts]:
        return {}
    found = {}
    for name, which, about in (
        (official.headline, "score", "of the official scores"),
        (f"{official.headline}_all", "score_of_all", "of the scores over all clips, also those that scripts leave out"),
    ):
        scores = [row["metrics"].get(row[which], {"value": None}) for row in rows]
        if all(score["value"] is not None for score in scores):
            found[name] = {**_mean(scores), "definition": f"plain mean {about}, one for each of {len(rows)} sets"}
    return found


def _mean(scores: Sequence[Content]) -> dict[str, Any]:
    """The mean and its interval, the errors of the sets taken as independent."""
    number = len(scores)
    value = sum(score["value"] for score in scores) / number
    below, above = (
        math.sqrt(sum((score["ci95"][side] - score["value"]) ** 2 for score in scores)) / number for side in (0, 1)
    )
    return {"value": value, "ci95": [value - below, value + above]}


def _same(evaluations: Sequence[Content]) -> dict[str, Any]:
    """What the answers of all sets depend on, as far as it is the same."""
    first = evaluations[0] if evaluations else {}
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in evaluations)}


def _model(official: Benchmark, reports: Sequence[Content]) -> dict[str, Any]:
    """What the sets say of the model; zero-shot only if it is on each of them."""
    models = [report["model"] for report in reports if report.get("model")]
    if not models:
        return {}
    has_seen = [report["model"].get("evaluated_on") for report in reports if zero_shot(report) is False]
    shared = {key: value for key, value in models[0].items() if key != "evaluated_on"}
    return {**shared, "evaluated_on": has_seen[0] if has_seen else official.name}


def _warnings(official: Benchmark, reports: Mapping[str, tuple[Part, Content]]) -> list[str]:
    absent = [part.name for part in official.parts if part.name not in reports]
    found = [f"there is no {official.headline}: {', '.join(absent)} not evaluated"] if absent else []
    for name, (part, report) in reports.items():
        if part.score not in report["metrics"] or report["metrics"][part.score]["value"] is None:
            found.append(f"{name}: no clip counts for {part.score}, so there is no {official.headline}")
    sets_of: dict[str, list[str]] = {}
    for name, (_, report) in reports.items():
        for warning in report.get("warnings") or ():
            sets_of.setdefault(warning, []).append(name)
    every = len(reports) > 1
    return found + [
        f"{'all sets' if every and len(names) == len(reports) else ', '.join(names)}: {warning}"
        for warning, names in sets_of.items()
    ]


def sheet_of(content: Content) -> Sheet:
    """A row a set, and the mean."""
    rows = [
        [
            row["name"],
            row["score"],
            *_value(row["metrics"].get(row["score"])),
            str(row["num_clips"]),
            _span(row["num_counted"]),
            _value(row["metrics"].get(row["score_of_all"]))[0],
            _value(row["metrics"].get("num_labels"))[0],
        ]
        for row in content["sets"]
    ]
    mean, over_all = (content["metrics"].get(f"{content['headline']}{end}") for end in ("", "_all"))
    rows.append(
        ["mean", content["headline"], *_value(mean), str(content["num_clips"]), "", _value(over_all)[0], NOTHING]
    )
    words = content.get("open_vocabulary")
    notes = [ONE_CHECKPOINT]
    notes += [f"words: {words['wheels']['name']}; answers: {words['answers']}"] if words else []
    return Sheet(f"{content['benchmark']}: {content['num_clips']} clips", COLUMNS, rows, notes)


def _value(score: Content | None) -> tuple[str, str]:
    if score is None or score["value"] is None:
        return NOTHING, NOTHING
    ends = score.get("ci95")
    return f"{score['value']:.4f}", f"{ends[0]:.4f} - {ends[1]:.4f}" if ends and None not in ends else NOTHING


def _span(counted: Sequence[int] | None) -> str:
    if not counted:
        return NOTHING
    low, high = counted
    return str(low) if low == high else f"{low} to {high}"


def print_sets(content: Content) -> None:
    """Print the table, and what makes it worth doubting."""
    print_sheet(sheet_of(content), make_console())
    for warning in content["warnings"]:
        print(f"warning: {warning}")


def write_sets(content: Content, root: Path) -> list[Path]:
    """Write `metrics.json`, the table as `sets.md`, `.tex` and `.csv`, and `report.html`; the files but the first."""
    sheet = sheet_of(content)
    texts = {
        "sets.md": markdown([sheet]),
        "sets.tex": latex([sheet]),
        "sets.csv": csv_text(sheet.columns, sheet.rows),
        "report.html": variants_page(content, [sheet]),
    }
    write_json(root / METRICS, dict(content))
    for name, text in texts.items():
        write_whole(root / name, text)
    return [root / name for name in texts]
