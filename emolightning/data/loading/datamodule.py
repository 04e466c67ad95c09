"""Batches of what was read, for Lightning: the samplers and loaders of each split."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import pytorch_lightning as pl

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.draws import CorpusDraws, LabelDraws, labels_of
from emolightning.data.loading.examples import ClipDataset
from emolightning.data.loading.lengths import sequence_lengths
from emolightning.data.loading.loader import Collate, Loader
from emolightning.data.loading.same_clips import require_same_clips
from emolightning.data.loading.sampler import EvaluationSampler, LengthBuckets, TrainSampler
from emolightning.data.loading.settings import Loading
from emolightning.data.loading.several import AnyVisual, Corpora
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.readers.annotations import annotation_hash
from emolightning.prompt.batching import batch_to_learn
from emolightning.prompt.processor import Processor

NO_CONTENT = "N/A"
"""The transcript of a question about nothing."""


class ClipDataModule(pl.LightningDataModule):
    """The loaders of a run.

    Args:
        corpus: the clips, already read.
        processor: of the model family.
        loading: sizes of batches, and the processes that make them.
        visual: frame input -> the vision tower's vectors, which examples then carry instead of frames.
        shuffle: inputs to exchange among the clips of each split.
        augmentation: what is done to training clips.
    """

    def __init__(
        self,
        corpus: Corpus,
        processor: Processor,
        loading: Loading = Loading(),  # noqa: B008  # frozen
        *,
        visual: Mapping[str, AnyVisual] = MappingProxyType({}),
        shuffle: Sequence[str] = (),
        augmentation: Augmentation | None = None,
    ):
        super().__init__()
        self.corpus = corpus
        self.processor = processor
        self.loading = loading
        self.visual = dict(visual)
        self.shuffle = tuple(shuffle)
        self.augmentation = augmentation
        self._evaluated: tuple[str, frozenset[str]] = ("test", frozenset())

    @property
    def batch_size(self) -> int:
        """Clips per process and step; also for Lightning."""
        return self.loading.batch_size

    @property
    def private(self) -> bool:
        """Whether texts of clips stay out of loggers; callbacks ask."""
        return self.corpus.source.private

    def dataset(self, split: str, *, training: bool = False) -> ClipDataset:
        """The examples of a split."""
        return ClipDataset(
            self.corpus,
            split,
            processor=self.processor,
            training=training,
            visual=self.visual,
            shuffle=self.shuffle,
            augmentation=self.augmentation if training else None,
        )

    def train_dataloader(self) -> Loader:
        """Shuffled anew each epoch, by (seed, epoch)."""
        collate = partial(batch_to_learn, self.processor.collate)
        return self._loader(self.dataset("train", training=True), self.train_sampler(), collate)

    def train_sampler(self) -> TrainSampler:
        """The batches of training."""
        ranks = self._ranks()
        number, per_epoch = len(self.corpus.clips_of("train")), self.loading.batches_per_epoch
        draws: LabelDraws | CorpusDraws | None = label_draws(self.corpus, self.loading)
        if (by_corpus := corpus_draws(self.corpus, self.loading, ranks["world_size"])) is not None:
            # Each epoch is a pass of its own, for its shares may be others than those of the one before.
            draws, number, per_epoch = by_corpus, by_corpus.size, None
        return TrainSampler(
            number,
            batch_size=self.loading.batch_size,
            batches_per_epoch=per_epoch,
            seed=self.corpus.source.seed,
            progress=self._progress if self.trainer is not None else None,
            repeats=getattr(self.trainer, "overfit_batches", 0) > 0,
            draws=draws,
            buckets=self.buckets,
            **ranks,
        )

    @cached_property
    def buckets(self) -> LengthBuckets | None:
        """Training clips by the length of their sequences, where batches are made by it."""
        if (number := self.loading.length_buckets) is None:
            return None
        processor: Any = self.processor
        measured = sequence_lengths(self.corpus, processor, "train", max_new_tokens=0)
        return LengthBuckets([each.total for each in measured], number)

    def val_dataloader(self) -> Loader:
        """The validation split in order."""
        return self.evaluation_loader("val")

    def evaluate_on(self, split: str, *, skip: frozenset[str] = frozenset()) -> None:
        """Let Lightning's test loop run over another split, without batches that are answered already."""
        self._evaluated = (split, skip)

    def test_dataloader(self) -> Loader:
        """The split that is evaluated, in order."""
        return self.evaluation_loader(*self._evaluated)

    def evaluation_loader(self, split: str, skip: frozenset[str] = frozenset()) -> Loader:
        """A split in order, without batches whose clips are all in `skip`; ranks share it."""
        dataset = self.dataset(split)
        answered = {position for position, clip in enumerate(dataset.clips) if clip.id in skip}
        size = self.loading.batch_size
        sampler = EvaluationSampler(len(dataset), batch_size=size, answered=answered, **self._ranks())
        return self._loader(dataset, sampler, self.processor.collate)

    def without_content(self) -> Any:
        """A batch that asks the question of the evaluated split about nothing: zeros, and the transcript `N/A`."""
        example = self.dataset(self._evaluated[0])[0, 0]
        clip = example.clip if example.clip.transcript is None else replace(example.clip, transcript=NO_CONTENT)
        images = {name: frames.new_zeros(frames.shape) for name, frames in example.images.items()}
        features = {name: vectors.new_zeros(vectors.shape) for name, vectors in example.features.items()}
        return self.processor.collate([replace(example, clip=clip, images=images, features=features)])

    def _loader(self, dataset: ClipDataset, batches: TrainSampler | EvaluationSampler, collate: Collate) -> Loader:
        corpus = self.corpus
        # Not before: a rank that ends while its model has no weights yet does so with a traceback of Lightning's.
        require_same_clips(self.trainer, annotation_hash(corpus.clips), [clip.id for clip in corpus.skipped])
        pins = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return Loader(dataset, batches, collate, num_workers=self.loading.num_workers, pins=pins)

    def _ranks(self) -> dict[str, int]:
        if self.trainer is None:
            return {"rank": 0, "world_size": 1}
        return {"rank": self.trainer.global_rank, "world_size": self.trainer.world_size}

    def _progress(self) -> tuple[int, int]:
        """Batches that this rank has done since the start of training, and batches in an epoch."""
        assert self.trainer is not None
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.total
        return progress.processed, int(self.trainer.num_training_batches)  # Fewer with limit_train_batches.


def label_draws(corpus: Corpus, loading: Loading) -> LabelDraws | None:
    """What a pass over the train split draws; None for each clip once.

    Raises:
        UserError: clips have no label to draw by.
    """
    if loading.sampling == "none":
        return None
    labels = labels_of(corpus.clips_of("train"), f"data.sampling={loading.sampling}")
    return LabelDraws(labels, loading.sampling, seed=corpus.source.seed)


def corpus_draws(corpus: Corpus, loading: Loading, processes: int) -> CorpusDraws | None:
    """What an epoch draws of several corpora; None where there is one.

    Raises:
        UserError: a corpus has no clips to draw.
    """
    if not isinstance(corpus, Corpora):
        return None
    clips, batches = corpus.clips_of("train"), loading.batches_per_epoch
    size = batches * loading.batch_size * processes if batches else len(clips)
    return CorpusDraws([clip.corpus for clip in clips], corpus.weights, size=size, seed=corpus.source.seed)


def num_batches(corpus: Corpus, loading: Loading, processes: int) -> tuple[int, int]:
    """Batches of an epoch and of a validation, for each of so many processes."""
    size, number = loading.batch_size, loading.batches_per_epoch
    corpus_draws(corpus, loading, processes)  # What cannot be drawn is said before a model is built.
    train, val = len(corpus.clips_of("train")), len(corpus.clips_of("val"))
    sampler = TrainSampler(train, batch_size=size, seed=0, world_size=processes, batches_per_epoch=number)
    return len(sampler), len(EvaluationSampler(val, batch_size=size, world_size=processes))
