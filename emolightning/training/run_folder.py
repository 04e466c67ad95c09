"""The run folder: what it is called, what becomes of one that is already there, where a run continues."""

import logging
from dataclasses import dataclass
from pathlib import Path

from emolightning.errors import UserError
from emolightning.files.writing import writing

log = logging.getLogger(__name__)

LAST = "last.ckpt"
BEST = "best.ckpt"


@dataclass(frozen=True)
class RunFolder:
    """Paths of what a run writes (README, "What is in the run folder")."""

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

    def last_good(self) -> str:
        """Where the run goes on from when it ends now, in words."""
        last = self.checkpoints / LAST
        return f"the last good checkpoint is {last}" if last.exists() else "no checkpoint was saved before"


def checkpoint_to_resume(path: Path, resume: str | None) -> Path | None:
    """The checkpoint that a run continues from; None for a new run.

    Args:
        path: `output_dir`.
        resume: None for a new run, `auto` to continue where `checkpoints/last.ckpt` stopped, or a checkpoint file.

    Raises:
        UserError: the file does not exist.
    """
    if resume is None:
        return None
    if resume == "auto":
        last = RunFolder(path).checkpoints / LAST
        return last if last.exists() else None
    if not Path(resume).is_file():
        raise UserError(f"resume={resume}: no such checkpoint; give a file like <run>/checkpoints/{LAST}, or auto")
    return Path(resume)


def open_run_folder(path: Path, resume_from: Path | None, *, is_first_rank: bool = True) -> RunFolder:
    """The folder of a run. One that holds another run is never written over but renamed to `<name>.previous-<n>`.

    Args:
        path: `output_dir`.
        resume_from: result of `checkpoint_to_resume`.
        is_first_rank: only the first process moves folders.
    """
    is_continued = resume_from is not None and resume_from.resolve().is_relative_to(path.resolve())
    if is_first_rank and not is_continued:
        with writing(f"output_dir={path}"):
            _set_aside(path)
            path.mkdir(parents=True, exist_ok=True)
    return RunFolder(path)


def _set_aside(path: Path) -> None:
    """Rename an earlier run's folder."""
    if not (path / "config.yaml").exists():
        return
    number = 1
    while (aside := path.with_name(f"{path.name}.previous-{number}")).exists():
        number += 1
    path.rename(aside)
    has_checkpoint = RunFolder(aside).checkpoints.joinpath(LAST).exists()
    why = "resume=auto would have continued it" if has_checkpoint else "it had no checkpoint to go on from"
    log.warning("%s held an earlier run; it is now %s (%s)", path, aside, why)
