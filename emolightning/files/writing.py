"""Files that are written whole or not at all; and those that cannot be: which one, and why in the system's words."""

import errno
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object

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

    def __reduce__(self) -> tuple[type["CannotWrite"], tuple[Path | str, str]]:
        """Come whole out of another process: pickle would make it of the message alone."""
        return type(self), (self.path, self.reason)


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


@contextmanager
def written_whole(path: Path, *, durable: bool = True, is_shared: bool = False) -> Iterator[Path]:
    """A hidden place beside `path`, which takes the place of `path` in one step when the block has written it.

    A reader, an exception, a kill or a crash of the machine meets the previous file or the new one.

    Args:
        path: of the file; its folder is made.
        durable: whether the file is flushed to the disk first, and the rename after it. What can be made again at
            little cost, or is made by thousands, is flushed by its owner or not at all.
        is_shared: whether several processes may write the file at the same time; each then has a place of its own.

    Raises:
        CannotWrite: the previous file is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp" if is_shared else f".{path.name}.tmp")
    with writing(path, temporary=temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            flush(temporary)
        os.replace(temporary, path)
        if durable:
            flush(path.parent)


def write_whole(path: Path, text: str) -> None:
    """Replace a text file in one step (`written_whole`), in UTF-8.

    Raises:
        CannotWrite: the previous file is still there.
    """
    with written_whole(path) as temporary:
        temporary.write_bytes(text.encode())


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def system_words(error: BaseException | None) -> str | None:
    """What the operating system said when it raised an exception; None where it said nothing."""
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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step, so that a reader or a crash never sees half of it.

    Raises:
        CannotWrite: the previous file is still there.
    """
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def update_json(path: Path, **changes: Any) -> None:
    """Set keys of an existing JSON file."""
    write_json(path, {**read_json_object(path), **changes})
