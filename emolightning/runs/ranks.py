"""The processes of a run: how they were started, as far as it can go wrong in silence, and how they are ended."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import distributed

from emolightning.errors import EndOfRun, UserError
from emolightning.training.lightning_internals import started_ranks, unwatch_started_ranks
from emolightning.training.stopping.told_to_stop import AgreedToStop

INTERACTIVE = ("bash", "interactive")
"""Names of SLURM jobs in which Lightning starts its own processes."""

GRACE_S = 5.0
"""How long the other processes of a run may take to end by themselves."""


def require_srun(devices: object, num_nodes: int = 1) -> None:
    """Refuse one process that would wait for others which nobody starts: `python train.py` in a SLURM allocation.

    And fewer or more tasks than processes are asked for: Lightning takes SLURM's number without a word.

    SLURM sets the number of tasks for the whole allocation, the place of a task only where srun starts it.

    Args:
        devices: `trainer.devices`.
        num_nodes: `trainer.num_nodes`.

    Raises:
        UserError: says how to start it.
    """
    tasks = os.environ.get("SLURM_NTASKS", "")
    if not tasks or "TORCHELASTIC_RUN_ID" in os.environ or os.environ.get("SLURM_JOB_NAME") in INTERACTIVE:
        return
    if tasks != "1" and "SLURM_STEP_ID" not in os.environ:
        raise UserError(
            f"SLURM has {tasks} tasks for this job, but srun did not start this process: it would wait for the others. "
            f"Say `srun python train.py ...`; or let Lightning start trainer.devices={devices} processes on this "
            "machine: SLURM_JOB_NAME=interactive python train.py ..."
        )
    if isinstance(devices, int) and devices > 0 and devices * num_nodes != int(tasks):
        raise UserError(
            f"SLURM has {tasks} task(s) for this job, trainer.devices={devices} on trainer.num_nodes={num_nodes} ask "
            f"for {devices * num_nodes}: give the job one task for each (--ntasks-per-node={devices}); or let "
            "Lightning start them on this machine: SLURM_JOB_NAME=interactive python train.py ..."
        )


def require_hardware(accelerator: object, devices: object, num_nodes: int = 1, *, chosen: str = "") -> None:
    """Refuse GPUs that are not there, and processes on a CPU that nobody asked for, before anything is read.

    Args:
        accelerator: `trainer.accelerator`.
        devices: `trainer.devices`.
        num_nodes: `trainer.num_nodes`.
        chosen: the option of the group `trainer`, if it is known.

    Raises:
        UserError: says what to write instead.
    """
    if accelerator not in ("auto", "gpu", "cuda"):
        return
    number, said = torch.cuda.device_count(), f"trainer={chosen}: " if chosen else ""
    count = int(str(devices)) if str(devices).isdecimal() else 1
    if number and count > number:
        raise UserError(f"{said}trainer.devices={devices}: {number} GPU(s) are visible here; say at most {number}")
    if number or (accelerator != "cuda" and torch.backends.mps.is_available()):
        return
    if accelerator != "auto":
        setting, here = f"trainer.accelerator={accelerator}", f"no GPU is visible here ({_why_no_gpu()})"
        if chosen == "cpu":  # Somebody has changed what it says.
            raise UserError(f"{setting}: {here}; leave that setting out, so that trainer=cpu stays on the CPU")
        raise UserError(
            f"{said}{setting}: {here}; say trainer=cpu, or trainer.accelerator=cpu for several processes on a CPU"
        )
    if count * num_nodes > 1:
        raise UserError(
            f"{said}trainer.devices={devices}: no GPU is visible here ({_why_no_gpu()}), and trainer.accelerator=auto "
            f"would start {count * num_nodes} processes on the CPU in their place; if that is meant, say "
            "trainer.accelerator=cpu"
        )


def _why_no_gpu() -> str:
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return f"torch {torch.__version__} is built without CUDA"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f"CUDA_VISIBLE_DEVICES={hidden}" if hidden is not None else "torch.cuda.device_count() is 0"


def own_rank() -> int:
    """The rank that torchrun or SLURM gave this process; those that Lightning starts learn theirs later."""
    return getattr(rank_zero_only, "rank", None) or 0


def are_others_started(trainer: Any) -> bool:
    """Whether the other processes of a run are there already, as those of torchrun and SLURM are from the start.

    Args:
        trainer: Lightning's.
    """
    environment = getattr(trainer.strategy, "cluster_environment", None)
    return trainer.world_size > 1 and environment is not None and environment.creates_processes_externally


def kill_started_ranks(trainer: Any) -> None:
    """End the processes that this one started at once: they wait for it in a collective operation, over NCCL for long.

    Args:
        trainer: Lightning's; None before there is one.
    """
    for process in started_ranks(trainer) if trainer is not None else ():
        process.kill()


@contextmanager
def left_together(trainer: Any) -> Iterator[None]:
    """Take the ranks apart when all of them end for the same reason, at the end of the work or before it.

    When they are told to end, the others leave when the first one has finished what it writes: torchrun and srun end a
    job's other processes as soon as one has left with an exit code. An end of another kind may have come over one rank
    alone, and then whatever the ranks do together would wait for ever.

    Args:
        trainer: Lightning's.
    """
    try:
        yield
    except (AgreedToStop, EndOfRun):
        if trainer.world_size > 1 and distributed.is_initialized():
            with suppress(RuntimeError):  # The first one is gone.
                distributed.barrier()
        _destroy_process_groups()
        raise
    _destroy_process_groups()


def _destroy_process_groups() -> None:
    """End the threads by which torch's ranks talk: one that is alive when Python ends may abort the process (SIGABRT).

    Lightning does so for NCCL alone. https://github.com/pytorch/pytorch/issues/190489
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def ended_with_this(trainer: Any) -> Iterator[None]:
    """When the block does not end well, neither do the processes that this one started: they would wait for it.

    Args:
        trainer: Lightning's, whose launcher may have started some.
    """
    try:
        yield
    except BaseException as error:
        unwatch_started_ranks(trainer)
        processes = started_ranks(trainer)
        for process in processes if isinstance(error, SystemExit) else ():
            process.terminate()  # This one was told to stop, and they perhaps were not.
        for process in processes:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        raise
