"""Names of files in the one form they are compared in: macOS takes letters and their marks apart, others do not."""

import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath

from emolightning.errors import UserError


def composed(name: str) -> str:
    r"""The name with each letter and its marks as one character (NFC).

    >>> composed("Jose\u0301") == "Jos\u00e9"
    True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


class NamesOnDisk:
    """Finds files by composed names; each folder is listed once, and only where a name is not ASCII."""

    def __init__(self) -> None:
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, root: Path, relative: str) -> Path:
        """The file below `root` as it is written on the disk; of one that is not there the path as it is asked for.

        Raises:
            UserError: two names differ only in how their letters are composed.
        """
        if relative.isascii():
            return root / relative
        for part in PurePosixPath(relative).parts:
            names = self._listing(root).get(composed(part), [part])
            require_one(root, names)
            root /= names[0]
        return root

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listings:
            self._listings[folder] = defaultdict(list)
            for entry in folder.iterdir() if folder.is_dir() else ():
                self._listings[folder][composed(entry.name)].append(entry.name)
        return self._listings[folder]


def require_one(folder: Path, names: list[str]) -> None:
    """Refuse names that are the same to a reader.

    Raises:
        UserError: there are several.
    """
    if len(names) > 1:
        raise UserError(
            f"{folder} holds {len(names)} files or folders called {composed(names[0])!r}, whose letters are composed "
            "in different ways (as macOS and as other systems write them); remove or rename all but one"
        )
