"""The media of clips in one folder, called as their clips: linked, copied, or cut out of long files."""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from emolightning.data.checkup.unusable import UNDECODABLE, Fault, Faults
from emolightning.data.stores.cache import Outcome, outcomes_of, with_bar
from emolightning.errors import UserError
from emolightning.files.media_suffixes import SOUND_SUFFIXES
from emolightning.files.writing import CannotWrite, written_whole
from emolightning.records.clips import Clip

How = Literal["link", "copy"]

FOLDER = "clips"


def name_of(clip: Clip) -> str:
    """The file of a clip, below the folder of clips."""
    if clip.span is None:
        return f"{clip.id}{clip.video.suffix}"
    return f"{clip.id}{'.wav' if clip.video.suffix.lower() in SOUND_SUFFIXES else '.mp4'}"


def place(clips: Sequence[Clip], folder: Path, *, how: How, num_workers: int) -> Faults:
    """Put what is not there yet into the folder; what is there of a source that has not changed since stays.

    Args:
        clips: those that have media.
        folder: gets a file for each.
        how: what is done with whole files; pieces are cut out of theirs.
        num_workers: processes that cut.

    Returns:
        Clip id -> why it has no file.

    Raises:
        UserError: files cannot be linked there.
        CannotWrite: the system refuses to write one of them, whatever is done about clips that cannot be used.
    """
    todo = [clip for clip in clips if not _is_there(clip, folder, how)]
    _require_links([clip for clip in todo if clip.span is None], folder, how)
    jobs = [(clip, ()) for clip in todo]
    found: dict[str, str] = {}
    done = outcomes_of(jobs, partial(_place_one, folder=folder, how=how), num_workers)
    for clip, outcome in with_bar(done, "Placing clips", len(jobs)):
        if outcome.problem:
            found[clip.id] = outcome.problem
    return {clip.id: [Fault(UNDECODABLE, found[clip.id])] for clip in clips if clip.id in found}


def _is_there(clip: Clip, folder: Path, how: How) -> bool:
    """Whether a file is there that was made of the source as it is now: it has the time of its source."""
    target = folder / name_of(clip)
    if not target.is_file() or not clip.video.is_file():
        return False
    if clip.span is None and how == "link":
        return target.samefile(clip.video)
    there, source = target.stat(), clip.video.stat()
    has_size = there.st_size == source.st_size if clip.span is None else there.st_size > 0
    return has_size and there.st_mtime_ns == source.st_mtime_ns


def _require_links(clips: Sequence[Clip], folder: Path, how: How) -> None:
    """Try one link before all: another disk, or a file system without links."""
    if how != "link" or not clips:
        return
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / f".link-{os.getpid()}"
    try:
        os.link(clips[0].video.resolve(), trial)
    except OSError as error:
        raise UserError(
            f"clips=link: {clips[0].video} cannot be linked into {folder} ({error.strerror}); say clips=copy, which "
            "takes as much room again, or an out=FOLDER on the same disk"
        ) from None
    finally:
        trial.unlink(missing_ok=True)


def _whole(source: Path, temporary: Path, target: Path, how: How) -> None:
    if how == "copy":
        shutil.copy2(source, temporary)
        return
    try:
        os.link(source, temporary)
    except OSError as error:  # The first clip could be linked; some may lie on another disk.
        raise CannotWrite(target, f"{error.strerror}: {source} cannot be linked; say clips=copy") from error


def _require_readable(source: Path) -> None:
    """Refuse a clip whose own file the system does not open: that is no fault of the folder it goes to."""
    try:
        source.open("rb").close()
    except OSError as error:
        raise UserError(f"{source}: cannot be read: {error.strerror}") from None


def _place_one(clip: Clip, names: tuple[str, ...], *, folder: Path, how: How) -> Outcome:
    """Make the file of one clip, whole or not at all."""
    from emolightning.data.media.cutting import cut

    target, source = folder / name_of(clip), clip.video.resolve()
    with written_whole(target, durable=False) as temporary:
        if clip.span is not None:
            cut(source, clip.span, temporary, only_sound=target.suffix == ".wav")
            time = source.stat().st_mtime_ns
            os.utime(temporary, ns=(time, time))
        else:
            _require_readable(source)
            _whole(source, temporary, target, how)
    return Outcome()
