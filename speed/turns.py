"""Loops that take turns step by step: each has a thread, and one thread runs at a time.

A machine that others use is slower for seconds and then faster again. What runs for seconds before the next loop begins
meets another machine; a step after a step meets the same one.
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Found = TypeVar("Found")

M_ARENA_MAX = -8
"""glibc's malloc.h"""


def share_one_heap() -> None:
    """Let all threads take memory as a program's only thread does, where the C library is glibc.

    It gives other threads heaps of their own, which return memory to the system at other times than the main one: loops
    in other threads would be measured on other terms than the one in the main thread.
    """
    if sys.platform == "linux" and (set_option := getattr(ctypes.CDLL(None), "mallopt", None)):
        set_option(M_ARENA_MAX, 1)


class StoppedByAnother(Exception):
    """Ends a loop whose companion has failed."""


class Turns:
    """Whose turn it is.

    Args:
        number: of loops; the first has the first turn.
    """

    def __init__(self, number: int):
        self._changed = threading.Condition()
        self._left = list(range(number))
        self._whose = 0
        self._has_failed = False

    def wait(self, loop: int) -> None:
        """Wait for the turn of a loop.

        Raises:
            StoppedByAnother: a loop has failed, so there is none.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_failed or self._whose == loop)
            if self._has_failed:
                raise StoppedByAnother

    def give_way(self, loop: int) -> None:
        """Let all others do a step, and wait."""
        with self._changed:
            self._pass_on(loop)
        self.wait(loop)

    def leave(self, loop: int, *, has_failed: bool) -> None:
        """A loop has ended."""
        with self._changed:
            self._pass_on(loop)
            self._left.remove(loop)
            self._has_failed |= has_failed
            self._changed.notify_all()

    def _pass_on(self, loop: int) -> None:
        self._whose = self._left[(self._left.index(loop) + 1) % len(self._left)]
        self._changed.notify_all()


def in_turns(loops: Sequence[Callable[[Callable[[], None]], Found]], *, here: int) -> list[Found]:
    """Run loops to their ends; each is given what it calls before a step, where it waits while the others do one.

    Args:
        loops: in the order of their turns.
        here: the one that runs in this thread, since only the main one may answer signals.

    Returns:
        What each returned.

    Raises:
        Exception: the first that a loop raised; the others were stopped.
    """
    share_one_heap()
    turns = Turns(len(loops))
    found: dict[int, Found] = {}
    errors: list[BaseException] = []

    def run(number: int) -> None:
        has_failed = False
        try:
            turns.wait(number)
            found[number] = loops[number](lambda: turns.give_way(number))
        except StoppedByAnother:
            pass
        except BaseException as error:  # It is raised where all have ended.
            has_failed = True
            errors.append(error)
        turns.leave(number, has_failed=has_failed)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(loops)) if number != here]
    for thread in threads:
        thread.start()
    run(here)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[number] for number in range(len(loops))]
