"""`compare.html`: one self-contained page about several systems on the same clips."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from emolightning.runs.compare.showing import sheets

MOST_CLIPS = 200
"""Clips shown of those that one system has right and the other has not; all are in clips.csv."""

WIDTH = 320
"""Pixels of the drawing of intervals."""


def compare_page(content: Mapping[str, Any]) -> str:
    """The page as text.

    Args:
        content: of `compare.json`.
    """
    # Names, labels and answers come from outside: everything is escaped.
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    clips = {clip["id"]: clip for clip in content["clips"]}
    return environment.get_template("compare.html.jinja").render(
        content=content,
        sheets=[(sheet, sheet.cells()) for sheet in sheets(content)],
        drawings=[drawing for pair in content["pairs"] if (drawing := _drawing(pair))],
        changes=[
            (pair, word, pair[word]["count"], [clips[clip] for clip in pair[word]["clips"][:MOST_CLIPS]])
            for pair in content["pairs"]
            for word in ("fixed", "broke")
            if word in pair and pair[word]["count"]
        ],
        width=WIDTH,
    )


def _drawing(pair: Mapping[str, Any]) -> dict[str, Any] | None:
    """Intervals of differences as lines around zero; None where nothing differs."""
    ends = [abs(end) for row in pair["metrics"].values() for end in (*row["ci95"], row["difference"])]
    largest = max(ends, default=0.0)
    if not largest:
        return None

    def place(value: float) -> str:
        return f"{WIDTH / 2 + value / largest * (WIDTH / 2 - 8):.1f}"

    lines = [
        {
            "name": name,
            "low": place(row["ci95"][0]),
            "high": place(row["ci95"][1]),
            "at": place(row["difference"]),
            "said": f"{row['difference']:+.4f}, {row['ci95'][0]:+.4f} to {row['ci95'][1]:+.4f}",
            "differs": row["verdict"] != "no difference shown",
        }
        for name, row in pair["metrics"].items()
    ]
    return {"pair": pair, "lines": lines, "largest": f"{largest:.4f}"}
