"""Pages of folders that hold no single evaluation: a comparison, an ablation, a robustness."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.files.writing import write_whole
from emolightning.runs.report.charts import Drawing

AGAIN = {"compare": "compare", "ablation": "ablate", "robustness": "robustness"}
"""Name of the file that holds everything -> the command that writes it."""


def kind_of(folder: Path) -> str | None:
    """What a folder holds, of AGAIN; None where it is an evaluation's or nobody's."""
    if (folder / "metrics.json").exists():
        return None
    return next((kind for kind in AGAIN if (folder / f"{kind}.json").is_file()), None)


def write_other_page(folder: Path, kind: str) -> tuple[Path, Sequence[Drawing]]:
    """Write the page once more from its JSON file; gives the page and its drawings.

    Raises:
        UserError: the file is not what the command wrote.
        CannotWrite: the system refuses.
    """
    file, path = folder / f"{kind}.json", folder / f"{kind}.html"
    content = read_json_object(file)
    try:
        text, drawings = _page(kind, content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(
            f"{file}: is damaged, or of another version ({type(error).__name__}: {error}); write it again with "
            f"emolightning {AGAIN[kind]}"
        ) from error
    write_whole(path, text)
    return path, drawings


def _page(kind: str, content: Mapping[str, Any]) -> tuple[str, Sequence[Drawing]]:
    if kind == "compare":
        from emolightning.runs.report.compare_page import compare_drawings, compare_page

        return compare_page(content), compare_drawings(content)
    from emolightning.runs.report.variants_page import variants_drawings, variants_page
    from emolightning.runs.variants.writing import sheets

    return variants_page(content, sheets(content)), variants_drawings(content)
