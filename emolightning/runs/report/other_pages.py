"""Pages of folders that are no run's: of comparisons, ablations, robustness, seeds, several sets, a file of answers."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.measured import METRICS, read_report
from emolightning.config.saved_run import CONFIG_FILE
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_json_object
from emolightning.files.writing import write_whole
from emolightning.records.clips import Clip
from emolightning.runs.answers import ANSWERS, latest_key, read_scored
from emolightning.runs.report.charts import Drawing
from emolightning.runs.report.figures import drawings
from emolightning.runs.report.page import write_page
from emolightning.runs.report.showable import unshowable

AGAIN = {"compare": "compare", "ablation": "ablate", "robustness": "robustness", "seeds": "train seeds=[...]"}
"""Name of the file that holds everything -> the command that writes it."""

SEVERAL = "sets"
"""What a benchmark of several sets has together, in `metrics.json`; each set is an evaluation in its own folder."""


def kind_of(folder: Path) -> str | None:
    """What a folder holds, of AGAIN or SEVERAL; None where it is an evaluation's or nobody's."""
    if (folder / METRICS).exists():
        return SEVERAL if _is_several(folder) else None
    return next((kind for kind in AGAIN if (folder / f"{kind}.json").is_file()), None)


def _is_several(folder: Path) -> bool:
    if (folder / CONFIG_FILE).exists():
        return False
    with suppress(UserError):  # A damaged file is told of by what reads it.
        return read_json_object(folder / METRICS).get("kind") == SEVERAL
    return False


def files_of(folder: Path, kind: str) -> tuple[Path, Path]:
    """What everything is in, and the page."""
    if kind == SEVERAL:
        return folder / METRICS, folder / "report.html"
    return folder / f"{kind}.json", folder / f"{kind}.html"


def write_other_page(folder: Path, kind: str) -> tuple[Path, Sequence[Drawing]]:
    """Write the page once more from its JSON file; gives the page and its drawings.

    Raises:
        UserError: the file is not what the command wrote.
        CannotWrite: the system refuses.
    """
    file, path = files_of(folder, kind)
    content = read_json_object(file)
    try:
        text, drawn = _page(kind, content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(
            f"{file}: is damaged, or of another version ({type(error).__name__}: {error}); write it again with "
            f"{'the command that wrote it' if kind == SEVERAL else f'emolightning {AGAIN[kind]}'}"
        ) from error
    write_whole(path, text)
    return path, drawn


def _page(kind: str, content: Mapping[str, Any]) -> tuple[str, Sequence[Drawing]]:
    if kind == "compare":
        from emolightning.runs.report.compare_page import compare_drawings, compare_page

        return compare_page(content), compare_drawings(content)
    if kind == "seeds":
        from emolightning.runs.report.seeds_page import seeds_drawings, seeds_page

        return seeds_page(content), seeds_drawings(content)
    from emolightning.runs.report.variants_page import variants_drawings, variants_page
    from emolightning.runs.variants.sets_together import sheet_of
    from emolightning.runs.variants.writing import sheets

    tables = [sheet_of(content)] if kind == SEVERAL else sheets(content)
    return variants_page(content, tables), variants_drawings(content)


def is_scored(folder: Path) -> bool:
    """Whether a folder holds scores of answers from a file, which no run has given."""
    return (folder / METRICS).is_file() and not (folder / CONFIG_FILE).exists()


def write_scored_page(folder: Path) -> tuple[Path, Sequence[Drawing]]:
    """Write the page of answers from a file once more; there are no clips to show.

    Raises:
        UserError: what is damaged.
    """
    report = read_report(folder / METRICS)
    if problems := unshowable(report):
        raise InputErrors(str(folder / METRICS), problems)
    answers = folder / ANSWERS
    scored = read_scored(folder, latest_key(folder)) if answers.is_file() and answers.stat().st_size else []
    rows = [(Clip(answer.clip_id, Path()), answer, score) for answer, score in scored]
    write_page(folder / "report.html", report, rows, media={}, history=[])
    return folder / "report.html", drawings(report)
