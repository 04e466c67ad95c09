"""One call of `sweep`: the lock on its folder, the run, and the files at its end."""

import signal
from collections.abc import Sequence
from pathlib import Path

from emolightning.config.places import spoken
from emolightning.errors import UserError, quoted_override
from emolightning.runs.processes import alone_in
from emolightning.runs.seeds import Spread
from emolightning.runs.sweep.progress import Progress, best_row, duration
from emolightning.runs.sweep.results import over_seeds, write_results
from emolightning.runs.sweep.running import SweepRun
from emolightning.runs.sweep.search import Search
from emolightning.runs.sweep.sweep_file import SweepFile
from emolightning.runs.sweep.sweep_page import write_sweep_page
from emolightning.runs.sweep.trial import TrialRow
from emolightning.training.stopping.told_to_stop import TERMINATED

INTERRUPTED = 128 + signal.SIGINT


def run_session(file: SweepFile, folder: Path, *, extra: list[str], count: int | None, parallel: int) -> int:
    """Run or continue a sweep whose trials have been checked.

    Args:
        file: the sweep.
        folder: of the sweep.
        extra: overrides for all trials.
        count: trials in all; None for all combinations of a grid.
        parallel: trials at the same time.

    Returns:
        Exit code.

    Raises:
        UserError: another process runs it, it is another sweep, or nobody says how many trials it must have.
    """
    with alone_in(folder):
        search = Search(file, folder, extra)
        total = _total(file, search.grid_size, count)
        sweep = SweepRun(file, search, folder, extra=extra, count=total, parallel=parallel)
        print(f"{file.path}: {total} trials, {parallel} at a time, in {folder}", flush=True)
        with Progress(file.metric, file.mode) as progress:
            sweep.run(progress)
            progress.show(sweep.rows(), total=total, parallel=parallel)
        return _close(sweep, search, folder)


def _total(file: SweepFile, grid_size: int | None, count: int | None) -> int:
    if grid_size is not None:
        return min(grid_size, count or grid_size)
    if count is None:
        raise UserError(f"{file.path}: method {file.method} has no end of its own; say count=N, or run_cap in the file")
    return count


def _close(sweep: SweepRun, search: Search, folder: Path) -> int:
    """Write the files, print what came out."""
    rows, file = sweep.rows(), sweep.file
    write_results(folder, rows, metric=file.metric, mode=file.mode)
    write_sweep_page(folder / "sweep.html", file, search.study, rows)
    _print_summary(rows, file)
    print(f"table: {folder / 'sweep.csv'}, {folder / 'sweep.json'}; page: {folder / 'sweep.html'}")
    if sweep.received:
        print("interrupted; the same command continues")
        return INTERRUPTED if sweep.received == signal.SIGINT else TERMINATED
    if sweep.given_up:
        print(f"ended: {sweep.given_up}")
    return int(sweep.is_failing or best_row(rows, file.mode) is None)


def _print_summary(rows: Sequence[TrialRow], file: SweepFile) -> None:
    counts = {state: sum(row.state == state for row in rows) for state in dict.fromkeys(row.state for row in rows)}
    seconds = sum(row.seconds for row in rows)
    print(", ".join(f"{number} {state}" for state, number in counts.items()) + f"; {duration(seconds)} of trials")
    best = best_row(rows, file.mode)
    if best is not None:
        shown = " ".join(f"{name}={value}" for name, value in best.values.items())
        print(f"best: trial {best.number}, {file.metric} {best.value:.4f} at step {best.best_step}: {shown}")
        print(f"evaluate: {spoken('eval')} {quoted_override('checkpoint', best.folder)}")
    for setting in over_seeds(rows, file.mode):
        print(f"  {setting.name}: {_with_interval(setting.score)}")


def _with_interval(score: Spread) -> str:
    if score.sd is None or score.ci95 is None:
        return f"mean {score.mean:.4f}, n {score.n}"
    low, high = score.ci95
    return f"mean {score.mean:.4f} sd {score.sd:.4f}, 95 % interval {low:.4f} - {high:.4f}, n {score.n}"
