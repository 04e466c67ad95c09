"""Work on one clip in a process of its own: what ends that process is the clip's problem, not the end of the pass."""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from emolightning.data.loading.worker_process import end_with_parent
from emolightning.errors import UserError

CLIP_SECONDS = 1800
"""A process that gives nothing for longer hangs, and is ended. Readers of media have a tighter limit of their own."""

SPAWN = multiprocessing.get_context("spawn")


class EndedEarly(UserError):
    """The process of a clip ended before it was done, or hangs."""


def parts_of(produce: Callable[[], Iterator[Any]], path: Path) -> Generator[Any, None, None]:
    """What `produce` yields in a process of its own, one by one: it waits there until it is taken here.

    Args:
        produce: can be pickled, and so can what it yields.
        path: of the clip, for messages.

    Raises:
        EndedEarly: something killed the process, or it hangs.
        UserError: no process can be started.
        Exception: what `produce` raises.
    """
    ours, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_send, args=(theirs, produce), daemon=True)
    process.start()
    theirs.close()
    is_started = False
    try:
        is_started = bool(ours.recv())
        while True:
            if not ours.poll(CLIP_SECONDS):
                raise EndedEarly(f"{path}: reading it takes longer than {CLIP_SECONDS} s")
            if not (sent := ours.recv()):
                return
            if isinstance(sent[0], Exception):
                raise sent[0]
            yield sent[0]
    except EOFError:
        process.join()
        if not is_started:
            raise UserError("processes that read clips cannot be started; their own messages are above") from None
        raise EndedEarly(f"{path}: {_how_it_ended(process.exitcode)}") from None
    finally:
        process.kill()
        process.join()


def _send(connection: Connection, produce: Callable[[], Iterator[Any]]) -> None:
    end_with_parent()
    connection.send("started")
    try:
        for part in produce():
            connection.send((part,))
    except Exception as error:
        connection.send((error,))
    connection.send(())


def _how_it_ended(exit_code: int | None) -> str:
    by = signal.Signals(-exit_code).name if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
    memory = ", as where memory is too small" if by == "SIGKILL" else ""
    remedy = "make a new copy of the file, e.g. with ffmpeg -i OLD NEW"
    return f"the process that reads it ends before it is done, even alone ({by}{memory}); {remedy}"
