"""The run folder: what it is called, what becomes of one that is already there, where a run continues."""

import logging
from dataclasses import dataclass
from pathlib import Path

from emolightning.errors import UserError

log = logging.getLogger(__name__)

LAST = "last.ckpt"
BEST = "best.ckpt"


@dataclass(frozen=True)
class RunFolder:
    """Paths of what a run leaves behind (README, "What is in the run folder")."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def lineage(self) -> Path:
        """Where the run comes from."""
        return self.path / "lineage.json"

    @property
    def checkpoints(self) -> Path:
        """`best.ckpt` and `last.ckpt`."""
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        """What one shares."""
        return self.path / "adapter"


def open_run_folder(path: Path, resume: str | None, *, is_first_rank: bool = True) -> tuple[RunFolder, Path | None]:
    """The folder of a run, and the checkpoint it continues from.

    A folder that holds an earlier run is never written over: with `resume` None it is renamed to `<name>.previous-<n>`.

    Args:
        path: `output_dir`.
        resume: None for a new run, `auto` to continue where `checkpoints/last.ckpt` stopped, or a checkpoint file.
        is_first_rank: only the first process moves folders.

    Raises:
        UserError: the checkpoint to resume from does not exist.
    """
    folder = RunFolder(path)
    if resume == "auto":
        last = folder.checkpoints / LAST
        if last.exists():
            return folder, last
    elif resume is not None:
        if not Path(resume).is_file():
            raise UserError(f"resume={resume}: no such checkpoint; give a file like <run>/checkpoints/{LAST}, or auto")
        if Path(resume).resolve().is_relative_to(path.resolve()):
            return folder, Path(resume)
    if is_first_rank:
        _set_aside(path)
        path.mkdir(parents=True, exist_ok=True)
    return folder, Path(resume) if resume not in (None, "auto") else None


def _set_aside(path: Path) -> None:
    """Rename an earlier run's folder."""
    if not (path / "config.yaml").exists():
        return
    number = 1
    while (aside := path.with_name(f"{path.name}.previous-{number}")).exists():
        number += 1
    path.rename(aside)
    log.warning("%s held an earlier run; it is now %s (resume=auto would have continued it)", path, aside)
