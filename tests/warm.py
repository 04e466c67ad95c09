"""Programs from a process that has imported torch and the rest already: a start costs 0.1 s instead of 5 to 10.

`WarmStarts` is the side of who asks: the tests, and a program that starts ranks, trials or runs of its own.
`warm_server.py` is the process that forks a child for each program. The child is the program: its own session, folder,
environment, arguments and output, and the exit code that Python would give.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

READ_AT_IMPORT = ("PYTHON", "HF_", "TORCH_", "TRANSFORMERS", "CUDA", "LD_")
"""Beginnings of variables that libraries read when they are imported: such a program starts cold."""

KNOWN = ("PYTHONPATH", "TORCH_NCCL_ASYNC_ERROR_HANDLING")
"""Variables of such names that the forked program heeds: `warm_server.become`, and torch when NCCL starts."""

MODULES = ("emolightning", "emolightning.__main__", "torch.distributed.run")

SCRIPTS = ("train.py", "eval.py", "train_then_evaluate.py", "kill_places.py")

NUMBER = "{:8}"
"""A pid or an exit code, of one length, so that two in a row are told apart."""

ROOM = {"ROOM_FOR_VARIABLES": " " * (1 << 16)}
"""The forked program's variables are written over this one, where /proc shows them to others."""


def can_start_warm(words: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Whether a program is one of this checkout's, or torchrun, in an ordinary environment.

    Args:
        words: behind `python`.
        variables: those that differ from what the forking process was started with.
    """
    words = without_options(words)
    is_ours = words[1] in MODULES if words[0] == "-m" else Path(words[0]).name in SCRIPTS
    cold = [name for name in variables if name.startswith(READ_AT_IMPORT) and name not in KNOWN]
    return is_ours and hasattr(os, "fork") and not cold


def without_options(words: Sequence[str]) -> Sequence[str]:
    """Words behind `python` without the `-u` with which torchrun starts its ranks."""
    return words[1:] if words[:1] == ["-u"] else words


class WarmStarts:
    """Asks the process that forks.

    Args:
        connection: to it.
        close: ends it.
    """

    def __init__(self, connection: socket.socket, close: Callable[[], object]):
        self._connection = connection
        self._lock = threading.Lock()
        self.close = close

    @classmethod
    def begin(cls, environment: Mapping[str, str], log: Path, *modules: str) -> "WarmStarts":
        """Start the process that forks.

        Args:
            environment: its variables.
            log: file for what it prints itself.
            modules: what it imports; none is what most programs import.
        """
        ours, theirs = socket.socketpair()
        with log.open("wb") as output, theirs:
            process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("warm_server.py"), str(theirs.fileno()), *modules],
                env={**environment, **ROOM},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def close() -> None:
            ours.close()
            process.wait(30)

        return cls(ours, close)

    def start(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        files: Sequence[int],
        own_session: bool = True,
        first: str = "",
    ) -> "WarmProcess":
        """Fork a program.

        Args:
            words: behind `python`.
            cwd: its folder.
            environment: all its variables.
            files: its input, output and errors.
            own_session: else it is in that of the process that forks.
            first: module and name of a function that is called at once.
        """
        ours, theirs = socket.socketpair()
        request = {"words": list(words), "cwd": str(cwd), "environment": dict(environment)}
        request |= {"own_session": own_session, "first": first}
        with self._lock, theirs:
            socket.send_fds(self._connection, [json.dumps(request).encode()], [theirs.fileno(), *files])
        return WarmProcess(words, ours)


class WarmProcess:
    """A forked program, with the part of `subprocess.Popen` that is used of it."""

    stdin = stdout = stderr = None

    def __init__(self, args: Sequence[str], connection: socket.socket):
        self.args = list(args)
        self.returncode: int | None = None
        self._connection = connection
        self.pid = int(self._line(timeout_s=120) or 0)
        assert self.pid, "the process that forks programs has died: see its log"

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            line = self._line(timeout_s=0)
            self.returncode = int(line) if line else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            line = self._line(timeout_s=timeout)
            if not line:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(line)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """To the program alone."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _line(self, *, timeout_s: float | None) -> str:
        self._connection.settimeout(timeout_s)
        try:
            found = self._connection.recv(len(NUMBER.format(0))).decode()
        except (BlockingIOError, TimeoutError):
            return ""
        return found or "-9"  # The forking process is gone, and its children with it.


def start_own_programs_warm(starts: WarmStarts, inherited: Mapping[str, str]) -> None:
    """Let `subprocess.Popen` in this process fork what could start warm: ranks, trials, a run for each seed.

    Args:
        starts: a process that forks.
        inherited: the variables with which it has imported.
    """

    def new(kind: type, args: Any = (), *more: Any, **options: Any) -> Any:
        words = args if isinstance(args, str | bytes | os.PathLike) else list(map(os.fspath, args))
        given = {**DEFAULTS, **options}
        first, files = given["preexec_fn"], _files(given)
        is_simple = not more and set(options) <= {*DEFAULTS} and (first is None or hasattr(first, "__qualname__"))
        if not is_simple or not isinstance(words, list) or words[:1] != [sys.executable] or files is None:
            return object.__new__(kind)
        environment = dict(os.environ if given["env"] is None else given["env"])
        differing = {name: value for name, value in environment.items() if inherited.get(name) != value}
        if not can_start_warm(words[1:], differing):
            return object.__new__(kind)
        return starts.start(
            words[1:],
            cwd=Path(given["cwd"] or os.getcwd()),
            environment=environment,
            files=files,
            own_session=given["start_new_session"],
            first=f"{first.__module__} {first.__qualname__}" if first else "",
        )

    subprocess.Popen.__new__ = staticmethod(new)  # type: ignore[assignment]


DEFAULTS: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr", "env", "cwd", "preexec_fn"))
DEFAULTS["start_new_session"] = False
"""What may be said to `subprocess.Popen` of a program that starts warm."""


def _files(options: Mapping[str, Any]) -> list[int] | None:
    """Descriptors of input, output and errors; None where there is a pipe."""
    found: list[int] = []
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        file = options[name]
        if file == subprocess.PIPE:
            return None
        if file == subprocess.DEVNULL:
            found.append(_nowhere())
        elif file == subprocess.STDOUT:
            found.append(found[1])
        else:
            found.append(number if file is None else file if isinstance(file, int) else file.fileno())
    return found


def _nowhere() -> int:
    if not _NOWHERE:
        _NOWHERE.append(os.open(os.devnull, os.O_RDWR))
    return _NOWHERE[0]


_NOWHERE: list[int] = []
