"""Drawings as files of their own, for papers and slides."""

import re
from collections.abc import Sequence
from pathlib import Path

from emolightning.errors import UserError
from emolightning.files.writing import write_whole, writing, written_whole
from emolightning.runs.report.charts import Drawing
from emolightning.runs.report.rendering import LIGHT

FORMS = ("svg", "png")

ZOOM = 3.0
"""Dots of a PNG for each unit of a drawing, which is 600 to 700 wide."""


def require_form(form: str) -> None:
    """Refuse a form that cannot be written here, before anything is read.

    Raises:
        UserError: no such form, or PNG without the package that draws it.
    """
    if form not in FORMS:
        cure = "; say figures=svg, and make PDF of each: rsvg-convert -f pdf -o FILE.pdf FILE.svg" * (form == "pdf")
        raise UserError(f"figures={form}: must be one of {', '.join(FORMS)}{cure}")
    if form == "png":
        try:
            import resvg_py  # noqa: F401
        except ImportError:
            raise UserError(
                "figures=png needs resvg: pip install 'emolightning[figures]'; or say figures=svg, which needs nothing"
            ) from None


def write_figures(folder: Path, drawn: Sequence[Drawing], form: str) -> list[Path]:
    """Write each drawing on white into `<folder>/figures/`, and give the files.

    Args:
        folder: of the evaluation or comparison.
        drawn: its drawings.
        form: one of FORMS.

    Raises:
        CannotWrite: the system refuses.
    """
    target = folder / "figures"
    with writing(target):
        target.mkdir(exist_ok=True)
    files = []
    for drawing in drawn:
        files.append(target / f"{_safe(drawing.name)}.{form}")
        text = standalone(drawing.svg)
        if form == "svg":
            write_whole(files[-1], text)
        else:
            from resvg_py import svg_to_bytes

            with written_whole(files[-1]) as temporary:
                temporary.write_bytes(bytes(svg_to_bytes(svg_string=text, zoom=ZOOM)))
    return files


def _safe(name: str) -> str:
    """A name that stays in its folder: columns and systems are named by files from outside."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:100]


def standalone(svg: str) -> str:
    """A drawing as a file of its own: with the colours of paper, on white."""
    plain = re.sub(r"var\(--(\w+)\)", lambda found: LIGHT[found[1]], svg)
    head, _, rest = plain.partition(">")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}><rect width="100%" height="100%" fill="#fff"/>{rest}\n'
