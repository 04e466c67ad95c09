"""The clips of a page: data that its script makes cards of, with filters, search and keys.

Everything of a clip is text in the data; only the addresses of media come from the dataset, and are quoted.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emolightning.errors import is_unicode
from emolightning.records.clips import Clip

MOST_CLIPS = 10_000
"""Clips of a page; those that are wrong or unreadable come first."""

LONGEST_TEXT = 10_000
"""Characters shown of a text."""


@dataclass(frozen=True)
class Media:
    """What can be seen and heard of a clip."""

    video: str = ""
    """Address of the file, relative to the page."""
    frames: Sequence[str] = ()
    """Pictures as addresses that hold them."""
    wave: Sequence[int] = ()
    """Loudness of the parts of the clip, 0 to 99."""


@dataclass(frozen=True)
class GalleryClip:
    """One clip, its truth, and what was said about it."""

    id: str
    truth: str | None
    answer: str = ""
    read: str | None = None
    """What was read from the answer."""
    outcome: str = ""
    """`right`, `wrong` or `unreadable`; empty where answers are more or less good."""
    how: str = ""
    """How it was read, or why not."""
    transcript: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    """What one can filter by, beside truth, answer and outcome."""
    said: Sequence[tuple[str, str]] = ()
    """Answers of several systems, or what a judge says."""


def gallery(clips: Iterable[GalleryClip], media: Mapping[str, Media], *, total: int) -> dict[str, Any]:
    """What the template needs: the data of at most MOST_CLIPS clips, and how many there are.

    Args:
        clips: those that are to be kept first; no more are made than are shown.
        media: of some of them, by id.
        total: clips in all.
    """
    shared = _Shared()
    data = [_data(clip, media.get(clip.id), shared) for clip in islice(clips, MOST_CLIPS)]
    groups = [[column, list(values)] for column, values in shared.groups.items()]
    return {"total": total, "number": len(data), "data": {"labels": shared.labels, "groups": groups, "clips": data}}


@dataclass(frozen=True)
class _Shared:
    """What many clips have in common is written once: they hold places in these lists."""

    labels: list[str] = field(default_factory=list)
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column -> its values, each with its place."""

    def chances(self, probabilities: Mapping[str, float]) -> list[float | None]:
        self.labels.extend(label for label in probabilities if label not in self.labels)
        known = [probabilities.get(label) for label in self.labels if probabilities]
        return [None if chance is None else round(chance, 3) for chance in known]

    def places(self, groups: Mapping[str, str]) -> list[int | None]:
        for column, value in groups.items():
            values = self.groups.setdefault(column, {})
            values.setdefault(value, len(values))
        return [self.groups[column].get(groups[column]) if column in groups else None for column in self.groups]


def _data(clip: GalleryClip, media: Media | None, shared: _Shared) -> dict[str, Any]:
    """Short names, and nothing that is empty: a page may have thousands."""
    cut = {
        name: text
        if len(text) <= LONGEST_TEXT
        else f"{text[:LONGEST_TEXT]}... ({len(text) - LONGEST_TEXT} more characters)"
        for name, text in (("a", clip.answer), ("t", clip.transcript), ("y", clip.truth or ""))
    }
    data: dict[str, Any] = {
        "i": clip.id,
        **cut,
        "p": clip.read if clip.read != clip.answer else None,
        "o": clip.outcome,
        "h": clip.how,
        "q": shared.chances(clip.probabilities),
        "g": shared.places(clip.groups) if clip.groups else [],
        "s": [list(each) for each in clip.said],
    }
    if media is not None:
        data |= {"v": media.video, "f": list(media.frames), "w": list(media.wave)}
    return {name: value for name, value in data.items() if value}


def address(clip: Clip, folder: Path) -> str:
    """Where a page in a folder finds the video of a clip; empty where there is no such file.

    The path is the dataset's and quoted, so that it can be nothing but a path; a piece of a file has its times.
    """
    if not clip.video.is_file() or not is_unicode(str(clip.video)):
        return ""
    path = quote(Path(os.path.relpath(clip.video, folder)).as_posix())
    return f"{path}#t={clip.span.start:g},{clip.span.end:g}" if clip.span else path
