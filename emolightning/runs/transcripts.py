"""The table of what recognisers heard: written whole, and never over somebody's corrections."""

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

from emolightning.errors import UserError
from emolightning.files.writing import flush, writing, written_whole

HEADER = ("video_name", "transcription")


def require_own_table(path: Path) -> None:
    """Refuse a table with content that `write_table` did not write.

    Raises:
        UserError: somebody corrected it, or something else wrote it.
    """
    if path.exists() and _digest(path.read_bytes()) not in _notes(path):
        raise UserError(
            f"{path}: is not as `extract` wrote it, so somebody's corrections may be in it, and it is not replaced; "
            f"rename it (mv {path} {path.with_stem(f'{path.stem}-corrected')}), or say out=FOLDER for another place"
        )


def write_table(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write clip ids and what is said in them; several processes may, each a table of its own.

    Raises:
        UserError: see `require_own_table`.
        CannotWrite: the previous table is still there.
    """
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *rows])
    content = text.getvalue().encode()
    if path.exists() and path.read_bytes() == content:
        return
    require_own_table(path)
    # Noted first: whoever is killed between the two leaves a table that is known.
    notes = _place_of_notes(path)
    with writing(notes):
        path.parent.mkdir(parents=True, exist_ok=True)
        with notes.open("a", encoding="ascii") as file:
            file.write(f"{_digest(content)}\n")
        flush(notes)
    with written_whole(path, is_shared=True) as temporary:
        temporary.write_bytes(content)


def _place_of_notes(path: Path) -> Path:
    """A hidden file that has the checksum of each table that was written."""
    return path.with_name(f".{path.name}.sha256")


def _notes(path: Path) -> set[str]:
    notes = _place_of_notes(path)
    return set(notes.read_text(encoding="ascii", errors="replace").split()) if notes.is_file() else set()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
