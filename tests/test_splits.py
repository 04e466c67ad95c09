"""Splits: exact sizes, no subject on two sides, and the same result whatever the order of the rows."""

import random
from collections import Counter
from pathlib import Path

import pytest

from emolightning.data.readers.folds import divided
from emolightning.data.readers.splits import assign_splits, labels_to_spread, select
from emolightning.errors import UserError
from emolightning.records.clips import Clip


def make_clips(count: int, labels: str = "abc", subjects: int | None = None, **values) -> list[Clip]:
    return [
        Clip(
            f"clip{index}",
            Path(f"clip{index}.mp4"),
            label=labels[index % len(labels)],
            subject=None if subjects is None else f"s{index % subjects}",
            **values,
        )
        for index in range(count)
    ]


def sizes(clips: list[Clip]) -> tuple[int, ...]:
    counts = Counter(clip.split for clip in clips)
    return counts["train"], counts["val"], counts["test"]


@pytest.mark.parametrize(
    ("count", "expected"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (7, (5, 1, 1)), (20, (14, 3, 3)), (100, (70, 15, 15))]
)
@pytest.mark.parametrize("seed", [0, 1, 42])
def test_sizes_follow_the_ratios(count, expected, seed):
    assert sizes(assign_splits(make_clips(count), seed=seed)) == expected


def test_row_order_does_not_matter_and_the_seed_does():
    clips = make_clips(40, subjects=None)
    shuffled = random.Random(1).sample(clips, len(clips))
    first = assign_splits(clips, seed=1)
    assert [clip.id for clip in first] == [clip.id for clip in clips]
    assert {clip.id: clip.split for clip in first} == {c.id: c.split for c in assign_splits(shuffled, seed=1)}
    assert first != assign_splits(clips, seed=2)


def test_every_split_has_its_share_of_every_label():
    # 30 of a, 20 of b, 10 of c.
    clips = assign_splits(make_clips(60, labels="aaabbc"), seed=3, ratios=(0.6, 0.2, 0.2))
    for split, parts in [("train", (18, 12, 6)), ("val", (6, 4, 2)), ("test", (6, 4, 2))]:
        counts = Counter(clip.label for clip in select(clips, split))
        assert tuple(counts[label] for label in "abc") == parts


def test_clips_of_several_labels_are_spread_by_their_rarest_label_over_splits_and_folds():
    kinds = [("a",), ("a", "b"), ("a", "b"), ("c", "a"), ("b",), ("b", "a")]  # c: 10, b: 40, a: 50 of 60.
    every = [kinds[index % 6] + ("once",) * (index == 5) for index in range(60)]
    clips = [
        Clip(f"clip{index}", Path("x.mp4"), label=names[0] if len(names) == 1 else None, open_labels=names)
        for index, names in enumerate(every)
    ]
    assert Counter(labels_to_spread(clips, 3)) == {"a": 10, "b": 40, "c": 10}
    for seed in range(5):
        halves = assign_splits(clips, seed=seed, ratios=(0.6, 0.2, 0.2))
        rare = Counter(clip.split for clip in halves if "c" in clip.open_labels)
        assert (rare["train"], rare["val"], rare["test"]) == (6, 2, 2)
        folds = divided(clips, 5, seed=seed)
        assert set(Counter(folds[clip.id] for clip in clips if "c" in clip.open_labels).values()) == {2}
    free = [Clip(f"clip{n}", Path("x.mp4"), open_labels=(f"word{n}", f"other{n}")) for n in range(15)]
    assert set(Counter(divided(free, 5, seed=0).values()).values()) == {3}


@pytest.mark.parametrize("trial", range(30))
def test_labels_are_spread_to_within_one_or_two_clips(trial):
    draw = random.Random(trial)
    clips = make_clips(draw.randint(10, 90), labels="".join(draw.choices("abcdef", weights=(9, 5, 3, 2, 1, 1), k=31)))
    divided = assign_splits(clips, seed=trial)
    totals = Counter(clip.label for clip in clips)
    for split, ratio in zip(("train", "val", "test"), (0.7, 0.15, 0.15), strict=True):
        counts = Counter(clip.label for clip in select(divided, split))
        assert all(abs(counts[label] - ratio * totals[label]) < 2 for label in totals)
        assert abs(counts.total() - ratio * len(clips)) < 1.5


@pytest.mark.parametrize("trial", range(20))
def test_subjects_stay_together_and_no_split_is_empty(trial):
    draw = random.Random(trial)
    clips = make_clips(draw.randint(12, 80), subjects=draw.randint(3, 12))
    divided = assign_splits(clips, seed=trial)
    homes = {clip.subject: {other.split for other in divided if other.subject == clip.subject} for clip in divided}
    assert all(len(splits) == 1 for splits in homes.values())
    assert min(sizes(divided)) > 0
    assert sizes(divided)[0] == max(sizes(divided))


def test_one_large_subject_goes_to_the_training_set():
    clips = [Clip(f"c{i}", Path("x"), subject="big" if i < 90 else f"small{i % 2}") for i in range(100)]
    assert sizes(assign_splits(clips, seed=0)) == (90, 5, 5)


def test_a_ratio_of_zero_leaves_a_split_out():
    assert sizes(assign_splits(make_clips(10), seed=0, ratios=(0.8, 0.2, 0.0))) == (8, 2, 0)
    assert sizes(assign_splits(make_clips(1), seed=0, ratios=(0, 0, 1))) == (0, 0, 1)


def test_given_splits_are_kept():
    clips = make_clips(4, split="test")
    assert assign_splits(clips, seed=0) == clips


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "there are no clips to split"),
        (make_clips(2), r"2 clips cannot fill 3 splits \['train', 'val', 'test'\]; add clips, give a ratio of 0 to"),
        (make_clips(9, subjects=2), "2 subjects cannot fill 3 splits"),
        (
            [*make_clips(1, split="val"), *make_clips(13)[1:]],
            r"12 of 13 clips have no split: clip1, .*, clip10 and 2 more; fill the split column for every clip, or",
        ),
        (
            [*make_clips(1, subjects=1, split="val"), *make_clips(3, subjects=1, split="train")[1:]],
            r"1 subject\(s\) are in more than one split: s0 \(train, val\); .* give each subject one split",
        ),
    ],
)
def test_what_cannot_be_split_is_explained(clips, message):
    with pytest.raises(UserError, match=message):
        assign_splits(clips, seed=0)


@pytest.mark.parametrize("ratios", [(0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (0.5, 0.5), (float("nan"), 0.5, 0.5)])
def test_ratios_that_are_no_shares(ratios):
    with pytest.raises(UserError, match="must be three numbers from 0 up that add up to 1"):
        assign_splits(make_clips(10), seed=0, ratios=ratios)


def test_select():
    clips = assign_splits(make_clips(10), seed=0)
    assert select(clips, "all") == clips
    assert sorted(clip.id for split in ("train", "val", "test") for clip in select(clips, split)) == sorted(
        clip.id for clip in clips
    )
    with pytest.raises(UserError, match=r"split 'dev' is not one of \['train', 'val', 'test', 'all'\]"):
        select(clips, "dev")
