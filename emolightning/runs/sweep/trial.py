"""One trial: its process, its validations as they are written, and what is known of it afterwards."""

import math
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.runs.processes import kill_session, start
from emolightning.training.loggers.logged_rows import FILE, read_rows

STATES = ("running", "interrupted", "finished", "stopped early", "failed")


@dataclass
class TrialRow:
    """What tables, files and the page say about a trial."""

    number: int
    state: str
    values: dict[str, Any]
    value: float | None
    """Best monitored value so far."""
    best_step: int | None
    step: int | None
    num_validations: int
    seconds: float
    folder: str
    log: str
    exit_code: int | None
    reason: str
    again: str
    """A shell command that repeats it in a new folder."""


@dataclass(frozen=True)
class History:
    """Monitored values in order, and the steps they were logged at."""

    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    last_step: int | None = None
    """Last step with any number logged."""

    def best(self, mode: str) -> tuple[float | None, int | None]:
        """Best value and its step; among equals the first."""
        if not self.values:
            return None, None
        value = max(self.values) if mode == "max" else min(self.values)
        return value, self.steps[self.values.index(value)]


def read_history(run: Path, metric: str) -> History:
    """From a run's `metrics.csv`, which may be written at this moment; values that are no numbers are left out.

    Args:
        run: the run folder.
        metric: name of a column.
    """
    steps, values, last = [], [], None
    for row in read_rows(run):
        step, value = _number(row.get("step")), _number(row.get(metric))
        if step is None:
            continue
        last = int(step)
        if value is not None:
            steps.append(int(step))
            values.append(value)
    return History(tuple(steps), tuple(values), last)


class Histories:
    """Histories of the runs of a sweep; a file is read again only when it has changed.

    Args:
        metric: name of a column.
    """

    def __init__(self, metric: str):
        self.metric = metric
        self._read: dict[Path, tuple[tuple[int, int], History]] = {}

    def of(self, run: Path) -> History:
        """The history of a run folder, as it is now."""
        try:
            status = (run / FILE).stat()
        except OSError:
            return History()
        stamp = (status.st_mtime_ns, status.st_size)
        if run not in self._read or self._read[run][0] != stamp:
            self._read[run] = (stamp, read_history(run, self.metric))
        return self._read[run][1]


def _number(text: str | None) -> float | None:
    """None for an empty cell."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class TrialProcess:
    """A running trial.

    Args:
        command: words.
        log: where its output is appended.
        variables: added to its environment.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], log: Path, variables: Mapping[str, str]):
        self._process: subprocess.Popen[bytes] = start(command, log, variables=variables, own_session=True)
        self._started = time.monotonic()
        self._told: float | None = None

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._started

    @property
    def is_told(self) -> bool:
        """Whether it was asked to stop."""
        return self._told is not None

    def exit_code(self) -> int | None:
        """None while it runs. What an ended process left running in its session is killed, unless it ended well."""
        code = self._process.poll()
        if code:
            kill_session(self._process)
        return code

    def ask_to_stop(self) -> None:
        """SIGTERM, for its first process: that one tells its ranks. They save a checkpoint and leave."""
        if self._told is None:
            self._told = time.monotonic()
            self._process.send_signal(signal.SIGTERM)

    def kill_if_late(self, grace_s: float) -> None:
        """SIGKILL for the whole session, when it was asked to stop so long ago."""
        if self._told is not None and time.monotonic() - self._told > grace_s:
            self.kill()

    def kill(self) -> None:
        """SIGKILL for the whole session."""
        kill_session(self._process)
