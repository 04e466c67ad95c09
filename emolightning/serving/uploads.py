"""Clips that clients send: kept in a folder of their own while their request lives, measured before they are used."""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from emolightning.data.media.opening import MediaError, check_structure, is_sound, open_media, packets_of
from emolightning.errors import shown
from emolightning.records.clips import Clip

MOST_RATE_HZ = 480
"""Most pictures a second that are read."""
SPARE_PICTURES = 1000
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Upload:
    """One clip of a request."""

    name: str
    """As its client calls it: for reading only, it names no file here."""
    path: Path
    problem: str | None = None
    """Why it cannot be used."""

    def clip(self, transcript: str | None) -> Clip:
        """The clip for a model; its id is its content, so that no client chooses a name that something is read from."""
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Clip(digest[:16], self.path, transcript=transcript)


def new_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one request, which only this user can read."""
    return tempfile.TemporaryDirectory(prefix="emolightning-serve-", ignore_cleanup_errors=True)


def shown_name(name: str | None) -> str:
    r"""The name of a file as it is shown: without folders and control characters, not endless.

    >>> shown_name("C:\\clips\\..\\a.mp4"), shown_name("../../etc/passwd"), shown_name(None)
    ('a.mp4', 'passwd', 'clip')
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2].strip()
    return shown(last, longest=_LONGEST_NAME) or "clip"


def keep_uploads(files: Sequence[tuple[str | None, BinaryIO]], folder: Path, *, max_seconds: float) -> list[Upload]:
    """Write the files of a request into its folder, under names of ours, and measure each.

    Args:
        files: name and content.
        folder: of the request.
        max_seconds: longest clip.
    """
    kept = []
    for number, (name, content) in enumerate(files):
        path = folder / f"clip{number:03}"
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
        kept.append(Upload(shown_name(name), path, problem_of(path, max_seconds=max_seconds)))
    return kept


def problem_of(path: Path, *, max_seconds: float) -> str | None:
    """Why a file is not taken: not a media file, damaged, or too long. Its packets are measured, not its header."""
    try:
        with open_media(path) as container:
            started: dict[int, float] = {}
            pictures: dict[int, int] = {}
            for stream in container.streams:
                check_structure(container, stream)
            for packet in packets_of(container):
                if not is_sound(packet, container) or packet.pts is None or packet.time_base is None:
                    continue
                at, index = float(packet.pts * packet.time_base), packet.stream.index
                if at - started.setdefault(index, at) > max_seconds:
                    return f"the clip is longer than {max_seconds:g} s; cut out the part with the person"
                pictures[index] = pictures.get(index, 0) + (packet.stream.type == "video")
                if pictures[index] > MOST_RATE_HZ * max_seconds + SPARE_PICTURES:
                    return f"the clip has more than {MOST_RATE_HZ} pictures a second; make another copy of it"
    except MediaError as error:
        return error.reason
    return None
