"""Programs that a command starts: output in a file, told to stop when this process dies, and stopped whole."""

import ctypes
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from emolightning.config.secrets import loggable, redact
from emolightning.errors import UserError
from emolightning.training.loggers.wandb_environment import OF_AGENT

PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

POLL_S = 0.1

STOPPED = 128 + signal.SIGTERM

GROUP = "WANDB_RUN_GROUP"
"""Puts runs that belong together into one group of W&B."""

LAUNCHED = ("WORLD_SIZE", "SLURM_NTASKS")
"""Number of ranks, of torchrun and of srun."""


def ranks_variable() -> str:
    """`WORLD_SIZE=2` where a launcher started this process as one of several, else an empty string."""
    found = [f"{name}={os.environ[name]}" for name in LAUNCHED if os.environ.get(name, "1") not in ("", "1")]
    return found[0] if found else ""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """A folder in which one command at a time starts programs; it is made.

    Raises:
        UserError: another one does it now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"{folder}: another process works here; wait for it, or say output_dir=FOLDER") from None
    try:
        yield
    finally:
        lock.release()


def kept(words: Any) -> dict[str, Any]:
    """What a file keeps of overrides, or of other plain values: no secret, and a digest that tells two apart."""
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
    return {"shown": loggable(words, home_paths=True), "sha256": digest}


def start(
    command: Sequence[str], log: Path, *, variables: Mapping[str, str] | None = None, own_session: bool = False
) -> "subprocess.Popen[bytes]":
    """Start a command; its output is appended to a file, after a line with the command itself, secrets hidden.

    Where the system can (Linux), the program gets SIGTERM when the thread that starts it ends, so also after kill -9.

    Args:
        command: words.
        log: the file.
        variables: added to its environment, which is this one's without what W&B's agent says of this process.
        own_session: so that it can be stopped with all that it starts; Ctrl-C in the terminal does not reach it then.

    Raises:
        OSError: there is no such program, or no log.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OF_AGENT}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {shlex.join(redact(word) for word in command)}\n")
        output.flush()
        return subprocess.Popen(
            command,
            env={**environment, **(variables or {})},
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
        self._variables = variables
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._is_stopped = False

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:  # Whatever is being started is in the list then.
            self._is_stopped = error is not None
            for process in self._running if self._is_stopped else ():
                process.send_signal(signal.SIGTERM)

    def call(self, command: Sequence[str], log: Path) -> int:
        """Run a command to its end and give its exit code; after a stop nothing starts."""
        with self._lock:
            if self._is_stopped:
                return STOPPED
            process = start(command, log, variables=self._variables, own_session=True)
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
    """The end of a log, for a message, without secrets: those that a cut would part from their names too."""
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    kept = [line for line in lines if line and not line.startswith("$ ")][-num_lines:]
    return redact(" / ".join(kept))[-max_characters:]


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
