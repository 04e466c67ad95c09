"""What every training run does beside learning: it saves checkpoints, and ends in order."""

from pathlib import Path

from pytorch_lightning.callbacks import Callback

from emolightning.training.checkpoints.best_checkpoint import BestCheckpoint
from emolightning.training.checkpoints.last_checkpoint import LastCheckpoint
from emolightning.training.run_folder import RunFolder
from emolightning.training.stopping.early_stopping import EarlyStopping
from emolightning.training.stopping.graceful_stop import GracefulStop


def keeping(
    output_dir: Path,
    *,
    monitor: str,
    mode: str,
    every_num_steps: int,
    every_minutes: float = 0.0,
    stopping: EarlyStopping | None = None,
) -> list[Callback]:
    """The parts of the trainer that no configuration can take out, in the order in which they act.

    Args:
        output_dir: the run folder.
        monitor: logged score that picks the best checkpoint.
        mode: `max` or `min`.
        every_num_steps: optimizer steps between two last checkpoints; 0 does not count them.
        every_minutes: minutes between two last checkpoints; 0 looks at no clock.
        stopping: ends the run early; None lets it run to its end.
    """
    folder = str(RunFolder(output_dir).checkpoints)
    last = LastCheckpoint(folder, every_num_steps=every_num_steps, every_minutes=every_minutes)
    best = BestCheckpoint(folder, monitor=monitor, mode=mode)
    return [*([stopping] if stopping else []), GracefulStop(last), best, last]
