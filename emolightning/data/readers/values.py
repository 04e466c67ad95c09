"""Single values of annotation files, the same checks for all readers: name, label, text, media file."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from emolightning.errors import UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES, VIDEO_SUFFIXES
from emolightning.files.names import NamesOnDisk, composed, require_one
from emolightning.records.labels import canonical, nearest

NAME, LABEL = "video_name", "emotion_label"
"""What messages call the two values that every annotation has, as the columns of a custom file."""

PREFERRED = (".mp4", ".avi")
"""Where files of both kinds lie beside each other, upstream takes the first."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than tab and newline, and the halves of broken surrogate pairs that JSON can smuggle in."""
_FOLLOWING = "".join({bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xC0)})
_UNQUOTED = "".join(set(_FOLLOWING) - set("\u201a\u201e\u2026\u2039\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u203a"))
"""What follows a letter, as Windows-1252 shows it, but for quotes and dashes, which may really follow one."""
_MOJIBAKE = re.compile(
    f"\u00e2\u20ac[{re.escape(_FOLLOWING)}]?|\u00e2\u201e\u00a2|\u00e2\u201a\u00ac"
    f"|\u00f0\u0178[{re.escape(_FOLLOWING)}]{{2}}|[\u00c2\u00c3][{re.escape(_UNQUOTED)}]"
)
"""UTF-8 as Windows-1252 shows it: quotes and dashes, the signs of trade mark and euro, pictures, letters of Latin-1."""
_LONGEST_NAME = 240  # bytes; a feature file is named after the clip, and file systems stop at 255 with the suffix
_PLAIN_NAME = re.compile(r"(?:[\w-][\w. -]*/)*[\w-][\w. -]*", re.ASCII)
"""Names with which nothing can be wrong but their length: most names, of which a table may have millions."""
_ENDINGS = frozenset(suffix.removeprefix(".") for suffix in MEDIA_SUFFIXES)

MISSING = frozenset(
    {"nan", "-nan", "nat", "none", "null", "n/a", "na", "#n/a", "#na", "#n/a n/a", "<na>", "<nan>", "<none>"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!"}
)
"""What programs write for a value that is not there, or that a workbook could not compute, in folded case."""
_LONGEST_MISSING = max(map(len, MISSING))


class BadValue(ValueError):
    """What is wrong with one value of a row, in the words the user will read."""


class WrongCharacters(BadValue):
    """Characters that come of reading Windows-1252 or UTF-8 as something else.

    Args:
        column: where they are.
        meant: what is there -> what it is meant for.
    """

    def __init__(self, column: str, meant: Mapping[str, str]):
        self.meant = dict(meant)
        super().__init__(f"{column} has {shown_characters(meant)}")


def shown_characters(meant: Mapping[str, str]) -> str:
    """What is said of them, in one row or in many."""
    pairs = ", ".join(f"{_code(wrong)} for {right!r}" for wrong, right in sorted(meant.items()))
    return f"characters that were decoded wrongly: {pairs}; write what is meant, or save the file as UTF-8 once more"


def _code(wrong: str) -> str:
    return f"U+{ord(wrong):04X}" if len(wrong) == 1 else repr(wrong)


def plain_text(column: str, text: str) -> str | None:
    """The text, None for an empty one.

    Raises:
        BadValue: it has characters that cannot be meant.
    """
    if not text.isprintable() and (found := _UNPRINTABLE.search(text)):
        if meant := {wrong: right for wrong in set(text) if (right := _of_windows(wrong))}:
            raise WrongCharacters(column, meant)
        raise BadValue(f"{column} has the control character {found[0]!r} at character {found.start()}; take it out")
    return text or None


def mended(text: str) -> str:
    r"""The text with what control characters are in Windows-1252, as some corpora were saved.

    >>> mended("it\x92s")
    'it’s'
    """
    return "".join(_of_windows(character) or character for character in text)


def refuse_mojibake(column: str, text: str) -> None:
    """Refuse UTF-8 that was read as Windows-1252.

    Raises:
        WrongCharacters: names each such group of characters, and what it is meant for.
    """
    groups = set() if text.isascii() else set(_MOJIBAKE.findall(text))
    if meant := {group: right for group in groups if (right := _of_utf8(group))}:
        raise WrongCharacters(column, meant)


def is_missing(text: str) -> bool:
    """Whether a text is what programs write for a missing value; `None.` with a full stop is something said."""
    return len(text) <= _LONGEST_MISSING and text.casefold() in MISSING


def refuse_missing(column: str, text: str) -> None:
    """Refuse what programs write for a missing value.

    Raises:
        BadValue: the text is such a word.
    """
    if is_missing(text):
        raise BadValue(f"{column} is {text!r}, which programs write for a missing value; leave the cell empty")


def _of_windows(character: str) -> str:
    """What a control character is in Windows-1252."""
    return bytes([ord(character)]).decode("cp1252", "ignore") if "\x80" <= character <= "\x9f" else ""


def _of_utf8(group: str) -> str:
    """The character whose bytes in UTF-8 look like this in Windows-1252, where five of them have no look."""
    if group == "\u00e2\u20ac":  # The third is one of the five, and was left out on the way.
        return "\u201d"
    try:
        data = b"".join(bytes([ord(c)]) if ord(c) < 0xA0 else c.encode("cp1252") for c in group)
        return data.decode()
    except UnicodeError:
        return ""


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
    if len(name) <= _LONGEST_NAME and _PLAIN_NAME.fullmatch(name):
        stem, _, suffix = name.rpartition(".")
        return stem if suffix.lower() in _ENDINGS else name
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
    return composed(str(path).removesuffix(path.suffix) if path.suffix.lower() in MEDIA_SUFFIXES else str(path))


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
        self._folders: dict[str, _Folder] = {}
        self._videos: dict[tuple[str, str], Path] = {}
        self._absent: dict[tuple[str, str], str] = {}
        """Name and id -> why there is no file."""
        self._names = NamesOnDisk()

    def find(self, name: str, identity: str, clip: str | None = None) -> Path:
        """The file for a name as written in the row and the id made from it; `clip` is that of a piece of it.

        Raises:
            BadValue: there is none, unless `lost` takes its id; or it may be one of several, or is out of the folder.
        """
        video = self.look(name, identity, is_cut=clip is not None and clip != identity)
        self.lose([(name, identity)], [clip or identity])
        return video

    def lose(self, looked: Iterable[tuple[str, str]], clips: Iterable[str | None]) -> None:
        """Note clips without a file.

        Args:
            looked: name and id of each file that was looked for.
            clips: the id of the clip, or of the piece of it; None for none.
        """
        if self.lost is None or not self._absent:
            return
        for file, clip in zip(looked, clips, strict=True):
            if clip is not None and file in self._absent:
                self.lost[clip] = self._absent[file]

    def look(self, name: str, identity: str, *, is_cut: bool = False) -> Path:
        """The same as `find`, but nothing is lost: clips that are to be are given to `lose` together.

        Args:
            name: as written in the row.
            identity: the id made from it.
            is_cut: whether the file has other pieces, too: they need one path.
        """
        if is_cut and (name, identity) in self._videos:
            return self._videos[name, identity]
        video = self._find(name, identity)
        if is_cut:
            self._videos[name, identity] = video
        return video

    def _find(self, name: str, identity: str) -> Path:
        below, _, stem = identity.rpartition("/")
        try:
            folder = self._folders.get(below) or self._listed(below)
            there = folder.media.get(stem, ())
            if len(there) == 1 and there[0] == name.rpartition("/")[2] and not folder.odd:  # As nearly all are.
                return folder.path / there[0]
            written = composed(_last(name))
            for file in there if len(there) > 1 else ():
                require_one(folder.path, [other for other in there if composed(other) == composed(file)])
        except OSError as error:
            place = self.root / below
            return self._no_file(name, identity, f"{NAME} {name!r}: {place} cannot be listed: {error.strerror}")
        except UserError as error:
            raise BadValue(f"{NAME} {name!r}: {error}") from None
        fits = [file for file in there if composed(file) == written] if written != stem else _pictures_first(there)
        if not fits:
            return self._no_file(name, identity, f"no file {name!r} in {self.root}{_instead(folder, written, there)}")
        if len(fits) > 1:
            fits = next(([file] for suffix in self.preferred for file in fits if file.endswith(suffix)), fits)
        if len(fits) > 1:
            raise BadValue(f"{NAME} {name!r} may be any of {sorted(fits)}; write it with its suffix")
        video = folder.path / fits[0]
        if fits[0] in folder.odd:
            target = video.resolve()
            if not target.is_relative_to(self._real):
                raise BadValue(f"{NAME} {name!r} leaves the media folder through a link to {target}; copy the file in")
            if not target.is_file():
                return self._no_file(name, identity, f"{NAME} {name!r}: {target} is not a file")
        return video

    def _no_file(self, name: str, identity: str, reason: str) -> Path:
        """Where the file would be."""
        if self.lost is None:
            raise BadValue(reason)
        self._absent[name, identity] = reason
        return self.root / f"{identity}{MEDIA_SUFFIXES[0]}"

    def _listed(self, below: str) -> "_Folder":
        """A folder below the root, as it is written on the disk."""
        path = self._names.find(self.root, below)
        found = _Folder(path, {}, defaultdict(list), set())
        is_inside = path.resolve().is_relative_to(self._real)
        for entry in os.scandir(path) if path.is_dir() else ():
            stem, _, suffix = composed(entry.name).rpartition(".")
            if not stem or suffix.lower() not in _ENDINGS:
                found.others[stem or suffix].append(entry.name)
                continue
            found.media[stem] = (*found.media.get(stem, ()), entry.name)
            if not (is_inside and entry.is_file(follow_symlinks=False)):
                found.odd.add(entry.name)
        self._folders[below] = found
        return found


class _Folder(NamedTuple):
    """What lies in one folder."""

    path: Path
    media: dict[str, tuple[str, ...]]
    """Name without suffix -> the media files of that name."""
    others: dict[str, list[str]]
    """The same of other files."""
    odd: set[str]
    """Media that are links, or no files: where they lead is looked up one by one."""


def _instead(folder: _Folder, written: str, there: Sequence[str]) -> str:
    """What is there in place of a file that is not."""
    if there:
        return f"; there is {there[0]!r}"
    known = " ".join(MEDIA_SUFFIXES)
    for other in folder.others.get(PurePosixPath(written).stem, []) + folder.others.get(written, []):
        suffix = PurePosixPath(other).suffix
        if written in (composed(other), composed(other.removesuffix(suffix))) and (folder.path / other).is_file():
            remedy = f"convert it, e.g. with ffmpeg -i {other} {other.removesuffix(suffix)}.mp4"
            return f" that is taken: {other!r} is there, but its suffix {suffix!r} is none of {known}; {remedy}"
    whole = PurePosixPath(written).suffix.lower() in MEDIA_SUFFIXES
    return "" if whole else f" (looked for {written} with one of the suffixes {known})"


def _pictures_first(files: Sequence[str]) -> Sequence[str]:
    """The videos, where sound taken from them lies beside them."""
    return (
        files
        if len(files) == 1
        else [file for file in files if PurePosixPath(file).suffix.lower() in VIDEO_SUFFIXES] or files
    )


def _last(name: str) -> str:
    """The last part of a path."""
    last = name.rpartition("/")[2]
    return last if last.strip(".") else PurePosixPath(name).name  # It may end in a slash, or in a dot for nothing.
