"""Write docs/reference/performance.md and its drawings from the result files; nothing is measured.

  python speed/page.py
  python speed/page.py --results build/speed --page build/speed/performance.md

A result file is what `speed.figures.write_result` wrote. Figures with a promise are at the head of the page, whether
they keep it or not; then each part shows what was asked, all figures, tables and drawings, and the command.
"""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there.
    sys.path[0] = str(REPO)

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from typing import Any  # noqa: E402

from emolightning.errors import UserError  # noqa: E402
from emolightning.files.writing import write_whole  # noqa: E402
from emolightning.runs.report.charts import COLOURS, Axis, Curve, Mark, Row, axis, curves, rows, ticks  # noqa: E402
from emolightning.runs.report.figure_files import standalone  # noqa: E402
from speed.figures import PARTS, is_kept  # noqa: E402

RESULTS, PAGE = REPO / "speed" / "results", REPO / "docs" / "reference" / "performance.md"

INTRODUCTION = """
Each line is a median over alternating rounds, with its range in brackets, or says that there was one round. *Floor*
says how many times we take what nobody could go below on the same machine. Seconds are processor time unless a line
says otherwise. `python speed/page.py` writes this page from the files of `speed/results/`; `make speed` runs every
script at a small size on your machine, into `build/speed/`. [Speed](../../speed/README.md) says what each script asks.
"""

ON_A_GPU = """
Nothing has been measured on a GPU: the table is empty. The same scripts run there unchanged, and tests run them at a
small size on a processor. These commands fill it:

```bash compose
python speed/throughput.py model=tiny output=speed/results/tiny-gpu.json
python speed/throughput.py model=emotion_llama_7b weights=random output=speed/results/7b-gpu.json
```
"""
HEAD = ("what", "promised", "measured", "kept", "floor", "when and where")


def main(argv: Sequence[str]) -> int:
    """Read the results, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
    parser.add_argument("--page", type=Path, default=PAGE, help="file that is written, its drawings beside it")
    args = parser.parse_args(argv)
    try:
        results = read_results(args.results)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    files = written(results, args.page, args.results)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    for name in results:
        for old in set(drawings_of(args.page).glob(f"{slug(name)}-[0-9].svg")) - set(files):
            old.unlink()
    print(f"page: {args.page}")
    return 0


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Name of each result file -> what it says.

    Raises:
        UserError: there is none, or one that `write_result` did not write.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UserError(f"{folder}: has no result file; `make speed` writes some into build/speed")
    found = {}
    for path in files:
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
            missing = {"part", "question", "figures"} - set(found[path.stem])
        except (ValueError, TypeError):
            missing = {"JSON"}
        if missing:
            raise UserError(
                f"{path}: is no result of a script of speed/ ({', '.join(sorted(missing))} is missing); measure again "
                "with output=FILE, or remove it"
            )
    return found


def drawings_of(page: Path) -> Path:
    """The folder of a page's drawings."""
    return page.with_suffix("")


def slug(name: str) -> str:
    """The name of a result as its drawings have it."""
    return re.sub("[^a-z0-9]+", "-", name.lower())


def written(results: dict[str, dict[str, Any]], page: Path, folder: Path = RESULTS) -> dict[Path, str]:
    """Each file of the page with its text; results lie in `folder`, where the page links to."""
    files: dict[Path, str] = {}
    body: list[str] = []
    for part in PARTS:
        asked: dict[str, dict[str, dict[str, Any]]] = {}
        for name, found in results.items():
            if found["part"] == part:
                asked.setdefault(found["question"], {})[name] = found
        body += ["", f"## {part}"] if asked else []
        for question, answers in asked.items():
            body += section(question, answers, page, folder, files)
    head = ["# Performance", "", *INTRODUCTION.strip().splitlines(), "", "## At a glance", "", *glance(results)]
    text = "\n".join([*head, *body, "", "## On a GPU", "", *gpu_lines(results)])
    return {page: text.rstrip() + "\n", **files}


def is_on_gpu(found: dict[str, Any]) -> bool:
    """Whether a GPU did the work."""
    return bool(found.get("measured_on", {}).get("gpu"))


def glance(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The table of what was promised, in the order of the parts."""
    yield from table_head(HEAD)
    for found in sorted(results.values(), key=lambda each: PARTS.index(each["part"])):
        for each in found["figures"]:
            if (kept := is_kept(each)) is not None:
                yield figure_row(each, found, "yes" if kept else "**no**")


def figure_row(each: dict[str, Any], found: dict[str, Any], kept: str) -> str:
    """A figure as a line of the table at the head."""
    on = found["measured_on"]
    where = f"{found['started'][:10]}, {on.get('gpu') or on['processor']}"
    cells = (each["what"], promise(each), measured(each), kept, floor(each), where)
    return f"| {' | '.join(cells)} |"


def floor(each: dict[str, Any]) -> str:
    """How many times the floor of a figure is taken, and what it is."""
    if not each["floor"]:
        return ""
    return f"{number(each['value'] / each['floor'])} times {quantity(each['floor'], each['unit'])}: {each['floor_of']}"


def promise(each: dict[str, Any]) -> str:
    """What was promised of a figure, in words."""
    bounds = (("at least", each["at_least"]), ("at most", each["at_most"]))
    return ", ".join(f"{word} {quantity(value, each['unit'])}" for word, value in bounds if value is not None)


def measured(each: dict[str, Any]) -> str:
    """The median with the range of all rounds, or that there was one."""
    spread = "1 round" if each["rounds"] < 2 else f"{number(each['low'])} - {number(each['high'])}"
    return f"{quantity(each['value'], each['unit'])} ({spread})"


def quantity(value: float, unit: str) -> str:
    """A value with its unit."""
    return f"{number(value)} {unit}"


def number(value: float) -> str:
    """Three digits that count.

    >>> number(12345.6), number(1.5), number(0.01234)
    ('12,346', '1.50', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:#.3g}"


def place(found: dict[str, Any]) -> str:
    """The machine in a few words."""
    on = found["measured_on"]
    threads = f", {on['threads']} thread{'s' if on['threads'] != 1 else ''}" if on.get("threads") else ""
    load = f", load {on['load']:g}" if on.get("load") is not None else ""
    return f"{on.get('gpu') or on['processor']}, {on['cores']} cores{threads}{load}"


def section(
    question: str, answers: dict[str, dict[str, Any]], page: Path, folder: Path, files: dict[Path, str]
) -> Iterator[str]:
    """A question with the figures, tables, drawings and commands of its results. Drawings are added to `files`."""
    yield from ("", f"### {question}")
    figures = [each for found in answers.values() for each in found["figures"]]
    if figures:
        columns = {"": [each["what"] for each in figures], "measured": [measured(each) for each in figures]}
        columns |= {"promised": [promise(each) for each in figures], "floor": [floor(each) for each in figures]}
        filled = {name: cells for name, cells in columns.items() if any(cells)}
        yield from ("", *table_head(tuple(filled)))
        yield from (f"| {' | '.join(line)} |" for line in zip(*filled.values(), strict=True))
    for name, found in answers.items():
        for table in found.get("tables", ()):
            yield from ("", table["title"] + ":", "", *table_head(table["columns"]))
            yield from (f"| {' | '.join(map(cell, line))} |" for line in table["rows"])
        for count, drawing in enumerate(found.get("drawings", ())):
            path = drawings_of(page) / f"{slug(name)}-{count + 1}.svg"
            files[path] = standalone(drawn(drawing))
            yield from ("", f"![{drawing['title']}]({path.relative_to(page.parent).as_posix()})")
    yield ""
    yield from (source(name, found, page, folder) for name, found in answers.items())


def source(name: str, found: dict[str, Any], page: Path, folder: Path) -> str:
    """The file of a result, its command, and what it was measured on."""
    commit = (found["git"]["commit"] or "unknown")[:9] + (" with changes" if found["git"]["dirty"] else "")
    file = Path(os.path.relpath(folder / f"{name}.json", page.parent)).as_posix()
    about = f"{found['started'][:10]}, commit {commit}, torch {found['packages']['torch']}, {place(found)}"
    return f"- [{name}.json]({file}): `{command(found)}`; {about}"


def command(found: dict[str, Any]) -> str:
    """What was typed."""
    return "python " + " ".join(f"'{word}'" if re.search(r"[\[\]\"* ]", word) else word for word in found["command"])


def table_head(columns: Sequence[str]) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def cell(value: str | float) -> str:
    """A value of a table."""
    return value if isinstance(value, str) else number(value)


def drawn(drawing: dict[str, Any]) -> str:
    """A drawing as SVG; all axes begin at zero, so that lengths can be compared."""
    if drawing["bars"]:
        return drawn_bars(drawing)
    points = [point for line in drawing["curves"].values() for point in line]
    x, y = (from_zero(drawing[way], [point[place] for point in points]) for place, way in enumerate("xy"))
    lines = [
        Curve(name, [tuple(point) for point in line], colour=colour)
        for (name, line), colour in zip(drawing["curves"].items(), COLOURS, strict=False)
    ]
    return curves(drawing["title"], lines, x, y)


def drawn_bars(drawing: dict[str, Any]) -> str:
    """Rows of bars, one bar for each series."""
    series = list(dict.fromkeys(name for row in drawing["bars"].values() for name in row))
    colours = dict(zip(series, COLOURS, strict=False))
    scale = from_zero(drawing["x"], [value for row in drawing["bars"].values() for value in row.values()])
    lines = [
        Row(name, [Mark(value, colour=colours[each]) for each, value in row.items()])
        for name, row in drawing["bars"].items()
    ]
    legend = list(colours.items()) if len(series) > 1 else []
    return rows(drawing["title"], lines, scale, legend=legend, has_bars=True)


def from_zero(name: str, values: Sequence[float]) -> Axis:
    """A scale from zero to what holds all values; large numbers are written with their thousands."""
    found = axis(name, [0.0, *values])
    marks = [(value, f"{value:,.0f}" if found.high >= 1000 else label) for value, label in ticks(0.0, found.high)]
    return Axis(name, 0.0, found.high, marks)


def gpu_lines(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """All figures of GPUs side by side, or what fills the table."""
    there = [found for found in results.values() if is_on_gpu(found)]
    yield from table_head(HEAD)
    for found in there:
        for each in found["figures"]:
            kept = {None: "", True: "yes", False: "**no**"}[is_kept(each)]
            yield figure_row(each, found, kept)
    if not there:
        yield f"|{' |' * len(HEAD)}"
        yield from ("", *ON_A_GPU.strip().splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
