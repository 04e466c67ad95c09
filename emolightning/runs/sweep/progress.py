"""What a sweep shows while it runs: a table that renews itself, or one line an event where there is no terminal."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from emolightning.runs.sweep.trial import TrialRow

MAX_ROWS = 30
ENDED = ("finished", "stopped early", "failed")


class Progress:
    """Use it as a context.

    Args:
        metric: name of the value.
        mode: `max` or `min`.
        console: to write to.
    """

    def __init__(self, metric: str, mode: str, console: Console | None = None):
        self.metric = metric
        self.mode = mode
        self.console = console or Console(soft_wrap=True)
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None

    @property
    def is_shown(self) -> bool:
        """Whether there is a table."""
        return self._live is not None

    def __enter__(self) -> "Progress":
        """Start the table."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the last one standing."""
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """An event."""
        self.console.print(line, markup=False, highlight=False)

    def end(self, row: TrialRow, rows: Sequence[TrialRow], total: int, parallel: int) -> None:
        """A trial's end, and how far the sweep is."""
        value = "no value" if row.value is None else f"{self.metric} {row.value:.4f} at step {row.best_step}"
        said = f"trial {row.number} {row.state}: {value}, {duration(row.seconds)}"
        self.say(f"{said}{f' ({row.reason}; {row.log})' if row.state == 'failed' else ''}")
        self.say(f"  {summary(rows, total, parallel, self.mode)}")

    def show(self, rows: Sequence[TrialRow], *, total: int, parallel: int) -> None:
        """The table of trials."""
        if self._live:
            line = Text(summary(rows, total, parallel, self.mode))
            self._live.update(Group(self.table(rows), line), refresh=True)

    def table(self, rows: Sequence[TrialRow]) -> Table:
        """The latest trials, and the best."""
        names = list(rows[0].values) if rows else []
        table = Table(title=None)
        for name in ("trial", "state", *names, "step", self.metric, "time"):
            table.add_column(name, justify="left" if name == "state" else "right")
        best = best_row(rows, self.mode)
        for row in rows[-MAX_ROWS:]:
            cells = [str(row.number), row.state, *(short(value) for value in row.values.values())]
            cells += ["" if row.step is None else str(row.step), "" if row.value is None else f"{row.value:.4f}"]
            style = "bold green" if row is best else "red" if row.state == "failed" else None
            table.add_row(*(Text(cell) for cell in [*cells, duration(row.seconds)]), style=style)
        return table


def best_row(rows: Sequence[TrialRow], mode: str) -> TrialRow | None:
    """The trial with the best value; of equals the first. A failed one counts for nothing."""
    scored = [row for row in rows if row.value is not None and row.state != "failed"]
    return (max if mode == "max" else min)(scored, key=lambda row: row.value or 0.0, default=None)


def summary(rows: Sequence[TrialRow], total: int, parallel: int, mode: str) -> str:
    """`5 of 12 done, 2 running; best 0.8312 (trial 3); about 4 min left`."""
    done = [row for row in rows if row.state in ENDED]
    running = [row for row in rows if row.state == "running"]
    parts = [f"{len(done)} of {total} done, {len(running)} running"]
    best = best_row(rows, mode)
    if best:
        parts.append(f"best {best.value:.4f} (trial {best.number})")
    if done and len(done) < total:
        mean = sum(row.seconds for row in done) / len(done)
        left = mean * (total - len(done)) - sum(min(mean, row.seconds) for row in running)
        parts.append(f"about {duration(left / parallel)} left")
    return "; ".join(parts)


def duration(seconds: float) -> str:
    """`41 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def short(value: object) -> str:
    """A parameter's value in a narrow column: four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
