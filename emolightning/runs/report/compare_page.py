"""`compare.html`: one self-contained page about several systems on the same clips."""

from collections.abc import Iterator, Mapping
from typing import Any

from emolightning.records.score_names import is_loss
from emolightning.runs.compare.showing import sheets
from emolightning.runs.report.charts import Drawing, Mark, Row, axis, rows
from emolightning.runs.report.gallery import GalleryClip, Media, gallery
from emolightning.runs.report.rendering import render

UNREADABLE = "(unreadable)"
LEVEL = 0.05
"""A test below it is shown in colour."""


def compare_page(content: Mapping[str, Any], media: Mapping[str, Media] | None = None) -> str:
    """The page as text.

    Args:
        content: of `compare.json`.
        media: what can be seen and heard of clips, by id.
    """
    return render(
        "compare.html.jinja",
        scripts=("gallery.js",),
        content=content,
        sheets=[(sheet, sheet.cells()) for sheet in sheets(content)],
        drawings=compare_drawings(content),
        gallery=gallery(_clips(content), media or {}, total=len(content["clips"])),
    )


def compare_drawings(content: Mapping[str, Any]) -> list[Drawing]:
    """Differences with their intervals: of every score, of classes, of slices."""
    return [drawing for number, pair in enumerate(content["pairs"], start=1) for drawing in _of_pair(pair, number)]


def _of_pair(pair: Mapping[str, Any], number: int) -> Iterator[Drawing]:
    of_pair = f"{pair['second']} less {pair['first']}"
    parts = {"every score": pair["metrics"], "recall of each class": pair.get("per_class") or {}}
    parts |= {
        f"{next(iter(found.values()))['metric']} by {name}": found for name, found in pair.get("slices", {}).items()
    }
    for what, found in parts.items():
        if any(row["difference"] or any(row["ci95"]) for row in found.values()):
            name = f"differences-{number}-{'-'.join(what.split())}"
            yield Drawing(name, f"{of_pair}: {what}", _forest(f"{of_pair}: {what}", found, pair))


def _forest(title: str, found: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    scale = axis(
        f"difference ({pair['second']} less {pair['first']})"[:70],
        [0.0, *(end for row in found.values() for end in (*row["ci95"], row["difference"]))],
    )
    drawn = [
        Row(name, [Mark(row["difference"], tuple(row["ci95"]), _colour(name, row), _tip(name, row))], _note(row))
        for name, row in found.items()
    ]
    return rows(title, drawn, scale, lines=[(0.0, "no difference")])


def _colour(name: str, row: Mapping[str, Any]) -> str:
    if row["p_holm"] >= LEVEL:
        return "muted"
    return "good" if (row["difference"] > 0) != is_loss(name) else "bad"


def _tip(name: str, row: Mapping[str, Any]) -> str:
    return f"{name}: {row['first']:.4f} to {row['second']:.4f}, {_note(row)}, p (Holm) {row['p_holm']:.4f}"


def _note(row: Mapping[str, Any]) -> str:
    return f"{row['difference']:+.4f} [{row['ci95'][0]:+.3f}, {row['ci95'][1]:+.3f}]"


def _clips(content: Mapping[str, Any]) -> Iterator[GalleryClip]:
    """Each clip with what each system said; what one has right and the other has not is an outcome of its own."""
    changes: dict[str, list[str]] = {}
    for pair in content["pairs"]:
        for word in ("fixed", "broke"):
            for clip in pair.get(word, {}).get("clips", ()):
                changes.setdefault(clip, []).append(f"{pair['second']} {word} ({pair['first']})")
    for clip in sorted(content["clips"], key=lambda clip: clip["id"] not in changes):
        yield GalleryClip(
            clip["id"],
            truth=clip["truth"],
            said=[
                (name, ", ".join(answer if answer is not None else UNREADABLE for answer in each))
                for name, each in clip["answers"].items()
            ],
            groups={"change": "; ".join(changes.get(clip["id"], ["none"]))},
        )
