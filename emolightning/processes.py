"""Programs that a command starts: output in a file, told to stop when this process dies, and stopped whole."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

REPO = Path(__file__).parents[1]

PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

POLL_S = 0.1

STOPPED = 128 + signal.SIGTERM


def program(script: str, arguments: Sequence[str]) -> list[str]:
    """The command line of a script of this checkout."""
    return [sys.executable, str(REPO / script), *arguments]


def start(
    command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None, own_session: bool = False
) -> "subprocess.Popen[bytes]":
    """Start a command; its output is appended to a file, after a line with the command itself.

    Where the system can (Linux), the program gets SIGTERM when the thread that starts it ends, so also after kill -9.

    Args:
        command: words.
        log: the file.
        environment: of the program; this one's if not given.
        own_session: so that it can be stopped with all that it starts; Ctrl-C in the terminal does not reach it then.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=own_session,
            preexec_fn=_ask_for_sigterm if _PRCTL else None,
        )


class Programs:
    """Programs that threads of a command wait for. Leaving the context by an exception, as Ctrl-C is, stops them.

    Args:
        variables: added to their environment.
    """

    def __init__(self, variables: Mapping[str, str] | None = None):
        self._environment = {**os.environ, **(variables or {})}
        self._running: list[subprocess.Popen[bytes]] = []
        self._is_stopped = False

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_stopped = error is not None
        if self._is_stopped:
            for process in self._running:
                process.send_signal(signal.SIGTERM)

    def call(self, command: Sequence[str], log: Path) -> int:
        """Run a command to its end and give its exit code; after a stop nothing starts."""
        if self._is_stopped:
            return STOPPED
        process = start(command, log, environment=self._environment, own_session=True)
        self._running.append(process)
        return process.wait()


def kill_session(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL for a program started with `own_session`, and for all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS gives the latter when only a zombie is left
        return


def stop_leftovers(name: str, value: str, *, grace_s: float) -> int:
    """Stop processes of an earlier, killed parent, told by a variable of their environment; gives how many.

    SIGTERM first, so that they can save; SIGKILL for what still runs after `grace_s`. Linux only: others have no /proc.

    Args:
        name: of the variable.
        value: unique to that parent's programs.
        grace_s: seconds.
    """
    found = _with_variable(name, value)
    for pid in found:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while _with_variable(name, value) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for pid in _with_variable(name, value):
        _signal(pid, signal.SIGKILL)
    return len(found)


def last_lines(log: Path, *, num_lines: int = 3, max_characters: int = 400) -> str:
    """The end of a log, for a message."""
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return " / ".join([line for line in lines if line and not line.startswith("$ ")][-num_lines:])[-max_characters:]


def _with_variable(name: str, value: str) -> list[int]:
    wanted, found = f"{name}={value}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # another user's, or gone
            continue
    return [pid for pid in found if pid != os.getpid()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _find_prctl() -> "ctypes._NamedFuncPointer | None":
    """Looked up here: between fork and exec nothing may be imported."""
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else None


_PRCTL = _find_prctl()


def _ask_for_sigterm() -> None:
    assert _PRCTL is not None
    _PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)
