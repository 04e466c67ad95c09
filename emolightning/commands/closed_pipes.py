"""What a program prints when nobody reads on: `... | head` is no mistake, and what it does besides printing goes on."""

import io
import os
import stat
import sys
from typing import Any


def outlive_readers() -> None:
    """Let stdout and stderr go nowhere once the program at the other end of their pipe has left."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream is getattr(sys, f"__{name}__") and _is_pipe(stream):
            stream.flush()
            setattr(sys, name, _outliving(stream))


class _UnlessClosed(io.FileIO):
    """A pipe that turns into the null device when its reader has left."""

    def write(self, data: Any) -> int:
        """As of any file."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # Processes that this one starts inherit it.
            os.close(null)
            return super().write(data) or 0


def _outliving(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = _UnlessClosed(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _is_pipe(stream: io.TextIOWrapper) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
