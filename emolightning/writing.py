"""Files that cannot be written: which one, and why in the system's words, instead of a traceback."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emolightning.errors import UserError

RUST_ERROR = re.compile(r"\(os error (\d+)\)")
"""How safetensors says it, in an exception of its own."""


class CannotWrite(UserError):
    """A file that the system refuses to write: no space, no permission, no folder.

    Args:
        path: the file, or a setting and its folder.
        reason: the system's words.
    """

    def __init__(self, path: Path | str, reason: str):
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: cannot be written: {reason}")


@contextmanager
def writing(path: Path | str, *, temporary: Path | None = None) -> Iterator[None]:
    """Name the file that the block writes when the system refuses.

    Args:
        path: for the message.
        temporary: written first and renamed by the block; what is left of it is removed.

    Raises:
        CannotWrite: instead of the OSError, or of what torch and safetensors make of one.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = system_words(error)
        if reason is None:
            raise
        raise CannotWrite(path, reason) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def system_words(error: BaseException | None) -> str | None:
    """What the operating system said behind an exception; None where it said nothing."""
    while error is not None:
        if isinstance(error, OSError):  # NumPy's has no number, only how much was written.
            return str(error) if error.errno is None else os.strerror(error.errno)
        if found := RUST_ERROR.search(str(error)):
            return os.strerror(int(found[1]))
        error = error.__cause__ or error.__context__  # torch.save: a RuntimeError while it handles the OSError.
    return None


def require_writable(folder: Path, setting: str) -> None:
    """Refuse a folder in which nothing can be written, before anything is computed for it. It is not made yet.

    Args:
        folder: of the results, or what will be one.
        setting: its name, for the message.

    Raises:
        CannotWrite: names setting and folder.
    """
    with writing(f"{setting}={folder}"):
        place = folder.absolute()
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(bytes(4096))
