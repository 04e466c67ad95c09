"""Which clips a rank sees, and in what order: a function of (seed, epoch, rank) and the number of steps done.

Nothing has to be stored to resume in mid-epoch, and every rank count sees the same clips in each optimizer step.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch.utils.data import Sampler


class TrainSampler(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, position) for training.

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
    ):
        self.num_clips = num_clips
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.batches_per_epoch = batches_per_epoch
        self.progress = progress

    def __len__(self) -> int:
        """Batches per epoch; the last one of a whole split may be smaller."""
        return self.batches_per_epoch or math.ceil(self.num_clips / self._together)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        # Read here, not in __init__: on a resume Lightning restores its counters after the loaders are built.
        done, per_epoch = self.progress() if self.progress else (0, len(self))
        epoch, first = divmod(done, per_epoch)
        if self.batches_per_epoch is None:
            yield from self._pass(epoch, range(first, len(self)))
            return
        # Without the short last batch; a split smaller than one batch is one batch.
        in_pass = max(1, self.num_clips // self._together)
        ahead = range(done, epoch * per_epoch + self.batches_per_epoch)
        for number, batches in itertools.groupby(ahead, key=lambda batch: batch // in_pass):
            yield from self._pass(number, (batch % in_pass for batch in batches))

    @property
    def _together(self) -> int:
        return self.batch_size * self.world_size

    def _pass(self, number: int, steps: Iterable[int]) -> Iterator[list[tuple[int, int]]]:
        """This rank's share of some steps of one permutation."""
        order = self.permutation(number)
        for step in steps:
            whole = order[step * self._together : (step + 1) * self._together]
            # Every rank needs as many clips as the others: a short last batch borrows from its own start.
            share = math.ceil(len(whole) / self.world_size)
            own = [whole[(self.rank * share + offset) % len(whole)] for offset in range(share)]
            yield [(number, position) for position in own]

    def permutation(self, epoch: int) -> list[int]:
        """The order of the clips in one pass over them."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        return torch.randperm(self.num_clips, generator=generator).tolist()


class EvaluationSampler(Sampler[list[tuple[int, int]]]):
    """Given positions in order, shared among ranks; ranks get equally many by repeating some from the start.

    Equal numbers because sharded engines wait for each other; the repeats are dropped by clip when scores are made.
    """

    def __init__(self, positions: Sequence[int], *, batch_size: int, rank: int = 0, world_size: int = 1):
        self.positions = list(positions)
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size

    @property
    def share(self) -> int:
        """Clips per rank."""
        return math.ceil(len(self.positions) / self.world_size)

    def __len__(self) -> int:
        return math.ceil(self.share / self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        own = [self.positions[(self.rank + self.world_size * k) % len(self.positions)] for k in range(self.share)]
        for start in range(0, self.share, self.batch_size):
            yield [(0, position) for position in own[start : start + self.batch_size]]
