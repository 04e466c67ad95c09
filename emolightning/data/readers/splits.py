"""Clips -> train, val and test: as the annotation says, or by ratio, never with one subject on two sides."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from emolightning.errors import UserError
from emolightning.records.clips import Clip, in_splits

SPLITS = ("train", "val", "test")

_MOST_NAMES = 10
"""Names shown in a message; the rest are counted."""


def assign_splits(
    clips: Sequence[Clip], *, seed: int, ratios: tuple[float, float, float] = (0.7, 0.15, 0.15)
) -> list[Clip]:
    """The same clips in the same order, each with a split, see `chosen_splits`."""
    splits = chosen_splits(clips, seed=seed, ratios=ratios)
    return list(clips) if splits is None else in_splits(clips, splits)


def chosen_splits(
    clips: Sequence[Clip], *, seed: int, ratios: tuple[float, float, float] = (0.7, 0.15, 0.15)
) -> list[str] | None:
    """The split of each clip; None where they have theirs.

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
        refuse_divided_subjects((clip.subject, clip.split) for clip in clips)
        return None
    if len(without) < len(clips):
        raise UserError(
            f"{len(without)} of {len(clips)} clips have no split: {named_some(without)}; "
            "fill the split column for every clip, or leave it out to split by ratio"
        )
    groups = groups_of(clips)
    kind = "clips" if all(clip.subject is None for clip in clips) else "subjects"
    kind = "videos" if kind == "clips" and any(clip.span for clip in clips) else kind
    labels = dict(zip(groups, labels_to_spread(clips, len(SPLITS)), strict=True))
    split_of = split_groups(Counter(groups), labels, ratios=ratios, seed=seed, kind=kind)
    return list(map(split_of.__getitem__, groups))


def labels_to_spread(clips: Sequence[Clip], parts: int) -> list[str | None]:
    """The label that each clip counts as where labels are spread over parts: its own, or of several the rarest.

    Labels of fewer clips than parts cannot be in each of them; a clip that has several others counts as one of these.
    """
    if not any(clip.label is None and clip.open_labels for clip in clips):
        return [clip.label for clip in clips]
    every = [{*(clip.open_labels or ()), *([clip.label] if clip.label else [])} for clip in clips]
    counts = Counter(label for labels in every for label in labels)
    return [
        clip.label
        or min((label for label in labels if counts[label] >= parts), key=lambda x: (counts[x], x), default=None)
        for clip, labels in zip(clips, every, strict=True)
    ]


def split_groups(
    sizes: Mapping[str, int],
    labels: Mapping[str, str | None],
    *,
    ratios: tuple[float, float, float],
    seed: int,
    kind: str,
) -> dict[str, str]:
    """Name of a group -> its split.

    Args:
        sizes: name -> clips that stay together.
        labels: name -> label of its clip; only asked where each group is one clip.
        ratios: shares of train, val and test.
        seed: another seed gives another division.
        kind: what groups are, for messages.

    Raises:
        UserError: fewer groups than splits.
    """
    shares = _shares(ratios)
    if len(sizes) < len(shares):
        raise UserError(
            f"{len(sizes)} {kind} cannot fill {len(shares)} splits {list(shares)}; add {kind}, "
            "give a ratio of 0 to a split that is not needed, or write a split column"
        )
    # Largest group first, since a large one fits badly at the end; groups of one size in the order of their hashes.
    names = sorted(sizes, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    names.sort(key=lambda name: -sizes[name])
    if sizes[names[0]] > 1:
        return _divide(names, sizes, shares)
    counts = Counter(labels.values())
    # Rare labels first: the common ones can still even out the sizes at the end. Stable, so hashes keep the order.
    ranked = sorted(counts, key=lambda label: (counts[label], str(label), label is None))
    rank_of = {label: rank for rank, label in enumerate(ranked)}
    names.sort(key=lambda name: rank_of[labels[name]])
    return _divide_by_label(names, labels, counts, shares)


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


def groups_of(clips: Sequence[Clip]) -> list[str]:
    """What each clip stays together with: its subject, the video that it is a piece of, or nothing else."""
    people = {subject: f"subject\0{subject}" for subject in {clip.subject for clip in clips}}
    videos: dict[str, str] = {}  # Each name is in memory once.
    return [
        people[clip.subject]
        if clip.subject is not None
        else f"clip\0{clip.id}"
        if clip.span is None
        else videos.setdefault(video := f"video\0{clip.id.rpartition('_')[0]}", video)
        for clip in clips
    ]


def _divide(names: Sequence[str], sizes: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, str]:
    """Name -> split. Each group goes where most is missing; the last ones fill what would stay empty."""
    total = sum(sizes.values())
    placed = dict.fromkeys(shares, 0)
    split_of = {}
    for position, name in enumerate(names):
        empty = [split for split in shares if not placed[split]]
        candidates = empty if len(names) - position <= len(empty) else shares
        choice = max(candidates, key=lambda split: shares[split] * total - placed[split])
        placed[choice] += sizes[name]
        split_of[name] = choice
    return split_of


def _divide_by_label(
    names: Sequence[str], labels: Mapping[str, str | None], counts: Mapping[str | None, int], shares: dict[str, float]
) -> dict[str, str]:
    """Name -> split. Each clip goes where most is missing, first of its label and then of anything.

    Clips of one label come one after the other.
    """
    room, remaining = _sizes(len(names), shares), len(names)
    goal = {split: share * len(names) for split, share in shares.items()}
    placed = dict.fromkeys(shares, 0)
    split_of = {}
    for label, of_this in groupby(names, key=labels.__getitem__):
        wanted = {split: share * counts[label] for split, share in shares.items()}
        of_label = dict.fromkeys(shares, 0)
        missing = {split: (wanted[split], goal[split] - placed[split]) for split in shares}
        open_splits = [split for split in shares if placed[split] < room[split]]
        for name in of_this:
            empty = [split for split in shares if not placed[split]] if remaining <= len(shares) else []
            choice = max(empty if 0 < remaining <= len(empty) else open_splits, key=missing.__getitem__)
            split_of[name] = choice
            placed[choice] += 1
            of_label[choice] += 1
            remaining -= 1
            missing[choice] = wanted[choice] - of_label[choice], goal[choice] - placed[choice]
            if placed[choice] >= room[choice]:
                open_splits = [split for split in shares if placed[split] < room[split]]
    return split_of


def _sizes(count: int, shares: dict[str, float]) -> dict[str, int]:
    """Whole numbers that add up to `count`, at least 1 each and otherwise as near to the shares as can be."""
    # What is far from its share would be given more first: that much is given at once.
    sizes = {split: max(1, math.floor(share * count) - len(shares) - 1) for split, share in shares.items()}
    for _ in range(count - sum(sizes.values())):
        sizes[max(shares, key=lambda split: shares[split] * count - sizes[split])] += 1
    return sizes


def refuse_divided_subjects(places: Iterable[tuple[str | None, str | None]]) -> None:
    """Refuse a subject in two splits.

    Args:
        places: subjects, None where nobody is named, each with a split.

    Raises:
        UserError: names them.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    for subject, split in dict.fromkeys(places):
        if subject is not None:
            splits[subject].add(str(split))
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
