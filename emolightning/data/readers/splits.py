"""Clips -> train, val and test: as the annotation says, or by ratio, never with one subject on two sides."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from emolightning.errors import UserError
from emolightning.records.clips import Clip

SPLITS = ("train", "val", "test")

_MOST_NAMES = 10
"""Names shown in a message; the rest are counted."""

Group = list[Clip]
"""Clips that stay together: those of one subject, the pieces of one video, or one clip alone."""


def assign_splits(
    clips: Sequence[Clip], *, seed: int, ratios: tuple[float, float, float] = (0.7, 0.15, 0.15)
) -> list[Clip]:
    """The same clips in the same order, each with a split.

    Splits that the annotation gives are kept. Otherwise the result depends on the seed and on the set of clips, not
    on their order. Without subjects the labels are spread evenly; with subjects the sizes come as near to the ratios
    as whole subjects allow.

    Args:
        clips: all of them with a split, or none.
        seed: another seed gives another division.
        ratios: shares of train, val and test; they add up to 1, and 0 leaves a split out.

    Raises:
        UserError: no clips, a split for some clips only, a subject in two given splits, or too few clips or subjects.
    """
    without = [clip.id for clip in clips if clip.split is None]
    if not clips:
        raise UserError("there are no clips to split")
    if not without:
        _refuse_divided_subjects(clips)
        return list(clips)
    if len(without) < len(clips):
        raise UserError(
            f"{len(without)} of {len(clips)} clips have no split: {named_some(without)}; "
            "fill the split column for every clip, or leave it out to split by ratio"
        )
    shares = _shares(ratios)
    groups = _groups(clips, seed)
    if len(groups) < len(shares):
        kind = "clips" if all(clip.subject is None for clip in clips) else "subjects"
        kind = "videos" if kind == "clips" and any(clip.span for clip in clips) else kind
        raise UserError(
            f"{len(groups)} {kind} cannot fill {len(shares)} splits {list(shares)}; add {kind}, "
            "give a ratio of 0 to a split that is not needed, or write a split column"
        )
    split_of = _divide(groups, shares)
    return [replace(clip, split=split_of[clip.id]) for clip in clips]


def three_shares(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Ratios of a configuration.

    Raises:
        UserError: they are not three.
    """
    if len(ratios) != 3:
        raise UserError(f"data.ratios: {list(ratios)} must be three shares, for train, val and test")
    train, val, test = (float(ratio) for ratio in ratios)
    return train, val, test


def select(clips: Sequence[Clip], split: str) -> list[Clip]:
    """The clips of `train`, `val` or `test`, or `all` of them.

    Raises:
        UserError: another word.
    """
    if split not in (*SPLITS, "all"):
        raise UserError(f"split {split!r} is not one of {[*SPLITS, 'all']}")
    return [clip for clip in clips if split in ("all", clip.split)]


def _shares(ratios: tuple[float, float, float]) -> dict[str, float]:
    """Split -> share, for the splits that get anything."""
    usable = len(ratios) == len(SPLITS) and all(ratio >= 0 for ratio in ratios)
    if not usable or not math.isclose(sum(ratios), 1.0, abs_tol=1e-6):
        raise UserError(
            f"split ratios {list(ratios)} must be three numbers from 0 up that add up to 1, e.g. 0.7 0.15 0.15"
        )
    return {split: ratio for split, ratio in zip(SPLITS, ratios, strict=True) if ratio > 0}


def group_of(clip: Clip) -> str:
    """What the clip stays together with: its subject, the video that it is a piece of, or nothing else."""
    alone = f"clip\0{clip.id}" if clip.span is None else f"video\0{clip.id.rpartition('_')[0]}"
    return alone if clip.subject is None else f"subject\0{clip.subject}"


def _groups(clips: Sequence[Clip], seed: int) -> list[Group]:
    """Largest group first, since a large one fits badly at the end; groups of one size in the order of their hashes."""
    members: dict[str, Group] = defaultdict(list)
    for clip in clips:
        members[group_of(clip)].append(clip)

    def place(name: str) -> tuple[int, str]:
        return -len(members[name]), hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()

    return [members[name] for name in sorted(members, key=place)]


def _divide(groups: list[Group], shares: dict[str, float]) -> dict[str, str]:
    """Clip id -> split. Each group goes where most is missing, first of its label and then of anything."""
    labels = Counter(clip.label for group in groups for clip in group)
    by_label = all(len(group) == 1 for group in groups)
    if by_label:
        # Rare labels first: the common ones can still even out the sizes at the end. Stable, so hashes keep the order.
        groups = sorted(groups, key=lambda group: (labels[group[0].label], str(group[0].label)))
    sizes = _sizes(len(groups), shares) if by_label else {split: math.inf for split in shares}
    total = labels.total()
    placed: dict[str, Counter[str | None]] = {split: Counter() for split in shares}
    split_of: dict[str, str] = {}
    for position, group in enumerate(groups):
        label = group[0].label

        def missing(split: str, label: str | None = label) -> tuple[float, float]:
            of_label = shares[split] * labels[label] - placed[split][label] if by_label else 0.0
            return of_label, shares[split] * total - placed[split].total()

        empty = [split for split in shares if not placed[split]]
        open_splits = [split for split in shares if placed[split].total() < sizes[split]]
        # The last groups fill the splits that would stay empty.
        choice = max(empty if len(groups) - position <= len(empty) else open_splits, key=missing)
        placed[choice].update(clip.label for clip in group)
        split_of |= {clip.id: choice for clip in group}
    return split_of


def _sizes(count: int, shares: dict[str, float]) -> dict[str, int]:
    """Whole numbers that add up to `count`, at least 1 each and otherwise as near to the shares as can be."""
    sizes = dict.fromkeys(shares, 1)
    for _ in range(count - len(shares)):
        sizes[max(shares, key=lambda split: shares[split] * count - sizes[split])] += 1
    return sizes


def _refuse_divided_subjects(clips: Sequence[Clip]) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.subject is not None:
            splits[clip.subject].add(str(clip.split))
    divided = [f"{subject} ({', '.join(sorted(found))})" for subject, found in splits.items() if len(found) > 1]
    if divided:
        raise UserError(
            f"{len(divided)} subject(s) are in more than one split: {named_some(divided)}; a model would be tested on "
            "faces and voices it was trained on, so give each subject one split"
        )


def named_some(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    rest = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + rest
