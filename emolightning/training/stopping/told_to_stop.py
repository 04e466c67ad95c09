"""SIGTERM and SIGUSR1 outside of training, which has its own way (graceful_stop.py): an orderly end."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""Of schedulers: `kill`, a preemption; and `sbatch --signal=USR1@120`."""

TERMINATED = 128 + signal.SIGTERM


class AgreedToStop(SystemExit):
    """All ranks leave, between two steps."""


def unwatch_started_ranks(trainer: Any) -> None:
    """Lightning looks at them every 5 s and kills this process, which has things to finish, when one has ended.

    Args:
        trainer: Lightning's.
    """
    watched = started_ranks(trainer)
    if watched:
        trainer.strategy.launcher.procs = watched.copy()
        watched.clear()  # The observer's list.


def started_ranks(trainer: Any) -> list[Any]:
    """The other ranks that this process started, as `subprocess.Popen`."""
    return getattr(trainer.strategy.launcher, "procs", [])


@contextmanager
def ending_when_told() -> Iterator[None]:
    """Leave with 143 in the way of an exception, so that worker processes and ranks are ended too.

    Raises:
        SystemExit: a signal came; a second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():  # Python tells the main thread only.
        yield
        return
    before = {number: signal.signal(number, _leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(received: int, frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    print(f"\n{signal.Signals(received).name}: stopped", file=sys.stderr)
    raise SystemExit(TERMINATED)
