"""A comparison printed and written: JSON, Markdown, LaTeX, CSV, and a page."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.printing import make_console, print_sheet
from emolightning.files.writing import require_writable, write_whole
from emolightning.records.sheets import csv_text, latex, markdown
from emolightning.runs.compare.showing import sentences, sheets
from emolightning.runs.report.compare_page import compare_page

Content = Mapping[str, Any]


def print_comparison(content: Content) -> None:
    """Print all tables, and at the end in a sentence a pair what is known."""
    console = make_console()
    for sheet in sheets(content):
        print_sheet(sheet, console)
    for pair in content["pairs"]:
        print(f"{pair['second']} against {pair['first']}: {(sentences(pair, content) or ['no score in common'])[0]}")


def write_comparison(content: Content, out: Path) -> list[Path]:
    """Write all forms into a folder, or the one that a file's name says.

    Returns:
        The files.

    Raises:
        CannotWrite: the system refuses.
    """
    if out.suffix in FORMS and not out.is_dir():
        require_writable(out.parent, "out")
        write_whole(out, FORMS[out.suffix](content))
        return [out]
    require_writable(out, "out")
    texts = {f"compare{suffix}": make for suffix, make in FORMS.items()} | {"pairs.csv": _pairs, "clips.csv": _clips}
    for name, make in texts.items():
        write_whole(out / name, make(content))
    return [out / name for name in texts]


def _json(content: Content) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _systems(content: Content) -> str:
    """A row a system, its numbers in full; published figures as they are printed."""
    names = list(content["columns"])
    about = ("training", "modality", "num_parameters", "num_trained", "seconds_per_clip", "num_clips")
    head = ["system", "source", *about, *(column for name in names for column in (name, f"{name}_low", f"{name}_high"))]
    rows: list[list[object]] = []
    for system in content["systems"]:
        metrics = [system["metrics"].get(name) for name in names]
        numbers = [
            part for each in metrics for part in ((each["value"], *each["ci95"]) if each else (None, None, None))
        ]
        rows.append([system["name"], system["path"], *(system[name] for name in about), *numbers])
    for cell in content["published"]:
        numbers = [part for name in names for part in (cell["value"] if name == cell["metric"] else None, None, None)]
        rows.append(
            [f"{cell['model']} (published)", cell["source"], cell["training"], cell["modality"], *[None] * 4, *numbers]
        )
    return csv_text(head, rows)


def _pairs(content: Content) -> str:
    keys = ("first", "second", "difference", "p", "p_holm", "verdict")
    head = ["first_system", "second_system", "score", *keys[:3], "low", "high", *keys[3:]]
    rows = [
        [
            pair["first"],
            pair["second"],
            name,
            *(row[key] for key in keys[:3]),
            *row["ci95"],
            *(row[key] for key in keys[3:]),
        ]
        for pair in content["pairs"]
        for name, row in pair["metrics"].items()
    ]
    return csv_text(head, rows)


def _clips(content: Content) -> str:
    names = [system["name"] for system in content["systems"]]
    rows = [
        [
            clip["id"],
            clip["truth"],
            *(" | ".join(each or "(unreadable)" for each in clip["answers"][name]) for name in names),
        ]
        for clip in content["clips"]
    ]
    return csv_text(["id", "truth", *names], rows)


FORMS: dict[str, Callable[[Content], str]] = {
    ".json": _json,
    ".md": lambda content: markdown(sheets(content)),
    ".tex": lambda content: latex(sheets(content)),
    ".csv": _systems,
    ".html": compare_page,
}
"""Suffix -> makes the text of such a file."""
