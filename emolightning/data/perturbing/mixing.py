"""Mixup: a training clip is a weighted mean of two clips, in its vectors and in what it teaches."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emolightning.records.clips import Clip, Example
from emolightning.records.corruptions import draws


@dataclass(frozen=True)
class Partner:
    """What a clip is mixed with in one pass."""

    place: int
    """The other clip's in the split; perhaps the clip's own."""
    own: float
    """Share that stays the clip's own, at least a half."""


class Mixup:
    """Draws partners by (seed, pass, clip). It travels to worker processes.

    Args:
        clips: of the train split; those with a label, and those with a number, are mixed with their like.
        alpha: both parameters of the Beta distribution that shares are drawn from.
        seed: of what is drawn.
    """

    def __init__(self, clips: Sequence[Clip], alpha: float, seed: int):
        self.alpha, self.seed = alpha, seed
        self.ids = [clip.id for clip in clips]
        alike: defaultdict[tuple[bool, bool], list[int]] = defaultdict(list)
        self.partners = [alike[clip.label is None, clip.valence is None] for clip in clips]
        for place, partners in enumerate(self.partners):
            partners.append(place)

    def partner(self, place: int, number: int) -> Partner:
        """The partner of a clip.

        Args:
            place: of the clip in the split.
            number: of the pass.
        """
        drawn, partners = draws(self.seed, "mixup", f"{number}/{self.ids[place]}"), self.partners[place]
        share = drawn.beta(self.alpha, self.alpha)
        return Partner(partners[int(drawn.integers(len(partners)))], max(share, 1 - share))


def mixed(example: Example, other: Example, own: float) -> Example:
    """The mean of two examples: of their vectors, of the labels they teach, and of their valence.

    Args:
        example: what is asked is its question.
        other: has vectors of the same shapes.
        own: share of the first one.
    """
    features = {name: vectors * own + other.features[name] * (1 - own) for name, vectors in example.features.items()}
    return replace(example, clip=mixed_targets(example.clip, other.clip, own), features=features)


def mixed_targets(clip: Clip, other: Clip, own: float) -> Clip:
    """A clip that teaches what two clips do."""
    shares: defaultdict[str, float] = defaultdict(float)
    for each, weight in ((clip, own), (other, 1 - own)):
        for label, share in each.shares or (((each.label, 1.0),) if each.label else ()):
            if weight:
                shares[label] += weight * share
    valence = None
    if clip.valence is not None and other.valence is not None:
        valence = clip.valence * own + other.valence * (1 - own)
    return replace(clip, shares=tuple(shares.items()), valence=valence)
