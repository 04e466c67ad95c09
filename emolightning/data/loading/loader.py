"""Batches of clips, made in this process or in workers: the same content, the same messages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from emolightning.data.loading.examples import ClipDataset
from emolightning.data.loading.sampler import ClipKey
from emolightning.data.loading.worker_process import obey_parent_alone
from emolightning.errors import UserError
from emolightning.records.clips import Batch, Example

Collate = Callable[[Sequence[Example]], Batch]


@dataclass(frozen=True)
class Mistake:
    """What a worker sends instead of a batch; torch would put the message into a traceback."""

    message: str


class BatchDataset(Dataset[Batch | Mistake]):
    """A split by batches. Everything in it can be pickled: on some systems workers start without the parent's memory.

    Args:
        clips: makes an example of a key.
        collate: makes a batch of examples.
    """

    def __init__(self, clips: ClipDataset, collate: Collate):
        self.clips = clips
        self.collate = collate

    def __len__(self) -> int:
        """Clips of the split."""
        return len(self.clips)

    def __getitems__(self, keys: Sequence[ClipKey]) -> Batch | Mistake:
        """The batch, or the user's mistake that is in its way."""
        try:
            return self.collate([self.clips[key] for key in keys])
        except UserError as error:
            return Mistake(str(error))


class Loader(DataLoader[Any]):
    """A loader whose workers start when the first batch is asked for.

    Workers take their first keys from the sampler at once, and Lightning makes the iterator before it has counted the
    batches of an epoch and restored the place in it.

    Args:
        clips: the split.
        batches: the keys of each batch.
        collate: makes a batch of examples.
        num_workers: processes; 0 reads in this one.
        pins: batches are put into memory that a GPU copies from while it computes.
    """

    def __init__(
        self,
        clips: ClipDataset,
        batches: Sampler[list[ClipKey]],
        collate: Collate,
        *,
        num_workers: int,
        pins: bool = False,
    ):
        super().__init__(
            BatchDataset(clips, collate),
            batch_sampler=batches,
            num_workers=num_workers,
            collate_fn=_as_it_is,
            worker_init_fn=obey_parent_alone,
            pin_memory=pins,
        )

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # A generator: nothing happens before `next`.
        """Batches in order.

        Raises:
            UserError: a clip cannot be read.
            RuntimeError: a worker was ended from outside; torch raises the same where it sees it first.
        """
        batches = super().__iter__()
        try:
            while True:
                batch = next(batches)
                if isinstance(batch, Mistake):
                    raise UserError(batch.message)
                yield batch
        except StopIteration:
            return
        except (EOFError, ConnectionError) as error:  # The worker was handing a batch over.
            raise RuntimeError("A DataLoader worker exited unexpectedly") from error
        finally:
            _end_workers(batches)


def _end_workers(batches: Any) -> None:
    """End them now: while torch knows them, it raises at any line when one of them has ended."""
    end = getattr(batches, "_shutdown_workers", None)
    with suppress(RuntimeError):  # Said already.
        if end is not None:
            end()


def _as_it_is(batch: Any) -> Any:
    return batch
