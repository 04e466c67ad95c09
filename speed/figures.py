"""What every result says in the same words: figures beside what was promised, tables, drawings; the page reads no more.

A script measures in rounds, makes a `Figure` of each quantity that a reader asks for, and calls `write_result`.
`python speed/page.py` writes docs/reference/performance.md from all of them.
"""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from emolightning.files.writing import write_json
from emolightning.runs.lineage import describe_process

PARTS = ("Start-up", "Reading", "Training", "Evaluation", "Tables and scores", "Models")
"""Parts of the page, in order; each result belongs to one."""

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Figure:
    """A number of a result, and what it should be."""

    what: str
    value: float
    """The median over the rounds."""
    unit: str
    """`s`, `GB`, `clips/s`; `x` for a ratio."""
    low: float
    high: float
    """The least and the most of the rounds."""
    rounds: int
    at_least: float | None = None
    at_most: float | None = None
    """What was promised; both None where nothing was."""
    floor: float | None = None
    """What nobody could go below on this machine, in the same unit: counted operations, bytes, unavoidable imports."""
    floor_of: str = ""
    """What the floor is."""


@dataclass(frozen=True)
class Table:
    """Numbers that are read side by side."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]


@dataclass(frozen=True)
class Drawing:
    """Points that the page joins, or with `bars` a row of bars for each name."""

    title: str
    x: str
    """Its axis; of bars the only one."""
    y: str = ""
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Name -> points."""
    bars: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Row -> series -> value."""


def figure(
    what: str,
    rounds: Sequence[float],
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    floor: float | None = None,
    floor_of: str = "",
) -> Figure:
    """The median of all rounds with their range.

    >>> figure("loading", [2.0, 4.0, 3.0], "s", at_most=3.5).value
    3.0
    """
    return Figure(what, median(rounds), unit, min(rounds), max(rounds), len(rounds), at_least, at_most, floor, floor_of)


def is_kept(found: Mapping[str, Any]) -> bool | None:
    """Whether a figure of a result file is what was promised; None where nothing was."""
    if found["at_least"] is None and found["at_most"] is None:
        return None
    least, most = found["at_least"], found["at_most"]
    return (least is None or found["value"] >= least) and (most is None or found["value"] <= most)


def write_result(
    output: str | Path | None,
    *,
    part: str,
    question: str,
    figures: Sequence[Figure],
    tables: Sequence[Table] = (),
    drawings: Sequence[Drawing] = (),
    gpu: str | None = None,
    **measured: Any,
) -> None:
    """Write a result with its date, command, machine, versions and commit; nothing without `output`.

    Args:
        output: the JSON file, `speed/results/NAME.json` for the page.
        part: one of PARTS.
        question: what was asked, as a sentence.
        figures: the answers.
        tables: more of them, to be read side by side.
        drawings: what is plotted.
        gpu: the GPU that did the work; None for the processor, whatever else the machine has.
        measured: all rounds and settings, as the script likes; `started` where it began long ago.
    """
    if part not in PARTS:
        raise ValueError(f"part={part!r}: must be one of {', '.join(PARTS)}")
    if output is None:
        return
    head = {"part": part, "question": question, **describe_process(sys.argv), "measured_on": {**machine(), "gpu": gpu}}
    shown: dict[str, Sequence[Any]] = {"figures": figures, "tables": tables, "drawings": drawings}
    write_json(Path(output), {**head, **measured, **{name: [asdict(each) for each in shown[name]] for name in shown}})
    print(f"result: {output}")


def machine() -> dict[str, Any]:
    """The processor, its cores, and how many programs compete for them."""
    found: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["threads"] = torch.get_num_threads()
    return found


def processor() -> str:
    """What its maker calls it, where that can be read."""
    lines = CPU_INFO.read_text(encoding="utf-8").splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
