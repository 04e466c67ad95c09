"""Processes that `multiprocessing` would spawn are forked in tests: they have imported torch and the rest already.

All else is as if they were spawned: what they are sent is pickled, they have only the descriptors that they are given,
default signal handlers and one thread. `spawned` is there for tests of what only a new interpreter shows.
"""

import multiprocessing.spawn
import multiprocessing.util
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

spawn = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]
"""What `multiprocessing` starts an interpreter with: path, arguments, descriptors -> pid."""

MARK = "--multiprocessing-fork"


def fork_pools() -> None:
    """Let this process, and what it forks, fork in place of spawning."""
    multiprocessing.util.spawnv_passfds = fork  # type: ignore[attr-defined]


@contextmanager
def spawned() -> Iterator[None]:
    """Spawn as outside of tests."""
    before = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]
    multiprocessing.util.spawnv_passfds = spawn  # type: ignore[attr-defined]
    try:
        yield
    finally:
        multiprocessing.util.spawnv_passfds = before  # type: ignore[attr-defined]


def fork(path: Any, words: list[Any], descriptors: Iterable[int]) -> int:
    """Fork the interpreter that `words` would start, if it is one that unpickles what it has to do."""
    kept = sorted(descriptors)
    if words[-1:] != [MARK]:  # The tracker of resources.
        return spawn(path, words, kept)
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = _interpret(words, kept)
    except BaseException:
        traceback.print_exc()
    finally:  # Whatever else happens: this is no process of tests.
        os._exit(code)


def _interpret(words: list[Any], kept: list[int]) -> int:
    """Do what `python WORDS` does, with standard input and output and some other descriptors; gives its exit code."""
    begin = 3
    for descriptor in kept:
        os.closerange(begin, descriptor)
        begin = descriptor + 1
    os.closerange(begin, 1 << 16)
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    # What pools of this process would do at its end: they are not this child's, and its descriptors are others.
    threading._threading_atexits.clear()  # type: ignore[attr-defined]
    sys.argv[:] = ["-c", MARK]
    try:
        exec(words[-2], {"__name__": "__main__"})
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0
