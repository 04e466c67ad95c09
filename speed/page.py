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
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from typing import Any  # noqa: E402

from emolightning.errors import UserError  # noqa: E402
from emolightning.files.writing import write_whole  # noqa: E402
from emolightning.runs.report.figure_files import standalone  # noqa: E402
from speed.drawn import drawn, from_figures, intervals  # noqa: E402
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
small size on a processor. Steps and answers of the full size need no weights for it:

```bash compose
python speed/throughput.py model=emotion_llama_7b weights=random ablate=true output=speed/results/7b-gpu.json
```

`speed/answering.py` takes the same words but `ablate`; `speed/engines.py --accelerator=gpu` asks for memory by engine.
"""
GLANCE = (
    "A question has a line for each promise that is not kept, or else one for the promise that comes nearest to its "
    "bound; *kept* counts all promises of the question. Its link leads to all of them, with date and machine."
)
HEAD = ("question and figure", "measured", "promised", "kept", "floor")
GPU_HEAD = ("figure", "promised", "measured", "kept", "floor", "when and where")


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
        asked = by_question(results, part)
        body += ["", f"## {part}"] if asked else []
        for question, answers in asked.items():
            body += section(question, answers, page, folder, files)
    head = ["# Performance", "", *INTRODUCTION.strip().splitlines(), "", "## At a glance", "", *glance(results)]
    text = "\n".join([*head, *body, "", "## On a GPU", "", *gpu_lines(results)])
    return {page: text.rstrip() + "\n", **files}


def is_on_gpu(found: dict[str, Any]) -> bool:
    """Whether a GPU did the work."""
    return bool(found.get("measured_on", {}).get("gpu"))


def by_question(results: dict[str, dict[str, Any]], part: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Question of a part -> name of each result -> what it says."""
    asked: dict[str, dict[str, dict[str, Any]]] = {}
    for name, found in results.items():
        if found["part"] == part:
            asked.setdefault(found["question"], {})[name] = found
    return asked


def glance(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A line for each question, and more where a promise is not kept."""
    promised = [kept for found in results.values() for each in found["figures"] if (kept := is_kept(each)) is not None]
    yield from (f"{sum(promised)} of {len(promised)} promises are kept. {GLANCE}", "", *table_head(HEAD))
    for part in PARTS:
        for question, answers in by_question(results, part).items():
            yield from lines_of(question, [each for found in answers.values() for each in found["figures"]])


def lines_of(question: str, figures: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Return the lines of a question: its figures that break their promise.

    Where none does, it is the one that is nearest to its bound.
    """
    promised = [each for each in figures if is_kept(each) is not None]
    broken = [each for each in promised if not is_kept(each)]
    first = [max(promised, key=used)] if promised else list(figures[:1])
    together = unbroken(f"{len(promised) - len(broken)} of {len(promised)}") if promised else ""
    for row, each in enumerate(broken or first):
        kept = f"**no**; {together}" if broken and row == 0 else "**no**" if broken else together
        link = f"[{question}](#{anchor(question)})<br>" if row == 0 else ""
        value = unbroken(quantity(each["value"], each["unit"]))
        times = f"{number(each['value'] / each['floor'])} times {each['floor_of']}" if each["floor"] else ""
        yield f"| {link}{each['what']} | {value} | {promise(each, unbroken)} | {kept} | {times} |"


def unbroken(text: str) -> str:
    """A short text that stays in one line of a narrow column."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def used(each: dict[str, Any]) -> float:
    """Return the share of a promise that is used: 1 is its bound."""
    least, most = each["at_least"], each["at_most"]
    return max(least / each["value"] if least is not None else 0.0, each["value"] / most if most else 0.0)


def anchor(heading: str) -> str:
    """What a link to a heading ends with, on GitHub and on the site.

    >>> anchor("Does a run's loader hold a million clips?")
    'does-a-runs-loader-hold-a-million-clips'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def figure_row(each: dict[str, Any], found: dict[str, Any], kept: str) -> str:
    """A figure as a line of the table of GPUs."""
    on = found["measured_on"]
    where = f"{found['started'][:10]}, {on.get('gpu') or on['processor']}"
    cells = (each["what"], promise(each), measured(each), kept, floor(each), where)
    return f"| {' | '.join(cells)} |"


def floor(each: dict[str, Any]) -> str:
    """How many times the floor of a figure is taken, and what it is."""
    if not each["floor"]:
        return ""
    return f"{number(each['value'] / each['floor'])} times {quantity(each['floor'], each['unit'])}: {each['floor_of']}"


def promise(each: dict[str, Any], written: Callable[[str], str] = str) -> str:
    """What was promised of a figure, in words, with quantities as `written` has them."""
    bounds = (("at least", each["at_least"]), ("at most", each["at_most"]))
    return ", ".join(f"{word} {written(quantity(value, each['unit']))}" for word, value in bounds if value is not None)


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
    for name, shown in from_figures(answers).items():
        path = drawings_of(page) / f"{slug(name)}-1.svg"
        files[path] = standalone(intervals(question, shown))
        yield from ("", f"![{question}]({path.relative_to(page.parent).as_posix()})")
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


def gpu_lines(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """All figures of GPUs side by side, or what fills the table."""
    there = [found for found in results.values() if is_on_gpu(found)]
    yield from table_head(GPU_HEAD)
    for found in there:
        for each in found["figures"]:
            kept = {None: "", True: "yes", False: "**no**"}[is_kept(each)]
            yield figure_row(each, found, kept)
    if not there:
        yield f"|{' |' * len(GPU_HEAD)}"
        yield from ("", *ON_A_GPU.strip().splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
