"""Folders and files that appear whole or not at all: made in a hidden place, renamed when everything is there."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from emolightning.errors import UserError

STAGE, LOCK = ".unfinished", ".unfinished.lock"


@contextmanager
def staged(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """A hidden folder inside `out` to make `names` in; at the end they are moved into `out`, the last name last.

    An exception or Ctrl-C takes everything away again. After a kill the hidden folder stays and the next call empties
    it. What is there under the same names is replaced; the last name is taken away first, so that whoever finds it may
    trust the others.

    Args:
        out: is made where it is not there.
        names: of files or folders.

    Raises:
        UserError: another process is writing there, or the disk is full.
    """
    existed = out.exists()
    lock = FileLock(out / LOCK, timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(f"out={out}: another process is writing there; wait for it or give another folder") from None
    except OSError as error:
        raise UserError(f"out={out}: cannot be written to ({error}); give another folder") from error
    stage = out / STAGE
    try:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        yield stage
        _move(stage, out, names)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(f"out={out}: no space left on the disk; nothing was kept") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        lock.release()
        (out / LOCK).unlink(missing_ok=True)
        if not existed and not any(out.iterdir()):
            out.rmdir()


def _move(stage: Path, out: Path, names: Sequence[str]) -> None:
    replaced = stage / "replaced"
    replaced.mkdir()
    for name in [names[-1], *names[:-1]]:
        if (out / name).exists():
            os.replace(out / name, replaced / name)
    for name in names:
        os.replace(stage / name, out / name)
    descriptor = os.open(out, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # The renames themselves must reach the disk as well.
    finally:
        os.close(descriptor)
