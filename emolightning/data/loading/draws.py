"""Which clips one pass over the train split draws: each once, labels more evenly than they are there, or by corpus."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from emolightning.config.corpora import weight_at
from emolightning.errors import UserError
from emolightning.records.clips import Clip

Sampling = Literal["none", "balanced", "sqrt"]

POWERS: Mapping[str, float] = {"none": 1.0, "balanced": 0.0, "sqrt": 0.5}
"""A label is drawn in proportion to this power of its clips."""


class LabelDraws:
    """Draws as many clips as there are, label by label.

    The clips of a label come in a stream of permutations that goes on from pass to pass, so that none of them is drawn
    twice more often than another one.

    Args:
        labels: of the clips of the split, in order.
        sampling: `balanced` or `sqrt`.
        seed: of the permutations.
    """

    def __init__(self, labels: Sequence[str], sampling: Sampling, *, seed: int):
        self.sampling = sampling
        self.quotas = quotas(Counter(labels), sampling)
        self.places = {name: [i for i, label in enumerate(labels) if label == name] for name in self.quotas}
        self.seed = seed

    def of_pass(self, number: int) -> list[int]:
        """Places in the split, label by label; a function of the seed and the number of the pass."""
        drawn: list[int] = []
        for rank, (label, quota) in enumerate(self.quotas.items()):
            drawn += stretch(self.places[label], number * quota, quota, key=(self.seed, rank))
        return drawn


class CorpusDraws:
    """Draws so many clips an epoch, of each corpus its share.

    The clips of a corpus come in a stream of permutations that goes on from epoch to epoch, also while its weight
    changes, so that none of them is drawn twice more often than another one. No corpus has its order by the others.

    Args:
        corpora: of the clips of the split, in order.
        weights: corpus -> first epoch -> its weight from there on.
        size: clips that an epoch draws.
        seed: of the permutations.

    Raises:
        UserError: a corpus that is to be drawn has no clips in the split.
    """

    def __init__(self, corpora: Sequence[str], weights: Mapping[str, Mapping[int, float]], *, size: int, seed: int):
        self.places: dict[str, list[int]] = {name: [] for name in weights}
        for place, name in enumerate(corpora):
            self.places[name].append(place)
        if idle := [name for name, of_one in weights.items() if any(of_one.values()) and not self.places[name]]:
            raise UserError(
                f"data.corpora.{idle[0]}: it has no clips to train on, so none can be drawn; leave it out, or say "
                f"data.corpora.{idle[0]}.weight=0 to validate on it alone"
            )
        self.weights = weights
        self.size = size
        self.seed = seed

    def quotas(self, epoch: int) -> dict[str, int]:
        """Corpus -> clips that an epoch draws of it."""
        return shared_out(self.size, {name: weight_at(of_one, epoch) for name, of_one in self.weights.items()})

    def phases(self) -> list[int]:
        """The epochs from which on other shares are drawn, the first one included."""
        return sorted({0, *(start for of_one in self.weights.values() for start in of_one)})

    def of_pass(self, number: int) -> list[int]:
        """Places in the split, corpus by corpus; a function of the seed and the epoch."""
        before: Counter[str] = Counter()
        starts = [*(start for start in self.phases() if start < number), number]
        for start, end in pairwise(starts):
            before.update({name: quota * (end - start) for name, quota in self.quotas(start).items()})
        drawn: list[int] = []
        for name, quota in self.quotas(number).items():
            own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
            drawn += stretch(self.places[name], before[name], quota, key=(self.seed, own)) if quota else []
        return drawn


def stretch(places: Sequence[int], first: int, number: int, *, key: Sequence[int]) -> list[int]:
    """A part of an endless stream of permutations of some places.

    Args:
        places: at least one.
        first: where in the stream it begins.
        number: of places.
        key: seeds of the stream.
    """
    rounds = range(first // len(places), (first + number - 1) // len(places) + 1)
    stream = [places[i] for each in rounds for i in np.random.default_rng([*key, each]).permutation(len(places))]
    skipped = first % len(places)
    return stream[skipped : skipped + number]


def quotas(counts: Mapping[str, int], sampling: Sampling) -> dict[str, int]:
    """Label -> clips that a pass draws; as many together as there are.

    >>> quotas({"happy": 90, "sad": 10}, "balanced"), quotas({"happy": 90, "sad": 10}, "sqrt")
    ({'happy': 50, 'sad': 50}, {'happy': 75, 'sad': 25})
    """
    return shared_out(sum(counts.values()), {label: counts[label] ** POWERS[sampling] for label in sorted(counts)})


def shared_out(total: int, parts: Mapping[str, float]) -> dict[str, int]:
    """A whole number in proportion to some parts, as whole numbers that add up to it.

    >>> shared_out(10, {"meld": 2, "iemocap": 1})
    {'meld': 7, 'iemocap': 3}
    """
    shares = {label: total * part / sum(parts.values()) for label, part in parts.items()}
    found = {label: int(share) for label, share in shares.items()}
    by_rest = sorted(shares, key=lambda label: found[label] - shares[label])
    for label in by_rest[: total - sum(found.values())]:
        found[label] += 1
    return found


def labels_of(clips: Sequence[Clip], setting: str) -> list[str]:
    """The label of each clip, which a setting needs.

    Args:
        clips: of the train split.
        setting: as it was typed, e.g. `data.sampling=balanced`.

    Raises:
        UserError: some clips have none.
    """
    without = [clip.id for clip in clips if clip.label is None]
    if without:
        raise UserError(
            f"{setting}: {len(without)} of {len(clips)} clips of train have no label, e.g. {without[0]!r}; it goes by "
            "the labels of clips, so leave it out, or give every clip a label"
        )
    return [clip.label for clip in clips if clip.label is not None]
