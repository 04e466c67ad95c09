"""How a run ends that does not end well: one order for training and evaluation, from the innermost to the outermost.

What a library says becomes a sentence; W&B is told; ranks that end for the same reason leave together; and the ranks
that this process has started end with it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from emolightning.config.building import LIGHTNING, explained_refusals
from emolightning.runs.endings.failed_writes import explained_failed_writes
from emolightning.runs.endings.out_of_memory import explained_out_of_memory
from emolightning.runs.estimate.load import Load
from emolightning.runs.ranks import ended_with_this, left_together
from emolightning.runs.resume import explained_resume


@contextmanager
def guarded(
    load: Load,
    trainer: Any,
    *,
    trains: bool,
    resume_from: Path | None = None,
    reported: AbstractContextManager[None] | None = None,
) -> Iterator[None]:
    """Run the block so that every end of it is orderly.

    Args:
        load: what the run asks of the machine.
        trainer: Lightning's.
        trains: False for an evaluation.
        resume_from: the checkpoint that Lightning puts back inside.
        reported: tells W&B what comes of the block.

    Raises:
        UserError: memory ran out, a file could not be written, a library refused a setting, or a checkpoint is damaged.
    """
    with (
        ended_with_this(trainer),
        left_together(trainer),
        reported or nullcontext(),
        explained_failed_writes(load.output_dir, trainer, trains=trains),
        explained_out_of_memory(load, trainer, trains=trains),
        explained_refusals("trainer", *LIGHTNING),
        explained_resume(resume_from),
    ):
        yield
