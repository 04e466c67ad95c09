"""Clips -> folds for cross-validation: every clip is tested once, nobody is in two folds of one division."""

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from emolightning.config.problems import not_one_of
from emolightning.data.readers.splits import assign_splits, group_of, named_some
from emolightning.errors import UserError
from emolightning.records.clips import Clip

SUBJECT = "subject"
VAL_SHARE = 0.15
"""Share of the clips that are left when one subject (session, ...) is tested."""

NUMBERED = re.compile(r"(\d{1,4})/(\d{1,4})")


def in_fold(clips: Sequence[Clip], held_out: str, *, seed: int) -> list[Clip]:
    """The same clips in the same order, divided anew: a fold is tested, another one is for validation.

    Args:
        clips: of all splits.
        held_out: `2/5`, the second of five folds, after which the third is for validation; or `subject=s01`, all clips
            of which the column says so, and a share of the other subjects for validation.
        seed: another one gives another division.

    Raises:
        UserError: there is no such fold, or it leaves nothing to train on.
    """
    if (found := NUMBERED.fullmatch(held_out)) is not None:
        number, total = int(found[1]), int(found[2])
        if not 1 <= number <= total or total < 3:
            raise UserError(f"data.held_out={held_out}: say e.g. 1/5; of at least 3 folds, the first is 1")
        fold_of = divided(clips, total, seed=seed)
        names = {number - 1: "test", number % total: "val"}
        return _checked([replace(clip, split=names.get(fold_of[clip.id], "train")) for clip in clips], held_out)
    column, equals, value = held_out.partition("=")
    if not equals:
        raise UserError(f"data.held_out={held_out}: say a fold, e.g. 2/5, or who is tested, e.g. 'subject=s01'")
    values = values_of(clips, column)
    if value not in values.values():
        raise UserError(f"data.held_out={held_out}: {not_one_of(value, sorted(set(values.values())))}")
    rest = [replace(clip, split=None, subject=values[clip.id]) for clip in clips if values[clip.id] != value]
    split_of = {clip.id: clip.split for clip in assign_splits(rest, seed=seed, ratios=(1 - VAL_SHARE, VAL_SHARE, 0.0))}
    return _checked([replace(clip, split=split_of.get(clip.id, "test")) for clip in clips], held_out)


def folds_of(clips: Sequence[Clip], *, folds: int | None, leave_one: str | None) -> list[str]:
    """What is held out in turn.

    Raises:
        UserError: too few values of a column, or as many as clips.
    """
    if leave_one is None:
        return [f"{number}/{folds}" for number in range(1, (folds or 0) + 1)]
    counts = Counter(values_of(clips, leave_one).values())
    if len(counts) < 3 or len(counts) == len(clips):
        raise UserError(
            f"leave_one={leave_one}: {len(counts)} values for {len(clips)} clips; a test, a validation and a training "
            "need three, and each must have several clips; or say folds=5"
        )
    return [f"{leave_one}={value}" for value in sorted(counts)]


def divided(clips: Sequence[Clip], number: int, *, seed: int) -> dict[str, int]:
    """Clip id -> fold from 0 on; labels are spread evenly, whoever is seen stays whole.

    Raises:
        UserError: fewer subjects than folds.
    """
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    ordered = sorted(clips, key=lambda clip: clip.id)  # The order of the rows does not matter.
    groups = [group_of(clip) for clip in ordered]
    kinds = set(groups)
    if len(kinds) < number:
        kind = "clips" if all(clip.subject is None for clip in clips) else "subjects"
        raise UserError(f"{len(kinds)} {kind} cannot fill {number} folds; say fewer folds, or leave_one=subject")
    labels = np.array([str(clip.label) for clip in ordered])
    if min(Counter(labels.tolist()).values()) == len(ordered):  # Texts, each its own.
        labels = np.full(len(ordered), "")
    splitter = StratifiedKFold if len(kinds) == len(ordered) else StratifiedGroupKFold
    places = np.zeros((len(ordered), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Labels with few clips are told with the folds.
        parts = splitter(number, shuffle=True, random_state=seed).split(places, labels, np.array(groups))
        return {ordered[place].id: fold for fold, (_, tested) in enumerate(parts) for place in tested.tolist()}


def values_of(clips: Sequence[Clip], column: str) -> dict[str, str]:
    """Clip id -> what a column says of it.

    Raises:
        UserError: there is no such column, or it is empty for some clips.
    """
    found: Mapping[str, str | None] = {
        clip.id: clip.subject if column == SUBJECT else clip.attributes.get(column.lower()) for clip in clips
    }
    values = {clip: value for clip, value in found.items() if value}
    if not values:
        columns = sorted({name for clip in clips for name in clip.attributes})
        have = [*([SUBJECT] if any(clip.subject for clip in clips) else []), *columns]
        say = not_one_of(column, have) if have else "the clips say neither a subject nor anything else"
        raise UserError(f"leave_one={column}: {say}; a table names it in a column, e.g. data.columns.subject=NAME")
    if without := [clip.id for clip in clips if clip.id not in values]:
        raise UserError(f"leave_one={column}: {len(without)} of {len(clips)} clips have none: {named_some(without)}")
    return values


def _checked(clips: list[Clip], held_out: str) -> list[Clip]:
    counts = Counter(clip.split for clip in clips)
    if empty := [split for split in ("train", "val", "test") if not counts[split]]:
        raise UserError(f"data.held_out={held_out}: leaves no clip for {' and '.join(empty)}; say fewer folds")
    return assign_splits(clips, seed=0)  # Refuses who is in two of them.
