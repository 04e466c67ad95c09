"""SIGTERM and SIGUSR1 outside of training, which has its own way (graceful_stop.py): an orderly end."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""Signals that schedulers send: `kill`, a preemption; and `sbatch --signal=USR1@120`."""

TERMINATED = 128 + signal.SIGTERM


class AgreedToStop(SystemExit):
    """All ranks leave, between two steps."""


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
