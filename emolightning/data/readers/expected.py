"""The files and folders that a dataset needs, by their official names or as the user says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emolightning.errors import UserError


@dataclass(frozen=True)
class Expected:
    """One file or folder."""

    what: str
    """E.g. `labels of test`."""
    setting: str
    """What names it, e.g. `data.truth`; beside it is the root of all."""
    candidates: tuple[Path, ...]
    """The first of them that exists is taken."""
    is_folder: bool = False

    @property
    def found(self) -> Path | None:
        """The file or folder, if there is one."""
        exists = Path.is_dir if self.is_folder else Path.is_file
        return next((path for path in self.candidates if exists(path)), None)

    def require(self) -> Path:
        """The file or folder.

        Raises:
            UserError: none of the candidates is there.
        """
        found = self.found
        if found is None:
            kind = "folder" if self.is_folder else "file"
            looked = " or ".join(str(path) for path in self.candidates)
            root = f"{self.setting.rpartition('.')[0]}.root"
            other = "" if self.setting == root else f", or {self.setting} to the name of the {self.what}"
            raise UserError(
                f"{looked}: no such {kind}; set {root} to the folder that holds the benchmark's files{other}"
            )
        return found


def expect(
    root: Path, what: str, setting: str, *, given: str | None, official: Sequence[str], is_folder: bool = False
) -> Expected:
    """`given` below `root` if the user names it, else the official names."""
    names = (given,) if given is not None else tuple(official)
    return Expected(what, setting, tuple(root / name for name in names), is_folder)
