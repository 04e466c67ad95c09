"""`python tests/warm_server.py DESCRIPTOR [MODULE ...]` imports, then forks a child for each program; see warm.py."""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import Any

from config_cache import parse_once
from forked_pools import fork_pools
from hydra import compose, initialize_config_dir
from warm import NUMBER, WarmStarts, start_own_programs_warm, without_options

from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas

IMPORTED = (
    "emolightning.commands.cli",
    "emolightning.runs.train",
    "emolightning.runs.evaluate",
    "emolightning.runs.assembly",
    "emolightning.benchmarks.synthetic.reader",
    "emolightning.models.emotion_llama.build",
    "emolightning.scoring.classification",
    "peft.tuners.lora",
    "transformers.models.llama.modeling_llama",
    "transformers.models.blip_2.modeling_blip_2",
    "torch._dynamo",
    "torchmetrics.classification",
    "av",
    "wandb",
    "wandb.sdk.launch",
    "tabulate",
    "rich.progress",
    "rich.traceback",
    "jinja2",
    # What each rank of DeepSpeed imports. Where there is a GPU its import might begin CUDA, which no fork survives.
    *(("deepspeed", "deepspeed.runtime.zero.muon.muon_optimizer") if which("nvidia-smi") is None else ()),
)
"""What most programs import, if nothing else is said. None of it starts a thread or reads what tests set in the
environment."""

POLL_S = 0.01

INHERITED = dict(os.environ)
"""The variables with which everything is imported."""


def prepare_once() -> None:
    """Let Hydra parse most files, and import what it does with them, for all programs."""
    if mapping := sys.modules.get("transformers.conversion_mapping"):
        mapping.get_checkpoint_conversion_mapping("llama")  # Compiles a thousand patterns when it is first asked.
    parse_once()
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        check_config(compose("train"))


def serve(connection: socket.socket, *, leaves_children: bool) -> None:
    """Fork a program for each request, and tell its exit code, until whoever asks is gone.

    Args:
        connection: brings the requests.
        leaves_children: whether programs that still run then are left alone.
    """
    running: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ)
    while True:
        if selector.select(POLL_S if running else None):
            data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 4)
            if not data:
                break
            answer = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                selector.close()
                for other in (connection, answer, *running.values()):
                    other.close()
                become(json.loads(data), descriptors[1:])
            for descriptor in descriptors[1:]:
                os.close(descriptor)
            running[pid] = answer
            answer.sendall(NUMBER.format(pid).encode())
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                tell(running.pop(pid), os.waitstatus_to_exitcode(status))
    for pid in () if leaves_children else running:
        os.killpg(pid, signal.SIGKILL)


def tell(answer: socket.socket, code: int) -> None:
    """Nobody may be listening any more."""
    try:
        answer.sendall(NUMBER.format(code).encode())
    except OSError:
        return
    finally:
        answer.close()


def become(request: Mapping[str, Any], files: list[int]) -> None:
    """Turn this child into the program; does not return."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if request["own_session"]:
        os.setsid()
    if request["first"]:
        module, name = request["first"].split()
        getattr(importlib.import_module(module), name)()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.detach()  # Temporary folders that an import made are the parent's, and shared with other programs.
    if "wandb" in sys.modules:
        sys.modules["wandb.sdk.data_types._private"].MEDIA_TMP.name = tempfile.mkdtemp("wandb-media")
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in {*files} - {0, 1, 2}:
        os.close(file)
    os.environ.clear()
    show_variables(request["environment"])
    os.environ.update(request["environment"])
    heed_variables()
    os.chdir(request["cwd"])
    starts = begin_within()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    start_own_programs_warm(starts, INHERITED)
    fork_pools()
    os._exit(exit_code(request["words"]))


def show_variables(variables: Mapping[str, str]) -> None:
    """Write a program's variables where /proc shows them: ranks and trials are found by theirs."""
    if sys.platform != "linux":
        return
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[47]), int(fields[48])  # proc(5): env_start and env_end, 50th and 51st with pid and name.
    block = b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in variables.items())
    ctypes.memmove(start, block.ljust(end - start, b"\0")[: end - start], end - start)


def heed_variables() -> None:
    """What Python and Lightning make of the environment when they are started and imported."""
    if rank_zero := sys.modules.get("lightning_fabric.utilities.rank_zero"):
        rank_zero.rank_zero_only.rank = rank_zero._get_rank() or 0
    if prints := sys.modules.get("torchmetrics.utilities.prints"):
        prints.rank_zero_only.rank = int(os.environ.get("LOCAL_RANK", 0))
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder not in sys.path[1:]]
    sys.path[1:1] = folders


def begin_within() -> WarmStarts:
    """A process that forks what this program starts, in its session; it ends with the program.

    It leaves signals to the program, of which it is no child.
    """
    ours, theirs = socket.socketpair()
    between = os.fork()
    if between == 0:
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            ours.close()
            show_variables({})
            serve(theirs, leaves_children=True)
        os._exit(0)
    os.waitpid(between, 0)
    theirs.close()
    return WarmStarts(ours, ours.close)


def exit_code(words: list[str]) -> int:
    """Run a program to its end as Python would, exit handlers and output included."""
    code: Any = 0
    if words != (words := list(without_options(words))):
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
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
    for name in sys.argv[2:] or IMPORTED:
        __import__(name)
    prepare_once()
    gc.collect()
    gc.freeze()  # No program looks for garbage in what is imported.
    serve(socket.socket(fileno=int(sys.argv[1])), leaves_children=False)
