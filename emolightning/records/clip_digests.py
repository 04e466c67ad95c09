"""What an official set of clips is known by without a copy of its list: digests of ids and labels."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from emolightning.files.media_suffixes import VIDEO_SUFFIXES


@dataclass(frozen=True)
class Digests:
    """What an official set is known by, see `digest`: sets of one size and equal supports are told apart by it."""

    ids: str
    labelled: str | None = None
    """Digest of `id label` lines; None where answers are free text."""


def digest(clips: Iterable[str], labels: Mapping[str, str] | None = None) -> str:
    """First 16 hex digits of SHA-256 of the sorted ids, or of the `id label` lines, whatever form ids have.

    A video's suffix is left out, and so are zeros in front of a number: DFEW's 1 is 00001 in derived files.

    >>> digest(["00001.mp4", "2"]) == digest(["2", "1"])
    True
    """
    lines = sorted(_plain(clip) + (f" {labels[clip]}" if labels is not None else "") for clip in clips)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _plain(clip: str) -> str:
    stem, dot, suffix = clip.rpartition(".")
    name = stem if dot + suffix.lower() in VIDEO_SUFFIXES else clip
    return (name.lstrip("0") or "0") if name.isdigit() else name
