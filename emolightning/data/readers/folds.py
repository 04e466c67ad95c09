"""Clips -> folds for cross-validation: every clip is tested once, nobody is in two folds of one division."""

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from emolightning.config.problems import not_one_of
from emolightning.data.readers.splits import (
    SPLITS,
    groups_of,
    labels_to_spread,
    named_some,
    refuse_divided_subjects,
    split_groups,
)
from emolightning.errors import UserError
from emolightning.records.clips import Clip, in_splits

if TYPE_CHECKING:
    import numpy as np

SUBJECT = "subject"
VAL_SHARE = 0.15
"""Share of the clips that are left when one subject (session, ...) is tested."""

NUMBERED = re.compile(r"(\d{1,4})/(\d{1,4})")


class Held(NamedTuple):
    """What becomes of the clips when a part of them is held out."""

    parts: Sequence[str]
    """The part of each clip, in the order of the clips."""
    split_of: Mapping[str, str]
    """Part -> split."""
    class_counts: Mapping[str, Mapping[str, int]]
    """Split -> label -> clips."""
    num_tested: int
    """Subjects that are tested."""


class Division:
    """Clips in parts that are held out in turn: whatever is the same for all of these is done once.

    Args:
        clips: of all splits.
        seed: another one gives another division.
    """

    def __init__(self, clips: Sequence[Clip], *, seed: int):
        self.clips, self.seed = clips, seed
        self._parts: dict[str, list[str]] = {}
        self._counts: dict[str, Counter[tuple[str, str | None]]] = {}
        self._subjects: dict[str, list[tuple[str | None, str]]] = {}

    def held_out(self, held_out: str) -> Held:
        """Which part is in which split: one is tested, another one, or a share of the others, is for validation.

        Args:
            held_out: `2/5`, the second of five folds, after which the third is for validation; or `subject=s01`, all
                clips of which the column says so, and a share of the other subjects for validation.

        Raises:
            UserError: there is no such fold, or it leaves nothing to train on, or a subject is in two splits.
        """
        key, split_of = self._splits(held_out)
        counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
        for (part, label), number in self._counts[key].items():
            counts[split_of[part]][str(label)] += number
        if empty := [split for split in SPLITS if not counts[split]]:
            raise UserError(f"data.held_out={held_out}: leaves no clip for {' and '.join(empty)}; say fewer folds")
        places = [(subject, split_of[part]) for subject, part in self._subjects[key] if subject is not None]
        refuse_divided_subjects(places)
        tested = {subject for subject, split in places if split == "test"}
        return Held(self._parts[key], split_of, counts, len(tested))

    def _splits(self, held_out: str) -> tuple[str, dict[str, str]]:
        """What the clips are divided by, and the split of each part."""
        if (found := NUMBERED.fullmatch(held_out)) is not None:
            number, total = int(found[1]), int(found[2])
            if not 1 <= number <= total or total < 3:
                raise UserError(f"data.held_out={held_out}: say e.g. 1/5; of at least 3 folds, the first is 1")
            self._divide(f"/{total}")
            names = {number - 1: "test", number % total: "val"}
            return f"/{total}", {str(fold): names.get(fold, "train") for fold in range(total)}
        column, equals, value = held_out.partition("=")
        if not equals:
            raise UserError(f"data.held_out={held_out}: say a fold, e.g. 2/5, or who is tested, e.g. 'subject=s01'")
        self._divide(column)
        sizes: Counter[str] = Counter()
        labels: dict[str, str | None] = {}
        for (part, label), number in self._counts[column].items():
            sizes[part] += number
            labels[part] = label
        if value not in sizes:
            raise UserError(f"data.held_out={held_out}: {not_one_of(value, sorted(sizes))}")
        del sizes[value], labels[value]
        ratios = (1 - VAL_SHARE, VAL_SHARE, 0.0)
        named = {part: f"subject\0{part}" for part in sizes}
        split_of = split_groups(
            {named[part]: size for part, size in sizes.items()},
            {named[part]: label for part, label in labels.items()},
            ratios=ratios,
            seed=self.seed,
            kind="subjects",
        )
        return column, {value: "test", **{part: split_of[name] for part, name in named.items()}}

    def _divide(self, key: str) -> None:
        """Put each clip into its part, once: a fold of so many, or what a column says of it."""
        if key in self._parts:
            return
        if key.startswith("/"):
            names = list(map(str, range(int(key[1:]))))
            parts = list(map(names.__getitem__, folds_by_row(self.clips, len(names), seed=self.seed)))
        else:
            values = values_of(self.clips, key)
            parts = [values[clip.id] for clip in self.clips]
        self._parts[key] = parts
        about = Counter(
            zip(parts, map(attrgetter("label"), self.clips), map(attrgetter("subject"), self.clips), strict=True)
        )
        counts = self._counts[key] = Counter[tuple[str, str | None]]()
        for (part, label, _), number in about.items():
            counts[part, label] += number
        self._subjects[key] = list(dict.fromkeys((subject, part) for part, _, subject in about))


def in_fold(clips: Sequence[Clip], held_out: str, *, seed: int) -> list[Clip]:
    """The same clips in the same order, divided anew, see `Division.held_out`.

    Raises:
        UserError: as there.
    """
    held = Division(clips, seed=seed).held_out(held_out)
    return in_splits(clips, map(held.split_of.__getitem__, held.parts))


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
    """Clip id -> fold from 0 on, see `folds_by_row`."""
    return dict(zip(map(attrgetter("id"), clips), folds_by_row(clips, number, seed=seed), strict=True))


def folds_by_row(clips: Sequence[Clip], number: int, *, seed: int) -> list[int]:
    """The fold of each clip, from 0 on; labels are spread evenly, whoever is seen stays whole.

    Raises:
        UserError: fewer subjects than folds, or fewer clips of each label.
    """
    import numpy as np

    groups = groups_of(clips)
    kinds = sorted(set(groups))
    if len(kinds) < number:
        kind = "clips" if all(clip.subject is None for clip in clips) else "subjects"
        raise UserError(f"{len(kinds)} {kind} cannot fill {number} folds; say fewer folds, or leave_one=subject")
    words = list(map(str, labels_to_spread(clips, number)))
    names = sorted(set(words))
    has_several = any(clip.label is None and clip.open_labels for clip in clips)
    if len(names) == len(clips) or (has_several and max(Counter(words).values()) < number):  # Texts, each its own.
        words, names = [""] * len(clips), [""]
    if max(Counter(words).values()) < number:
        raise UserError(f"no label has {number} clips, one for each fold; say fewer folds")
    labels = np.array(list(map({name: place for place, name in enumerate(names)}.__getitem__, words)))
    if len(kinds) < len(clips):
        places = np.array(list(map({kind: place for place, kind in enumerate(kinds)}.__getitem__, groups)))
        folds = _whole_groups(labels, places, number, seed=seed)
    else:
        order = np.array(
            sorted(range(len(clips)), key=lambda row: clips[row].id)
        )  # The order of the rows does not matter.
        folds = np.empty(len(clips), dtype=int)
        folds[order] = _stratified(labels[order], number, seed=seed)
    found: list[int] = folds.tolist()
    return found


def _stratified(labels: "np.ndarray", number: int, *, seed: int) -> "np.ndarray":
    """The fold of each clip, (clips,), as scikit-learn shuffles and divides them."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    folds = np.empty(len(labels), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Labels with few clips are told with the folds.
        splitter = StratifiedKFold(number, shuffle=True, random_state=seed)
        for fold, (_, tested) in enumerate(splitter.split(np.zeros((len(labels), 1)), labels)):
            folds[tested] = fold
    return folds


def _whole_groups(labels: "np.ndarray", groups: "np.ndarray", number: int, *, seed: int) -> "np.ndarray":
    """The fold of each clip: what scikit-learn's StratifiedGroupKFold gives, shuffled, all folds compared at once.

    Args:
        labels: (clips,), numbers of labels.
        groups: (clips,), numbers of groups.
        number: of folds.
        seed: of the shuffling.
    """
    import numpy as np

    totals = np.bincount(labels)
    counts = np.zeros((groups.max() + 1, len(totals)))  # (groups, labels)
    np.add.at(counts, (groups, labels), 1)
    order = np.arange(len(counts))
    np.random.RandomState(seed).shuffle(order)
    order = order[np.argsort(-np.std(counts[order], axis=1), kind="stable")]
    fold_of = np.empty(len(counts), dtype=int)
    filled = np.zeros((number, len(totals)))  # (folds, labels)
    rows = np.arange(number)
    for group, own in zip(order.tolist(), counts[order], strict=True):
        tried = np.repeat(filled[None], number, axis=0)  # (where the group goes, folds, labels)
        tried[rows, rows] += own
        uneven = _deviation(tried / totals).mean(axis=1).tolist()
        fold = _least(uneven, filled.sum(axis=1).tolist())
        filled[fold] += own
        fold_of[group] = fold
    return fold_of[groups]


def _deviation(shares: "np.ndarray") -> "np.ndarray":
    """`np.std` over the folds to the last bit, without what that asks of its arguments."""
    apart = shares - shares.sum(axis=1, keepdims=True) / shares.shape[1]
    return ((apart * apart).sum(axis=1) / shares.shape[1]) ** 0.5


def _least(uneven: Sequence[float], sizes: Sequence[float]) -> int:
    """The fold that stays most even; of those as good as equal the smaller one. The order counts, as it does there."""
    best, least, smallest = 0, float("inf"), float("inf")
    for fold, (value, size) in enumerate(zip(uneven, sizes, strict=True)):
        is_close = abs(value - least) <= 1e-8 + 1e-5 * abs(least)
        if value < least or (is_close and size < smallest):
            best, least, smallest = fold, value, size
    return best


def values_of(clips: Sequence[Clip], column: str) -> dict[str, str]:
    """Clip id -> what a column says of it.

    Raises:
        UserError: there is no such column, or it is empty for some clips.
    """
    found: Mapping[str, str | None] = {
        clip.id: clip.subject if column.lower() == SUBJECT else clip.attributes.get(column.lower()) for clip in clips
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
