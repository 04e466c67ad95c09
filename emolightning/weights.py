"""Trained weights of a run: where they are, and into a learner with them."""

from pathlib import Path
from pickle import UnpicklingError

from emolightning.errors import UserError
from emolightning.model.adapter import DESCRIPTION, load_adapter
from emolightning.training.checkpoint_io import AtomicCheckpointIO
from emolightning.training.learner import EmotionLearner
from emolightning.training.run_folder import BEST, LAST, RunFolder


def find_weights(setting: str, path: Path) -> Path:
    """The checkpoint file or adapter folder that `path` means; of a run folder its best checkpoint, else its last.

    Args:
        setting: the name of the setting that holds the path, for messages.
        path: a checkpoint file, an adapter folder or a run folder.

    Raises:
        UserError: nothing of the kind is there.
    """
    if path.is_file() or (path / DESCRIPTION).exists():
        return path
    folder = RunFolder(path).checkpoints
    for name in (BEST, LAST):
        if (folder / name).exists():
            return folder / name
    raise UserError(
        f"{setting}={path}: no checkpoint file, no adapter folder, and no run folder with checkpoints/{BEST} or {LAST}"
    )


def load_weights(learner: EmotionLearner, path: Path) -> None:
    """Put trained weights into the learner's model.

    Raises:
        UserError: they are unreadable, belong to another base, or do not fit.
    """
    if path.is_dir():
        load_adapter(learner.model, path)
        return
    try:
        checkpoint = AtomicCheckpointIO().load_checkpoint(path)
        learner.on_load_checkpoint(checkpoint)
    except (ValueError, KeyError, RuntimeError, EOFError, UnpicklingError) as error:
        raise UserError(f"{path}: not a checkpoint that fits this model: {error}") from error
