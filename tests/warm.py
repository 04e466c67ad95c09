"""Programs from a process that has imported torch and the rest already: a start costs 0.1 s instead of 5 to 7.

`WarmStarts` is the tests' side; `python tests/warm.py` is the process that forks a child for each program. The child is
the program: its own session, folder, environment, arguments and output, and the exit code that Python would give.
"""

import atexit
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

IMPORTED = (
    "emolightning.commands.cli",
    "emolightning.runs.train",
    "emolightning.runs.evaluate",
    "peft.tuners.lora",
    "transformers.models.llama.modeling_llama",
    "transformers.models.blip_2.modeling_blip_2",
    "torch._dynamo",
    "torchmetrics.classification",
    "av",
    "wandb",
    "rich.progress",
    "rich.traceback",
    "jinja2",
)
"""What most programs import. None of it starts a thread or reads what tests set in the environment."""

READ_AT_IMPORT = ("PYTHON", "OMP_", "HF_", "TORCH", "TRANSFORMERS", "CUDA", "SLURM", "DS_", "RANK", "MASTER", "LD_")
"""Beginnings of variables that libraries read when they are imported: such a program starts cold."""

POLL_S = 0.01

NUMBER = "{:8}"
"""A pid or an exit code, of one length, so that two in a row are told apart."""


def can_start_warm(words: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Whether a program is one of this checkout's, a script or `-m emolightning`, in an ordinary environment."""
    is_ours = words[:2] == ["-m", "emolightning"] or words[0].endswith(("/train.py", "/eval.py"))
    return is_ours and hasattr(os, "fork") and not any(name.startswith(READ_AT_IMPORT) for name in variables)


class WarmStarts:
    """The process that forks, started with the first program and ended with the tests.

    Args:
        environment: its variables.
        log: file for what it prints itself.
    """

    def __init__(self, environment: Mapping[str, str], log: Path):
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._lock = threading.Lock()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=dict(environment),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        theirs.close()

    def start(self, words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path) -> "WarmProcess":
        """Fork a program; its output goes to a file."""
        ours, theirs = socket.socketpair()
        request = {"words": list(words), "cwd": str(cwd), "environment": dict(environment), "log": str(log)}
        with self._lock, theirs:
            socket.send_fds(self._socket, [json.dumps(request).encode()], [theirs.fileno()])
        return WarmProcess(words, ours)

    def close(self) -> None:
        """End it; programs that still run have been killed by whoever started them."""
        self._socket.close()
        self._process.wait(30)


class WarmProcess:
    """A forked program, with the part of `subprocess.Popen` that tests use."""

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

    def _line(self, *, timeout_s: float | None) -> str:
        self._connection.settimeout(timeout_s)
        try:
            found = self._connection.recv(len(NUMBER.format(0))).decode()
        except (BlockingIOError, TimeoutError):
            return ""
        return found or "-9"  # The forking process is gone, and its children with it.


def serve(connection: socket.socket) -> None:
    """Fork a program for each request, and tell its exit code, until the tests are over."""
    for name in IMPORTED:
        __import__(name)
    running: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ)
    while True:
        if selector.select(POLL_S if running else None):
            data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 1)
            if not data:
                break
            answer = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                connection.close()
                for other in (answer, *running.values()):
                    other.close()
                become(json.loads(data))
            running[pid] = answer
            answer.sendall(NUMBER.format(pid).encode())
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                tell(running.pop(pid), os.waitstatus_to_exitcode(status))
    for pid in running:
        os.killpg(pid, signal.SIGKILL)


def tell(answer: socket.socket, code: int) -> None:
    """Nobody may be listening any more."""
    try:
        answer.sendall(NUMBER.format(code).encode())
    except OSError:
        return
    finally:
        answer.close()


def become(request: Mapping[str, Any]) -> None:
    """Turn this child into the program; does not return."""
    os.setsid()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.detach()  # Temporary folders that an import made are the parent's, and shared with other programs.
    sys.modules["wandb.sdk.data_types._private"].MEDIA_TMP.name = tempfile.mkdtemp("wandb-media")
    output = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os._exit(exit_code(request["words"]))


def exit_code(words: list[str]) -> int:
    """Run a program to its end as Python would, exit handlers and output included."""
    code: Any = 0
    try:
        if words[0] == "-m":
            sys.argv[:] = words[1:]
            sys.path[0] = os.getcwd()
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv[:] = words
            sys.path[0] = str(Path(words[0]).parent)
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as error:
        code = error.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if not isinstance(code, int):
        if code is not None:
            print(code, file=sys.stderr)
        code = 0 if code is None else 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code & 0xFF


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
