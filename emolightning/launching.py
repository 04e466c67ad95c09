"""How the processes of a run were started, as far as it can go wrong in silence."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import distributed

from emolightning.errors import UserError
from emolightning.told_to_stop import AgreedToStop

INTERACTIVE = ("bash", "interactive")
"""Names of SLURM jobs in which Lightning starts its own processes."""

GRACE_S = 5.0
"""How long the other processes of a run may take to end by themselves."""


def require_srun(devices: object) -> None:
    """Refuse one process that would wait for others which nobody starts: `python train.py` in a SLURM allocation.

    SLURM sets the number of tasks for the whole allocation, the place of a task only where srun starts it.

    Args:
        devices: `trainer.devices`, for the message.

    Raises:
        UserError: says how to start it.
    """
    tasks = os.environ.get("SLURM_NTASKS", "1")
    is_step = "SLURM_STEP_ID" in os.environ or "TORCHELASTIC_RUN_ID" in os.environ
    if tasks in ("", "1") or is_step or os.environ.get("SLURM_JOB_NAME") in INTERACTIVE:
        return
    raise UserError(
        f"SLURM has {tasks} tasks for this job, but srun did not start this process: it would wait for the others. Say "
        f"`srun python train.py ...`; or let Lightning start trainer.devices={devices} processes on this machine: "
        "SLURM_JOB_NAME=interactive python train.py ..."
    )


def are_others_started(trainer: Any) -> bool:
    """Whether the other processes of a run are there already, as those of torchrun and SLURM are from the start.

    Args:
        trainer: Lightning's.
    """
    environment = getattr(trainer.strategy, "cluster_environment", None)
    return trainer.world_size > 1 and environment is not None and environment.creates_processes_externally


def set_num_threads(number: int) -> None:
    """Let each process compute with so many threads.

    Another number gives other roundings, and Lightning's launcher of ranks divides the cores among them instead, unless
    the environment says that somebody has decided.

    Args:
        number: `num_threads`.
    """
    torch.set_num_threads(number)
    os.environ.setdefault("OMP_NUM_THREADS", str(number))


@contextmanager
def left_together(trainer: Any) -> Iterator[None]:
    """When all ranks have agreed to stop, the others leave when the first one has finished what it writes.

    torchrun and srun end a job's other processes as soon as one has left with an exit code.

    Args:
        trainer: Lightning's.
    """
    try:
        yield
    except AgreedToStop:
        if trainer.world_size > 1 and distributed.is_initialized():
            with suppress(RuntimeError):  # The first one is gone.
                distributed.barrier()
        raise


@contextmanager
def ended_with_this(trainer: Any) -> Iterator[None]:
    """When the block does not end well, neither do the processes that this one started: they would wait for it.

    Args:
        trainer: Lightning's, whose launcher may have started some.
    """
    try:
        yield
    except BaseException as error:
        processes = getattr(trainer.strategy.launcher, "procs", ())
        for process in processes if isinstance(error, SystemExit) else ():
            process.terminate()  # This one was told to stop, and they perhaps were not.
        for process in processes:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        raise
