"""Which clips one pass over the train split draws: each once, or labels more evenly than they are there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

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
            places = self.places[label]
            first = number * quota
            rounds = range(first // len(places), (first + quota - 1) // len(places) + 1)
            stream = [place for each in rounds for place in self._round(rank, each, places)]
            skipped = first % len(places)
            drawn += stream[skipped : skipped + quota]
        return drawn

    def _round(self, rank: int, number: int, places: Sequence[int]) -> list[int]:
        order = np.random.default_rng([self.seed, rank, number]).permutation(len(places))
        return [places[i] for i in order]


def quotas(counts: Mapping[str, int], sampling: Sampling) -> dict[str, int]:
    """Label -> clips that a pass draws; as many together as there are.

    >>> quotas({"happy": 90, "sad": 10}, "balanced"), quotas({"happy": 90, "sad": 10}, "sqrt")
    ({'happy': 50, 'sad': 50}, {'happy': 75, 'sad': 25})
    """
    total = sum(counts.values())
    parts = {label: counts[label] ** POWERS[sampling] for label in sorted(counts)}
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
