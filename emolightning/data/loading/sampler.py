"""Which clips a rank sees, and in what order: a function of (seed, epoch, rank) and the number of steps done.

Nothing has to be stored to resume in mid-epoch, and every rank count sees the same clips in each optimizer step.
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.utils.data import Sampler

from emolightning.data.loading.draws import CorpusDraws, LabelDraws


class ClipKey(NamedTuple):
    """What a dataset makes an example of."""

    epoch: int
    position: int
    """Place of the clip in its split."""
    is_borrowed: bool = False
    """The clip is another rank's in this step and only fills a batch: there is nothing to learn from it here."""


@dataclass(frozen=True)
class LengthBuckets:
    """Batches of clips of like length: less of them is padding."""

    lengths: Sequence[int]
    """The lengths of the clips, by their place in the split."""
    batches: int
    """Batches whose random clips are sorted together; 1 would change nothing."""

    def sorted_by_length(self, order: Sequence[int], size: int, generator: torch.Generator) -> list[int]:
        """The clips of an order in batches of like length, which come in random order; a short last one stays last.

        Args:
            order: places in the split.
            size: clips of a step, of all ranks.
            generator: of the order of batches.
        """
        whole, stretch = len(order) // size * size, self.batches * size
        found: list[list[int]] = []
        for start in range(0, whole, stretch):
            bucket = sorted(order[start : min(start + stretch, whole)], key=lambda place: self.lengths[place])
            found += [bucket[first : first + size] for first in range(0, len(bucket), size)]
        shuffled = torch.randperm(len(found), generator=generator).tolist()
        return [place for number in shuffled for place in found[number]] + list(order[whole:])


class TrainSampler(Sampler[list[ClipKey]]):
    """Batches for training.

    Args:
        num_clips: size of the split.
        batch_size: clips per rank and step.
        rank: this process.
        world_size: number of processes.
        seed: of the permutations.
        batches_per_epoch: None for the whole split once, or a number of batches per rank: then the stream of
            permutations goes on over the epochs, each without its short last batch (upstream's `iters_per_epoch`).
        progress: called when an iteration starts; batches finished since the start of training on each rank, and
            batches in an epoch, which a trainer may limit. None starts at the beginning.
        repeats: every epoch has the batches of the first one, to see whether they can be learned by heart.
        draws: what a pass consists of; None is each clip once.
        buckets: of clips of like length; None makes batches of any.
    """

    def __init__(
        self,
        num_clips: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        batches_per_epoch: int | None = None,
        progress: Callable[[], tuple[int, int]] | None = None,
        repeats: bool = False,
        draws: LabelDraws | CorpusDraws | None = None,
        buckets: LengthBuckets | None = None,
    ):
        self.num_clips = num_clips
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.batches_per_epoch = batches_per_epoch
        self.progress = progress
        self.repeats = repeats
        self.draws = draws
        self.buckets = buckets

    def __len__(self) -> int:
        """Batches per epoch; the last one of a whole split may be smaller."""
        return self.batches_per_epoch or math.ceil(self.num_clips / self._together)

    def __iter__(self) -> Iterator[list[ClipKey]]:
        # Read here, not in __init__: on a resume Lightning restores its counters after the loaders are built.
        done, per_epoch = self.progress() if self.progress else (0, len(self))
        epoch, first = divmod(done, per_epoch)
        if self.batches_per_epoch is None:
            yield from self._pass(epoch, range(first, len(self)))
            return
        # Without the short last batch; a split smaller than one batch is one batch.
        in_pass = max(1, self.num_clips // self._together)
        if self.repeats:
            yield from self._pass(epoch, (step % in_pass for step in range(first, per_epoch)))
            return
        ahead = range(done, epoch * per_epoch + self.batches_per_epoch)
        for number, batches in itertools.groupby(ahead, key=lambda batch: batch // in_pass):
            yield from self._pass(number, (batch % in_pass for batch in batches))

    @property
    def _together(self) -> int:
        return self.batch_size * self.world_size

    def _pass(self, number: int, steps: Iterable[int]) -> Iterator[list[ClipKey]]:
        """This rank's share of some steps of one permutation."""
        order = self.permutation(0 if self.repeats else number)
        for step in steps:
            whole = order[step * self._together : (step + 1) * self._together]
            # Every rank needs as many clips as the others: a short last batch borrows from its own start.
            share = math.ceil(len(whole) / self.world_size)
            own = range(self.rank * share, (self.rank + 1) * share)
            yield [ClipKey(number, whole[place % len(whole)], place >= len(whole)) for place in own]

    def permutation(self, epoch: int) -> list[int]:
        """The order of the clips in one pass over them."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order: list[int] = torch.randperm(self.num_clips, generator=generator).tolist()
        if self.draws is not None:
            drawn = self.draws.of_pass(epoch)
            order = [drawn[place] for place in order]
        return order if self.buckets is None else self.buckets.sorted_by_length(order, self._together, generator)

    def padding(self, lengths: Sequence[int], *, buckets: LengthBuckets | None) -> float:
        """The share of padding among the positions of a first pass, on this rank.

        Args:
            lengths: of the clips, by their place in the split.
            buckets: of the batches.
        """
        other = copy(self)
        other.buckets, other.progress, other.batches_per_epoch = buckets, None, None
        batches = [[lengths[key.position] for key in batch] for batch in other]
        return 1 - sum(map(sum, batches)) / sum(max(batch) * len(batch) for batch in batches)


class EvaluationSampler(Sampler[list[ClipKey]]):
    """The clips of a split in order, in batches that are the same for any number of ranks.

    The last bits of a float depend on the shape of its batch. So batches are formed once and dealt out whole; ranks get
    equally many, because sharded engines wait for each other, by repeating some from the start. Repeated clips are
    dropped by clip when scores are made.

    Args:
        num_clips: size of the split.
        batch_size: clips in a batch; the last one may be smaller.
        answered: positions that need no answer. A batch is left out when all its clips are among them, else it is taken
            whole: an evaluation that was interrupted continues with the batches of one that was not.
        rank: this process.
        world_size: number of processes.
    """

    def __init__(
        self, num_clips: int, *, batch_size: int, answered: Collection[int] = (), rank: int = 0, world_size: int = 1
    ):
        batches = (range(start, min(start + batch_size, num_clips)) for start in range(0, num_clips, batch_size))
        known = frozenset(answered)
        self.batches = [batch for batch in batches if not known.issuperset(batch)]
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        """Batches of each rank."""
        return math.ceil(len(self.batches) / self.world_size)

    def __iter__(self) -> Iterator[list[ClipKey]]:
        for number in range(len(self)):
            batch = self.batches[(self.rank + self.world_size * number) % len(self.batches)]
            yield [ClipKey(0, position) for position in batch]
