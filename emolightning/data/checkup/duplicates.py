"""Clips that are the same: one file under several names, and ids that two datasets share."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from emolightning.records.clips import Clip, Span

_MOST_NAMES = 5
"""Names shown in a sentence; the rest are counted."""


def named_some(names: Sequence[str]) -> str:
    """`a, b, c, d, e and 7 more`."""
    rest = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + rest


def same_files(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Groups of clips that show the same: files of equal bytes, or the same piece of such files.

    Only files of equal size are read, each once.
    """
    by_size: dict[int, dict[Path, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        if clip.video.is_file():
            by_size[clip.video.stat().st_size][clip.video].append(clip)
    groups: dict[tuple[str, Span | None], list[Clip]] = defaultdict(list)
    for of_files in by_size.values():
        for path, members in of_files.items() if len(of_files) > 1 else ():
            digest = _digest(path)
            for clip in members:
                groups[digest, clip.span].append(clip)
    return [group for group in groups.values() if len(group) > 1]


def duplicate_sentences(clips: Sequence[Clip]) -> list[str]:
    """One sentence for each group of equal files, and for a video with pieces in several splits.

    Across train or val and test it is a leak.
    """
    sentences = []
    for group in same_files(clips):
        what = "the same file" if group[0].span is None else f"{group[0].span} of the same file"
        sentences.append(f"{_leak(group)}{what} under {len(group)} names: {_named_with_split(group)}")
    pieces: dict[Path, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.span is not None:
            pieces[clip.video].append(clip)
    for path, group in pieces.items():
        if leak := _leak(group):
            sentences.append(
                f"{leak}{len(group)} pieces of {path.name} are in several splits: {_named_with_split(group)}"
            )
    return sentences


def _leak(group: Sequence[Clip]) -> str:
    splits = {str(clip.split) for clip in group}
    return "leak: " if "test" in splits and len(splits) > 1 else ""


def _named_with_split(group: Sequence[Clip]) -> str:
    return named_some([f"{clip.id} ({clip.split})" for clip in group])


def shared_clips(clips: Sequence[Clip], others: Sequence[Clip], *, name: str, other_name: str) -> list[str]:
    """One sentence for each pair of splits in which two datasets have clips of the same id.

    Args:
        clips: of this dataset.
        others: of the other one.
        name: of this dataset, for the sentence.
        other_name: of the other one.
    """
    splits_of_others = {clip.id: str(clip.split) for clip in others}
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for clip in clips:
        if clip.id in splits_of_others:
            pairs[str(clip.split), splits_of_others[clip.id]].append(clip.id)
    sentences = []
    for (split, other), ids in sorted(pairs.items()):
        is_leak = (split == "test") != (other == "test")
        sentences.append(
            f"{'leak: ' if is_leak else ''}{len(ids)} clips of {name} ({split}) are in {other_name} ({other}): "
            f"{named_some(sorted(ids))}"
        )
    return sentences


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
