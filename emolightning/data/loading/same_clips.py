"""All ranks read the same clips: one that skips others would train on, and answer, something else."""

from collections.abc import Sequence
from typing import Any

from torch import distributed

from emolightning.errors import EndOfRun


def require_same_clips(trainer: Any, annotations: str, skipped: Sequence[str]) -> None:
    """Compare what the ranks have read; nothing to do for one process.

    Args:
        trainer: Lightning's, or None outside of a run.
        annotations: hash of the clips that this rank goes on with.
        skipped: those that it does without.

    Raises:
        EndOfRun: on all ranks, where they differ.
    """
    if trainer is None or trainer.world_size < 2 or not distributed.is_initialized():
        return
    found: list[Any] = [None] * trainer.world_size
    distributed.all_gather_object(found, (annotations, tuple(skipped)))
    others = [rank for rank, each in enumerate(found) if each != found[0]]
    if not others:
        return
    different = sorted(set(found[0][1]) ^ set(found[others[0]][1]))
    which = f"one of them skips {', '.join(different[:3])}" if different else "their annotations differ"
    raise EndOfRun(
        f"ranks 0 and {others[0]} have read other clips ({which}); all ranks need the same files: a file was added or "
        "damaged while they were read, or a disk is not the same on all machines; start the run again"
    )
