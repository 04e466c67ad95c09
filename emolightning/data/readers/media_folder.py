"""A folder of media without annotations: what is in it, as clips without labels."""

from collections import defaultdict
from pathlib import Path

from emolightning.errors import InputErrors, UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES
from emolightning.files.names import composed
from emolightning.records.clips import Clip

LONGEST_NAME = 240
"""Bytes of a file's or folder's name; systems allow 255, and suffixes are put to it."""


def clips_of_folder(folder: Path) -> list[Clip]:
    """The media files of a folder and of all below it, in the order of their names.

    A clip's id is its path below the folder without the suffix: `talks/01`. Links to folders are not followed.

    Raises:
        UserError: there is no such folder, or no media file in it.
        InputErrors: two files would have the same id, or a name cannot be that of a file of vectors.
    """
    if not folder.is_dir():
        is_file = f"is a file; say media={folder.parent} for all media beside it"
        raise UserError(f"media={folder}: {is_file if folder.is_file() else 'no such folder'}")
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in MEDIA_SUFFIXES and not hidden and path.is_file():
            found[composed(path.relative_to(folder).with_suffix("").as_posix())].append(path)
    if not found:
        raise UserError(f"media={folder}: no media file in it; looked for are {' '.join(MEDIA_SUFFIXES)}")
    problems = [f"{ascii(name)[1:-1]}: {why}; rename it" for name in found if (why := _why_no_id(name))]
    problems += [
        f"{clip_id}: {' and '.join(path.name for path in paths)} would both be this clip; move one to another folder"
        for clip_id, paths in found.items()
        if len(paths) > 1
    ]
    if problems:
        raise InputErrors(f"media={folder}", problems)
    return [Clip(paths[0].relative_to(folder).with_suffix("").as_posix(), paths[0]) for paths in found.values()]


def _why_no_id(name: str) -> str | None:
    """Why no file can be named after a clip, or no record can."""
    if "\\" in name:
        return "a name with a backslash is another file on other systems"
    try:
        parts = name.encode().split(b"/")
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    longest = max(map(len, parts))
    return None if longest <= LONGEST_NAME else f"the name has {longest} bytes, and {LONGEST_NAME} are allowed"
