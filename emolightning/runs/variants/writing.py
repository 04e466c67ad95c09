"""An ablation or a robustness as tables: on the screen, and as JSON, Markdown, LaTeX, CSV and a page."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.printing import make_console, print_sheet
from emolightning.files.writing import write_whole
from emolightning.records.sheets import Sheet, csv_text, latex, markdown
from emolightning.runs.compare.showing import NOTHING, p_text
from emolightning.runs.compare.systems_table import MAIN
from emolightning.runs.report.variants_page import variants_page

Content = Mapping[str, Any]
MOST_COLUMNS = 2
"""Scores that a table shows; all are in the JSON file."""


def write_variants(content: Content, root: Path) -> list[Path]:
    """Write `<kind>.json`, `.md`, `.tex`, `.csv` and `.html` into a folder, and give the files.

    Raises:
        CannotWrite: the system refuses.
    """
    files = [root / f"{content['kind']}{suffix}" for suffix in FORMS]
    for file in files:
        write_whole(file, FORMS[file.suffix](content))
    return files


def print_variants(content: Content) -> None:
    """Print all tables."""
    console = make_console()
    for sheet in sheets(content):
        print_sheet(sheet, console)


def sheets(content: Content) -> list[Sheet]:
    """All tables."""
    if content["kind"] == "ablation":
        return [_ablation(content)]
    return [_summary(content), *(_levels(each, content) for each in content["corruptions"])]


def columns_of(content: Content) -> list[str]:
    """The scores that tables show: the one that ranks first."""
    rows = content["rows"] if content["kind"] == "ablation" else [content["clean"]]
    known: Mapping[str, Any] = next((row["metrics"] for row in rows if "metrics" in row), {})
    return [name for name in dict.fromkeys([content["headline"], "war", *MAIN, *known]) if name in known][:MOST_COLUMNS]


def _title(content: Content, what: str) -> str:
    where = f": {content['benchmark']} / {content['split']}, {content['num_clips']} clips"
    return f"{what}{where if content['benchmark'] else ''}"


def _ablation(content: Content) -> Sheet:
    names, headline = columns_of(content), content["headline"]
    has_pairs = any(row.get("against") for row in content["rows"])
    has_ceiling = any("ceiling" in row for row in content["rows"])
    columns = ["left", "how", *names]
    columns += ["difference", "95 % interval", "p (Holm)"] if has_pairs else []
    columns += ["ceiling", "above it, in sd"] if has_ceiling else []
    rows = []
    for row in content["rows"]:
        cells = [row["left"], row["how"] or NOTHING]
        if "metrics" not in row:
            rows.append([*cells, "failed", *[NOTHING] * (len(columns) - 3)])
            continue
        cells += [_score(row["metrics"].get(name)) for name in names]
        cells += _difference(row["against"], headline) if has_pairs else []
        if has_ceiling:
            cells += (
                [f"{row['ceiling']:.4f}", f"{row['above_ceiling_sd']:+.1f}"] if "ceiling" in row else [NOTHING, NOTHING]
            )
        rows.append(cells)
    ways = "each set is a training of its own" if content["is_retrained"] else "the run is not trained again"
    return Sheet(_title(content, "Ablation"), columns, rows, [ways, *_notes(content)])


def _summary(content: Content) -> Sheet:
    headline = content["headline"]
    columns = ["corruption", "inputs", "area under the curve", "share that is lost", "lowest", "highest"]
    rows = []
    for each in content["corruptions"]:
        ends = each["range"].get(headline, [None, None])
        rows.append(
            [
                each["name"],
                ", ".join(each["inputs"]) or NOTHING,
                _score((each["area"] or {}).get(headline)),
                _score(each["drop"].get(headline)),
                *(NOTHING if end is None else f"{end:.4f}" for end in ends),
            ]
        )
    clean = content["clean"]["metrics"][headline]
    notes = [
        f"{headline} of the run as it is: {_score(clean)}",
        "the area is the mean height of the curve from the run as it is over the levels, at equal steps; the share "
        "that is lost is of the mean over the levels",
    ]
    return Sheet(_title(content, f"Robustness of {headline}"), columns, rows, [*notes, *_notes(content)])


def _levels(each: Content, content: Content) -> Sheet:
    names, headline = columns_of(content), content["headline"]
    columns = [each["axis"], *names, "difference", "95 % interval", "p (Holm)", "lost"]
    rows = [["clean", *(_score(content["clean"]["metrics"].get(name)) for name in names), *[NOTHING] * 4]]
    for level in each["levels"]:
        shown = str(level["severity"])
        if "metrics" not in level:
            rows.append([shown, "failed", *[NOTHING] * (len(columns) - 2)])
            continue
        lost = level["drop"].get(headline)
        rows.append(
            [
                shown,
                *(_score(level["metrics"].get(name)) for name in names),
                *_difference(level["against"], headline),
                NOTHING if lost is None or lost["value"] is None else f"{100 * lost['value']:+.1f} %",
            ]
        )
    return Sheet(f"{each['name']}: {each['about']}", columns, rows)


def _score(metric: Content | None) -> str:
    if metric is None or metric["value"] is None:
        return NOTHING
    ends = "" if None in metric["ci95"] else f" [{metric['ci95'][0]:.3f}, {metric['ci95'][1]:.3f}]"
    return f"{round(metric['value'], 4) + 0.0:.4f}{ends}"  # Never -0.0000.


def _difference(against: Content | None, headline: str) -> list[str]:
    row = (against or {}).get("metrics", {}).get(headline)
    if row is None:
        return [NOTHING] * 3
    ends = f"{row['ci95'][0]:+.4f} to {row['ci95'][1]:+.4f}"
    return [f"{row['difference']:+.4f}", ends, p_text(row["p_holm"])]


def _notes(content: Content) -> Iterator[str]:
    yield (
        f"differences are of {content['headline']} to the run as it is, on the same clips: intervals are of clips that "
        "are drawn anew, p-values of answers that change sides, which for right answers is McNemar's exact test, "
        "adjusted by Holm"
    )
    yield from content["notes"]
    for row in content.get("rows", ()):
        if row["note"]:
            yield f"{row['name']}: {row['note']}"


def _json(content: Content) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _csv(content: Content) -> str:
    """A row an evaluation, numbers in full."""
    is_ablation = content["kind"] == "ablation"
    head, found = (
        (["left", "how", "ceiling"], _rows(content)) if is_ablation else (["corruption", "severity"], _all(content))
    )
    names = columns_of(content)
    of_score = [part for name in names for part in (name, f"{name}_low", f"{name}_high")]
    of_pair = ["difference", "difference_low", "difference_high", "p", "p_holm"]
    rows: list[Sequence[object]] = []
    for about, row in found:
        metrics = [row.get("metrics", {}).get(name) for name in names]
        scores = [part for each in metrics for part in ((each["value"], *each["ci95"]) if each else [None] * 3)]
        pair = (row.get("against") or {}).get("metrics", {}).get(content["headline"])
        ends = [pair["difference"], *pair["ci95"], pair["p"], pair["p_holm"]] if pair else [None] * 5
        rows.append([*about, *scores, *ends, row["name"], row.get("failed", "")])
    return csv_text([*head, *of_score, *of_pair, "folder", "failed"], rows)


def _rows(content: Content) -> list[tuple[list[object], Content]]:
    return [([row["left"], row["how"], row.get("ceiling")], row) for row in content["rows"]]


def _all(content: Content) -> list[tuple[list[object], Content]]:
    levels = [([each["name"], level["severity"]], level) for each in content["corruptions"] for level in each["levels"]]
    return [(["clean", None], content["clean"]), *levels]


FORMS: dict[str, Callable[[Content], str]] = {
    ".json": _json,
    ".md": lambda content: markdown(sheets(content)),
    ".tex": lambda content: latex(sheets(content)),
    ".csv": _csv,
    ".html": lambda content: variants_page(content, sheets(content)),
}
"""Suffix -> makes the text of such a file."""
