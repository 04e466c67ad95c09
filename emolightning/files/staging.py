"""Folders and files that appear whole or not at all: made in a hidden place, renamed when everything is there."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from emolightning.errors import UserError
from emolightning.files.writing import CannotWrite, flush

STAGE, LOCK = ".unfinished", ".unfinished.lock"

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A place that has no room."""


@contextmanager
def staged(out: Path, *, last: str, label: str) -> Iterator[Path]:
    """A hidden folder inside `out` to make things in; at the end they are moved into `out`, `last` last.

    An exception or Ctrl-C takes everything away again. After a kill the hidden folder stays and the next call empties
    it. What is there under the same names is replaced; `last` is taken away first, so that whoever finds it may trust
    the others.

    Args:
        out: is made where it is not there.
        last: the file or folder whose presence says that all others are there.
        label: names `out` in messages, e.g. `out=FOLDER`.

    Raises:
        UserError: another process is writing there, or the disk is full.
    """
    stage = out / STAGE
    with alone_in(out, label=label):
        try:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
            yield stage
            _move(stage, out, last)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise CannotWrite(label, f"{os.strerror(error.errno)}; nothing was kept") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def alone_in(out: Path, *, label: str) -> Iterator[None]:
    """The only process that writes into a folder; it is made where it is not there, and removed if it stays empty.

    Args:
        out: the folder.
        label: names it in messages.

    Raises:
        UserError: another process is writing there, or the folder cannot be written to.
    """
    existed = out.exists()
    lock = FileLock(out / LOCK, timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(f"{label}: another process is writing there; wait for it or give another folder") from None
    except OSError as error:
        raise UserError(f"{label}: cannot be written to ({error}); give another folder") from error
    try:
        yield
    finally:
        lock.release()
        (out / LOCK).unlink(missing_ok=True)
        if not existed and not any(out.iterdir()):
            out.rmdir()


def _move(stage: Path, out: Path, last: str) -> None:
    for path in stage.rglob("*"):
        flush(path)
    names = sorted(path.name for path in stage.iterdir() if path.name != last)
    replaced = stage / "replaced"
    replaced.mkdir()
    for name in (last, *names):
        if (out / name).exists():
            os.replace(out / name, replaced / name)
    for name in (*names, last):
        os.replace(stage / name, out / name)
    flush(out)  # The renames themselves must reach the disk as well.
