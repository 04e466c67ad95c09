"""How the processes that read clips behave: what ends them is their parent, not the terminal or a scheduler."""

import multiprocessing
import os
import signal
import threading


def end_with_parent() -> None:
    """Called first in a worker: Ctrl-C is left to the parent, and when that is gone, so is this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # It reaches the whole process group.
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def obey_parent_alone(*_: object) -> None:
    """The same for a worker that is needed until a run has saved: SIGTERM is obeyed only if the parent sends it."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # Not on macOS, where SIGTERM ends a worker whoever sends it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # Before any thread, which would not block it.
        threading.Thread(target=_wait_for_order, daemon=True).start()
    end_with_parent()


def _wait_for_parent() -> None:
    """A worker of a killed program would wait for its next clip for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _wait_for_order() -> None:
    """Python ends the workers that are left at its own end by SIGTERM, and waits for them."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
