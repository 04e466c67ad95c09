"""A comparison printed and written: JSON, Markdown, LaTeX, CSV, and a page."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.printing import make_console, print_sheet
from emolightning.errors import UserError, quoted_override
from emolightning.files.documents import read_json_object
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


def require_free(out: Path, runs: Sequence[str]) -> None:
    """Refuse to write over anything but an earlier comparison of the same systems, before anything is computed.

    Raises:
        UserError: what is there, and another name.
        CannotWrite: the system refuses.
    """
    alone = out.suffix in FORMS and not out.is_dir()
    require_writable(out.parent if alone else out, "out")
    there = [file for file in ([out] if alone else [out / name for name in _texts()]) if os.path.lexists(file)]
    if there and (alone or _compared_in(out) != list(runs)):
        other = out.with_stem(f"{out.stem}-2") if alone else f"{out}-2"
        raise UserError(
            f"out={out}: {there[0]} is there already and is of other systems, or no comparison; nothing is written "
            f"over: say e.g. {quoted_override('out', other)}"
        )


def _compared_in(folder: Path) -> list[str] | None:
    """What an earlier comparison in a folder was given as `runs`; None where there is none."""
    try:
        runs = read_json_object(folder / "compare.json").get("runs")
    except (OSError, UserError):
        return None
    return runs if isinstance(runs, list) else None


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
    texts = _texts()
    for name, make in texts.items():
        write_whole(out / name, make(content))
    return [out / name for name in texts]


def _texts() -> dict[str, Callable[[Content], str]]:
    return {f"compare{suffix}": make for suffix, make in FORMS.items()} | {"pairs.csv": _pairs, "clips.csv": _clips}


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
