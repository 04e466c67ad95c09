"""Lists of clips without a header, as papers on faces share their folds: `path label` or `path frames label`."""

from dataclasses import dataclass
from pathlib import Path

from emolightning.data.readers.tables import read_text


@dataclass(frozen=True)
class ListedClip:
    """One line."""

    path: str
    """As it is written, of whatever machine."""
    label: str
    where: str
    """`line 7`."""
    has_frames: bool
    """Whether the line has a number of frames, too."""


def read_list(path: Path, problems: list[str]) -> list[ListedClip]:
    """The lines of a file; what is wrong with others is added to `problems`.

    Raises:
        UserError: no such file, or it cannot be decoded.
    """
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields = line.split()
        if len(fields) in (2, 3):
            found.append(ListedClip(fields[0], fields[-1], f"line {number}", len(fields) == 3))
        else:
            problems.append(f"line {number}: {line!r} is not `path label` or `path frames label`")
    return found
