"""Published scores, and a comparison with them, for people; a table for each protocol."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from emolightning.benchmarks.published.comparison import (
    BETTER,
    NONE_PUBLISHED,
    NOT_COMPARABLE,
    WITHIN,
    WORSE,
    Compared,
    Comparison,
)
from emolightning.benchmarks.published.measured import Measured, MeasuredRun
from emolightning.benchmarks.published.protocols import expected_clips, official_clips
from emolightning.benchmarks.published.table import PublishedScore
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.records.benchmark import Protocol
from emolightning.records.sheets import Sheet

SHORT_DIGITS = 4
"""Digits after the point that our values show, where the published one has more."""
NARROWEST = 120
"""Columns of a table that goes to a file."""


def make_console() -> Console:
    """Wide enough for the tables where nobody's window says otherwise."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, NARROWEST)
    return console


def print_sheet(sheet: Sheet, console: Console) -> None:
    """A table of texts, none of which is markup, and the sentences below it."""
    table = Table(title=escape(sheet.title), box=SIMPLE)
    for number, name in enumerate(sheet.columns):
        table.add_column(escape(name), justify="left" if number == 0 else "right", overflow="fold")
    for row in sheet.cells():
        table.add_row(*map(escape, row))
    console.print(table)
    for note in sheet.notes:
        _plain(console, note)


def print_benchmarks(scores: Sequence[PublishedScore], console: Console) -> None:
    """One line a benchmark."""
    table = Table("benchmark", title="Published scores", box=SIMPLE)
    for name in ("clips", "ranked by", "scores", "unverified"):
        table.add_column(name, justify="left" if name == "ranked by" else "right")
    for name in dict.fromkeys([*official_benchmarks(), *(score.benchmark for score in scores)]):
        own = [score for score in scores if score.benchmark == name]
        verified = sum(score.is_verified for score in own)
        headline = (
            official_benchmarks()[name].headline if name in official_benchmarks() else "(not evaluated by this project)"
        )
        clips = official_clips(name) or max((score.protocol.num_clips or 0 for score in own), default=0)
        table.add_row(name, str(clips or "-"), headline, str(verified), str(len(own) - verified or "-"))
    console.print(table)
    console.print("benchmark=NAME lists the scores; the name of a family, as mer2023, means all of it")


def print_scores(scores: Sequence[PublishedScore], console: Console) -> None:
    """Each protocol's cells with their sources; those without a source last."""
    for protocol, cells in _by_protocol(score for score in scores if score.is_verified):
        _print_head(protocol, console)
        table = _table()
        table.add_column("published", justify="right")
        table.add_column("source")
        for cell in cells:
            remark = f"; {cell.remark}" if cell.remark else ""
            table.add_row(*_names(cell), _printed(cell), escape(cell.source + remark))
        console.print(table)
    _print_unverified([score for score in scores if not score.is_verified], console)


def print_comparison(comparison: Comparison, run: MeasuredRun, console: Console) -> None:
    """Each protocol's cells beside ours; what does not compare has no difference."""
    _plain(console, f"run: {run.path}: {run.benchmark}, split {run.split}, {run.num_clips} clips")
    verified = [row for row in comparison.rows if row.score.is_verified]
    protocols = _by_protocol(row.score for row in verified)
    for protocol, _ in sorted(protocols, key=lambda pair: all(row.ours is None for row in _of(verified, pair[0]))):
        rows = _of(verified, protocol)
        _print_head(protocol, console)
        if any(row.ours is not None for row in rows):
            console.print(_compared_table(rows))
        else:
            _print_refused(rows, console)
        for source in dict.fromkeys(row.score.source for row in rows):
            _plain(console, f"source: {source}", style="dim")
    _print_unverified([row.score for row in comparison.rows if not row.score.is_verified], console)
    _print_unpublished(comparison.unpublished, console)
    for remark in comparison.remarks:
        _plain(console, f"note: {remark}")
    _plain(console, summary(comparison))


def comparison_sheet(comparison: Comparison, run: MeasuredRun) -> Sheet:
    """All verified cells of the run's benchmark and its relatives, for a paper."""
    rows = []
    for row in comparison.rows:
        if row.score.is_verified:
            digits, ends = min(row.score.num_decimals, SHORT_DIGITS), "-"
            if row.ends is not None:
                ends = f"{row.ends[0]:+.{digits}f} to {row.ends[1]:+.{digits}f}"
            ours = "-" if row.beside is None else f"{row.beside.value:.{digits}f}"
            difference = "-" if row.difference is None else f"{row.difference:+z.{digits}f}"
            names = (row.score.model, row.score.modality or "-", row.score.protocol.name, row.score.metric)
            rows.append([*names, _printed(row.score), ours, difference, ends, row.verdict])
    columns = ["model", "inputs", "protocol", "score", "published", "ours", "difference", "95 % interval", "ours is"]
    protocols = {row.score.protocol.name: row.score.protocol.about for row in comparison.rows if row.score.is_verified}
    notes = [*(f"{name}: {about}" for name, about in protocols.items()), *comparison.remarks]
    return Sheet(f"{run.benchmark} / {run.split}: {run.num_clips} clips", columns, rows, notes)


def summary(comparison: Comparison) -> str:
    """How many cells got which verdict."""
    counts = {word: sum(row.verdict.startswith(word) for row in comparison.rows) for word in (WITHIN, BETTER, WORSE)}
    refused = sum(row.verdict.startswith(NOT_COMPARABLE) for row in comparison.rows)
    return f"{', '.join(f'{count} {word}' for word, count in counts.items())}, {refused} {NOT_COMPARABLE}"


def as_json(comparison: Comparison, run: MeasuredRun, requested: Sequence[str]) -> dict[str, Any]:
    """The content of `reproduce.json`: values on the scale of the published ones, which stay text."""
    return {
        "run": str(Path(run.path).parent),
        "requested": list(requested),
        "benchmark": comparison.benchmark,
        "num_clips": run.num_clips,
        "rows": [_row(row) for row in comparison.rows],
        "no_published_value": {
            name: {"value": score.value, "ci95": [score.low, score.high], "verdict": NONE_PUBLISHED}
            for name, score in comparison.unpublished.items()
        },
        "remarks": comparison.remarks,
    }


def _row(row: Compared) -> dict[str, Any]:
    score, ours = row.score, row.ours
    return {
        "benchmark": score.benchmark,
        "protocol": score.protocol.way,
        "about": score.protocol.about,
        "model": score.model,
        "modality": score.modality,
        "metric": score.metric,
        "published": score.printed,
        "scale": score.scale,
        "verified": score.is_verified,
        "source": score.source,
        "ours": None if ours is None else ours.value,
        "beside": None if row.beside is None else row.beside.value,
        "difference": row.difference,
        "ci95": None if ours is None else [ours.low, ours.high],
        "difference_ci95": None if row.ends is None else list(row.ends),
        "equal_as_printed": row.is_equal_as_printed,
        "verdict": row.verdict,
    }


def _by_protocol(scores: Iterable[PublishedScore]) -> list[tuple[Protocol, list[PublishedScore]]]:
    found: dict[str, list[PublishedScore]] = {}
    for score in scores:
        found.setdefault(score.protocol.name, []).append(score)
    return [(cells[0].protocol, cells) for cells in found.values()]


def _table() -> Table:
    """Its first three columns are those of `_names`."""
    table = Table("model", "inputs", box=SIMPLE)
    table.add_column("score", no_wrap=True)
    return table


def _of(rows: Sequence[Compared], protocol: Protocol) -> list[Compared]:
    return [row for row in rows if row.score.protocol is protocol]


def _print_head(protocol: Protocol, console: Console) -> None:
    console.print()
    _plain(console, protocol.name, style="bold")
    clips = expected_clips(protocol) if protocol.never is None else None
    _plain(console, protocol.about + (f" ({clips} clips)" if clips and str(clips) not in protocol.about else ""))


def _compared_table(rows: Sequence[Compared]) -> Table:
    table = _table()
    for name in ("published", "ours", "difference", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in rows:
        digits = min(row.score.num_decimals, SHORT_DIGITS)
        ours = ("-" if row.beside is None else f"{row.beside.value:.{digits}f}", "-", "-")
        if row.ours is not None:
            span = f"{row.ours.low:.{digits}f} - {row.ours.high:.{digits}f}"
            ours = (f"{row.ours.value:.{digits}f}", f"{row.difference:+z.{digits}f}", span)
        verdict = row.verdict + ("; equal as printed" if row.is_equal_as_printed else "")
        table.add_row(*_names(row.score), _printed(row.score), *ours, escape(verdict))
    return table


def _print_refused(rows: Sequence[Compared], console: Console) -> None:
    """The reasons once, the published values in a line for each model."""
    for verdict in dict.fromkeys(row.verdict for row in rows):
        _plain(console, verdict)
        table = _table()
        table.add_column("published", justify="right")
        own = [row for row in rows if row.verdict == verdict]
        if any(row.beside for row in own):
            table.add_column("ours", justify="right")
        for row in own:
            digits = min(row.score.num_decimals, SHORT_DIGITS)
            ours = [f"{row.beside.value:.{digits}f}"] if row.beside else []
            table.add_row(*_names(row.score), _printed(row.score), *ours)
        console.print(table)


def _print_unverified(scores: Sequence[PublishedScore], console: Console) -> None:
    if not scores:
        return
    console.print()
    _plain(console, "Unverified: nothing is compared with these", style="bold")
    table = Table("benchmark", "model", "score", box=SIMPLE)
    table.add_column("quoted", justify="right")
    table.add_column("why not")
    for score in scores:
        table.add_row(
            score.benchmark,
            escape(score.model),
            score.metric,
            _printed(score),
            escape(f"{score.remark} ({score.source})"),
        )
    console.print(table)


def _print_unpublished(unpublished: dict[str, Measured], console: Console) -> None:
    if not unpublished:
        return
    console.print()
    _plain(console, f"Ours with {NONE_PUBLISHED}", style="bold")
    text = ", ".join(f"{name} {one.value:.4f} ({one.low:.4f} - {one.high:.4f})" for name, one in unpublished.items())
    _plain(console, "\n".join(textwrap.wrap(text, console.width)))


def _names(score: PublishedScore) -> tuple[str, str, str]:
    return escape(score.model), score.modality or "-", score.metric


def _printed(score: PublishedScore) -> str:
    """As printed; of a result file's sixteen digits rounded to as many as ours."""
    return score.printed if score.num_decimals <= SHORT_DIGITS else f"{float(score.printed):.{SHORT_DIGITS}f}"


def _plain(console: Console, text: str, style: str = "") -> None:
    """Text that is no markup: names of runs come from outside."""
    console.print(Text(text, style=style))
