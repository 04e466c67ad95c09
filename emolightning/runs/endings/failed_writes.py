"""When a result cannot be written: an end with words that say which file, why, and how far the run is."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emolightning.files.writing import CannotWrite
from emolightning.runs.ranks import kill_started_ranks
from emolightning.training.run_folder import RunFolder

REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO)
"""What a system says of a place and not of a mistake in a program."""


@contextmanager
def explained_failed_writes(folder: Path, trainer: Any, *, trains: bool = True) -> Iterator[None]:
    """Say what is left and what to do; processes that this one started are ended.

    Args:
        folder: `output_dir`.
        trainer: Lightning's.
        trains: False for an evaluation.

    Raises:
        CannotWrite: a file below the folder could not be written.
    """
    try:
        yield
    except Exception as error:
        failed = failed_write(error, folder)
        if failed is None:
            raise
        kill_started_ranks(trainer)  # They would say at length that this one is gone.
        raise CannotWrite(failed.path, f"{failed.reason}; {_what_is_left(folder, trains=trains)}") from error


def failed_write(error: Exception, folder: Path) -> CannotWrite | None:
    """The refusal that caused an exception; None where it is another, or concerns another folder."""
    if isinstance(error, CannotWrite):
        return error
    if not isinstance(error, OSError) or error.errno not in REFUSED or not isinstance(error.filename, str):
        return None
    path = Path(error.filename)
    return CannotWrite(path, os.strerror(error.errno)) if path.resolve().is_relative_to(folder.resolve()) else None


def _what_is_left(folder: Path, *, trains: bool) -> str:
    if not trains:
        return "answers so far are kept. Make room there, and the same command goes on"
    return f"{RunFolder(folder).last_good()}. Make room there, and the same command with resume=auto goes on"
