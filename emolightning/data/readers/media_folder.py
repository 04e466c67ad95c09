"""A folder of media without annotations: what is in it, as clips without labels."""

from collections import defaultdict
from pathlib import Path

from emolightning.errors import InputErrors, UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES
from emolightning.records.clips import Clip


def clips_of_folder(folder: Path) -> list[Clip]:
    """The media files of a folder and of all below it, in the order of their names.

    A clip's id is its path below the folder without the suffix: `talks/01`. Links to folders are not followed.

    Raises:
        UserError: there is no such folder, or no media file in it.
        InputErrors: two files would have the same id.
    """
    if not folder.is_dir():
        raise UserError(f"media={folder}: no such folder")
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in MEDIA_SUFFIXES and not hidden and path.is_file():
            found[path.relative_to(folder).with_suffix("").as_posix()].append(path)
    if not found:
        raise UserError(f"media={folder}: no media file in it; looked for are {' '.join(MEDIA_SUFFIXES)}")
    same = [
        f"{clip_id}: {' and '.join(path.name for path in paths)} would both be this clip; move one to another folder"
        for clip_id, paths in found.items()
        if len(paths) > 1
    ]
    if same:
        raise InputErrors(f"media={folder}", same)
    return [Clip(clip_id, paths[0]) for clip_id, paths in found.items()]
