"""A result as text: both columns and their ratio, what the tower's pass costs, what each setting contributes."""

from typing import Any

from speed.recipes import shown
from speed.result import QUANTITIES

SHOWN = {
    "samples_per_s": "samples/s",
    "tokens_per_s": "tokens/s",
    "peak_memory_gb": "peak memory, GB",
    "mfu": "model FLOP utilisation",
}
MAIN = ("ours", "upstream")
"""The two columns."""

OUT_OF_MEMORY = "out of memory"


def lines(result: dict[str, Any]) -> list[str]:
    """What is printed; ranges in brackets are over the rounds."""
    columns, clips, machine = result["columns"], result["clips"], result["machine"]
    num_rounds = len(columns["ours"]["training"]["rounds"])
    head = [
        f"{machine['device']}, {machine['threads']} thread(s), torch {result['packages']['torch']}; "
        f"rounds: {num_rounds}, clips in each: {clips['num_clips']}",
        f"positions of a clip: {clips['mean_context']:.0f} of context, {clips['streams']['image']} of them visual, "
        f"{clips['answer']} of the answer",
        *(f"{f'{name}:':<10}{_settings(result['recipes'][name])}" for name in MAIN),
        "",
        _row("", "", "ours", "upstream recipe", "ours / upstream"),
    ]
    body = []
    for name in QUANTITIES:
        cells = [_cell(columns[column]["training"], name) for column in MAIN]
        phase = "training" if name == QUANTITIES[0] else ""
        body.append(_row(phase, SHOWN[name], *cells, _ratio(result["ratios"]["training"][name])))
    work = [_number(columns[column]["training"]["gflops_per_sample"]) for column in MAIN]
    body.append(_row("", "GFLOP a clip", *work, ""))
    return [
        *head,
        *body,
        *_vision(columns["ours"]),
        *_ablations(result),
        "",
        *(f"note: {note}" for note in result["notes"]),
    ]


def _settings(recipe: dict[str, Any]) -> str:
    return " ".join(shown(name, value) for name, value in recipe.items())


def _row(phase: str, quantity: str, *cells: str) -> str:
    return f"{phase:<11} {quantity:<23}" + "".join(f"{cell:>34}" for cell in cells).rstrip()


def _cell(phase: dict[str, Any], name: str) -> str:
    if phase["out_of_memory"]:
        return OUT_OF_MEMORY
    return _range(phase[name]) if phase[name] else "unknown"


def _ratio(found: dict[str, float] | None) -> str:
    return _range(found) if found else "-"


def _range(found: dict[str, float]) -> str:
    middle, low, high = (_number(found[name]) for name in ("median", "min", "max"))
    return f"{middle} ({low} - {high})"


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _vision(ours: dict[str, Any]) -> list[str]:
    """The price of `precompute_vision`, paid once for each clip of a run."""
    if "vision" not in ours:
        return []
    if ours["vision"]["out_of_memory"]:
        return [_row("vision", "once a clip", OUT_OF_MEMORY)]
    speed = ours["vision"]["samples_per_s"]
    times = {"median": 1 / speed["median"], "min": 1 / speed["max"], "max": 1 / speed["min"]}
    return [_row("vision", "ms, once a clip", _range({name: 1e3 * value for name, value in times.items()}))]


def _ablations(result: dict[str, Any]) -> list[str]:
    rows = result.get("ablations", {})
    if not rows:
        return []
    width = max(map(len, rows))
    is_too_large = {name: result["columns"][name]["training"]["out_of_memory"] for name in rows}
    cells = {
        name: OUT_OF_MEMORY if is_too_large[name] else _ratio(found["training"]["samples_per_s"])
        for name, found in rows.items()
    }
    return ["", "samples/s over those of ours", *(f"{name:<{width}}{cell:>34}" for name, cell in cells.items())]
