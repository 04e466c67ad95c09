"""Single values of annotation files, the same checks for all readers: name, label, text, media file."""

import re
from collections import defaultdict
from collections.abc import MutableMapping, Sequence
from pathlib import Path, PurePosixPath

from emolightning.labels import canonical, nearest
from emolightning.media_suffixes import MEDIA_SUFFIXES, VIDEO_SUFFIXES

NAME, LABEL = "video_name", "emotion_label"
"""What messages call the two values that every annotation has, as the columns of a custom file."""

PREFERRED = (".mp4", ".avi")
"""Where files of both kinds lie beside each other, upstream takes the first."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than tab and newline, and the halves of broken surrogate pairs that JSON can smuggle in."""
_LONGEST_NAME = 240  # bytes; a feature file is named after the clip, and file systems stop at 255 with the suffix


class BadValue(ValueError):
    """What is wrong with one value of a row, in the words the user will read."""


def plain_text(column: str, text: str) -> str | None:
    if found := _UNPRINTABLE.search(text):
        raise BadValue(f"{column} has the control character {found[0]!r} at character {found.start()}; take it out")
    return text or None


def label_of(word: str, labels: tuple[str, ...]) -> str:
    if not word:
        raise BadValue(f"{LABEL} is empty; give one of {list(labels)}")
    if label := canonical(word, labels):
        return label
    near = nearest(word, labels)
    hint = f"; did you mean {near!r}?" if near else ""
    raise BadValue(f"{LABEL} {word!r} is not one of {list(labels)}{hint}")


def clip_id(name: str) -> str:
    """`talks/01.mp4` -> `talks/01`. Ids name files below other folders too, so they must not lead out of them."""
    plain_text(NAME, name)
    if any(mark in name for mark in "\\\n\t"):
        raise BadValue(f"{NAME} {name!r} has a backslash, tab or line break in it; folders are separated by '/'")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        raise BadValue(f"{NAME} {name!r} leaves the media folder; write the path below it, e.g. 'talks/01.mp4'")
    if not path.name:
        raise BadValue(f"{NAME} {name!r} names no file")
    if any(len(part.encode()) > _LONGEST_NAME for part in path.parts):
        raise BadValue(f"{NAME} '{name[:40]}...' is longer than {_LONGEST_NAME} bytes")
    return str(path).removesuffix(path.suffix) if path.suffix.lower() in MEDIA_SUFFIXES else str(path)


class MediaFolder:
    """Finds videos by name; each folder is listed once, since datasets have thousands of rows.

    Args:
        root: the folder with the videos.
        preferred: suffixes; where a name without suffix fits several files, the first of them that is there.
        lost: gets the ids of clips without a file, and why, instead of an exception: all are told together.
    """

    def __init__(self, root: Path, *, preferred: Sequence[str] = (), lost: MutableMapping[str, str] | None = None):
        self.root = root
        self.lost = lost
        self.preferred = preferred
        self._real = root.resolve()
        self._listings: dict[Path, dict[str, list[str]]] = {}
        self._others: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str, identity: str) -> Path:
        """The file for a name as written in the row and the id made from it."""
        folder = self.root / PurePosixPath(identity).parent
        stem, written = PurePosixPath(identity).name, PurePosixPath(name).name
        try:
            there = self._listing(folder).get(stem, [])
        except OSError as error:
            return self._lose(identity, f"{NAME} {name!r}: {folder} cannot be listed: {error.strerror}")
        fits = [file for file in there if file == written] if written != stem else _pictures_first(there)
        if not fits:
            return self._lose(identity, f"no file {name!r} in {self.root}{self._instead(folder, written, there)}")
        fits = next(([file] for suffix in self.preferred for file in fits if file.endswith(suffix)), fits)
        if len(fits) > 1:
            raise BadValue(f"{NAME} {name!r} may be any of {sorted(fits)}; write it with its suffix")
        video = folder / fits[0]
        target = video.resolve()
        if not target.is_relative_to(self._real):
            raise BadValue(f"{NAME} {name!r} leaves the media folder through a link to {target}; copy the file in")
        if not target.is_file():
            return self._lose(identity, f"{NAME} {name!r}: {target} is not a file")
        return video

    def _lose(self, identity: str, reason: str) -> Path:
        """Where the file would be."""
        if self.lost is None:
            raise BadValue(reason)
        self.lost[identity] = reason
        return self.root / f"{identity}{MEDIA_SUFFIXES[0]}"

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Name without suffix -> the media files of that name."""
        if folder not in self._listings:
            self._listings[folder], self._others[folder] = defaultdict(list), defaultdict(list)
            for entry in folder.iterdir() if folder.is_dir() else ():
                is_media = entry.suffix.lower() in MEDIA_SUFFIXES
                (self._listings if is_media else self._others)[folder][entry.stem].append(entry.name)
        return self._listings[folder]

    def _instead(self, folder: Path, written: str, there: Sequence[str]) -> str:
        """What is there in place of a file that is not."""
        if there:
            return f"; there is {there[0]!r}"
        known = " ".join(MEDIA_SUFFIXES)
        for other in self._others[folder].get(PurePosixPath(written).stem, []) + self._others[folder].get(written, []):
            suffix = PurePosixPath(other).suffix
            if written in (other, other.removesuffix(suffix)) and (folder / other).is_file():
                remedy = f"convert it, e.g. with ffmpeg -i {other} {other.removesuffix(suffix)}.mp4"
                return f" that is taken: {other!r} is there, but its suffix {suffix!r} is none of {known}; {remedy}"
        whole = PurePosixPath(written).suffix.lower() in MEDIA_SUFFIXES
        return "" if whole else f" (looked for {written} with one of the suffixes {known})"


def _pictures_first(files: Sequence[str]) -> Sequence[str]:
    """The videos, where sound taken from them lies beside them."""
    return [file for file in files if PurePosixPath(file).suffix.lower() in VIDEO_SUFFIXES] or files
