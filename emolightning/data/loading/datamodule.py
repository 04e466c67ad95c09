"""Splits and loaders of a benchmark: what all of them share. A benchmark's own file says how its clips are read."""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from filelock import FileLock

from emolightning.data.checkup.coverage import coverage_warnings
from emolightning.data.checkup.unusable import (
    NO_MEDIA,
    Fault,
    Faults,
    Findings,
    OnError,
    RowErrors,
    Skipped,
    described,
    record,
)
from emolightning.data.loading.collate import Collate
from emolightning.data.loading.examples import ClipDataset, shuffled
from emolightning.data.loading.loader import Loader
from emolightning.data.loading.same_clips import require_same_clips
from emolightning.data.loading.sampler import EvaluationSampler, TrainSampler
from emolightning.data.media.frames import FrameStore
from emolightning.data.media.video import parse_frame_choice
from emolightning.data.readers.annotations import annotation_hash
from emolightning.data.readers.expected import Expected
from emolightning.data.readers.splits import select
from emolightning.data.readers.values import PREFERRED, MediaFolder
from emolightning.data.stores.features import FeatureSource, LoadedFeatures, Missing
from emolightning.data.stores.visual import See, VisualStore
from emolightning.errors import InputErrors, UserError
from emolightning.files.writing import require_writable, writing
from emolightning.prompt.instructions import instruction_pool, prompt_order
from emolightning.prompt.sequence import PromptEncoder
from emolightning.records.benchmark import Benchmark
from emolightning.records.clips import Clip, Example
from emolightning.records.inputs import FEATURES
from emolightning.records.labels import vocabulary

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")

MANY = 100
"""Clips whose files take so long that wrong rows are not kept for later."""


class ClipDataModule(pl.LightningDataModule):
    """Clips of one benchmark as batches. Subclasses say where the clips come from: `read_clips`.

    The first block of arguments is set in `configs/data/`, the second is passed by the entry point.

    Args:
        name: of the dataset, for tables and folders.
        official: the published benchmark that this is; None for data that are none.
        labels: name of a vocabulary, or a list.
        batch_size: clips per process and step.
        batches_per_epoch: None for the whole train split, or a number per process (upstream's `iters_per_epoch`).
        num_workers: loader processes; 0 reads in the training process.
        frame: which frame(s) the vision tower sees: `first`, `middle`, an index, `even:4`.
        missing: what to do with a clip that lacks a feature: `error`, or `zero` (counted and shown).
        on_error: what to do with clips whose file is missing or cannot be used: `stop` names all of them and ends,
            `skip` goes on without them; they are counted and listed in everything that the run writes.
        max_skipped: the largest share of the clips that may be skipped; 1.0 allows all.
        cache: folder for features and frames.
        seed: of splits, shuffling and instructions.
        private: whether transcripts, reasons and free answers stay out of every logger (`logger.wandb.private=true`
            lets them in).
        inputs: active inputs.
        features: where the vectors come from.
        image_size: pixels that the vision tower takes.
        task: upstream's task, `emotion`, `reason` or `reason_v2`; evaluations ask this one.
        tasks: task -> weight, drawn for each clip and epoch of training; empty trains `task` alone.
        prompt_labels: the labels that the question offers, in this order; None offers those of the benchmark's
            published protocol, or else `labels` in upstream's order.
        pool: of training. `fixed`: always the first instruction; `all`: one drawn per clip and epoch; `upstream`: the
            first for emotion, where upstream has commented the others out, and a drawn one for reasons.
        shuffle: inputs to exchange among the clips of an evaluated split.
    """

    def __init__(
        self,
        *,
        name: str,
        official: Benchmark | None = None,
        labels: str | list[str],
        batch_size: int = 16,
        batches_per_epoch: int | None = None,
        num_workers: int = 0,
        frame: str | int = "middle",
        missing: Missing = "error",
        on_error: OnError = "stop",
        max_skipped: float = 0.05,
        cache: str = "data/cache",
        seed: int = 42,
        private: bool = False,
        inputs: Sequence[str],
        features: FeatureSource,
        image_size: int,
        task: str = "emotion",
        tasks: Mapping[str, float] | None = None,
        prompt_labels: str | Sequence[str] | None = None,
        pool: Literal["fixed", "all", "upstream"] = "fixed",
        shuffle: Sequence[str] = (),
    ):
        super().__init__()
        if not name or Path(name).name != name:  # Files are called so.
            raise UserError(f"data.name={name!r}: must be a word without a slash: it is part of names of files")
        self.name: str = name
        self.official = official
        self.labels = vocabulary(labels)
        self.batch_size = batch_size
        self.batches_per_epoch = batches_per_epoch
        self.num_workers = num_workers
        self.frame = str(frame)
        # A misspelt choice is known now, not when all clips are rendered and read.
        self.frame_choice = parse_frame_choice(self.frame)
        self.missing = missing
        if not 0 <= max_skipped <= 1:
            raise UserError(f"data.max_skipped={max_skipped} is not a share from 0 to 1, e.g. 0.05")
        self.on_error = on_error
        self.max_skipped = max_skipped
        self.cache = Path(cache)
        self.seed = seed
        self.private = private
        self.inputs = tuple(inputs)
        self.feature_source = features
        self.image_size = image_size
        self.task = task
        self.tasks = {name: weight for name, weight in (tasks or {}).items() if weight} or {task: 1.0}
        protocol = self.official.prompt_order if self.official else ()
        self.offered = list(protocol) or prompt_order(self.labels)
        if prompt_labels is not None:
            self.offered = list(vocabulary(prompt_labels))
        self.pool = pool
        self.shuffle = tuple(shuffle)
        self.clips: list[Clip] = []
        self.remarks: list[str] = []
        self.lost: dict[str, str] = {}
        self.skipped: list[Skipped] = []
        self.takes_stock = False
        self.features = LoadedFeatures({})
        self.frames: FrameStore | None = None
        self.visual: VisualStore | None = None
        self._collate: Collate | None = None
        self._evaluated: tuple[str, frozenset[str]] = ("test", frozenset())

    def read_clips(self) -> list[Clip]:
        """All clips with their splits assigned.

        Raises:
            UserError: everything that is wrong with the annotations, at once.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how its clips are read")

    @property
    def benchmark(self) -> str:
        """What results are filed under: the official name, or that of the dataset."""
        return self.official.name if self.official else self.name

    def expected(self) -> list[Expected]:
        """Files and folders that `read_clips` needs, for `doctor`."""
        return []

    def remark_empty(self, number: int, total: int, meaning: str) -> None:
        """Note how many transcripts are empty: they are not in the files, but part of what the model is told."""
        if number:
            stands = "the word `nan` stands there, as in upstream" if meaning == "upstream" else "the sentence is empty"
            self.remarks.append(f"{number} of {total} clips have an empty transcript: {stands}")

    def find_media(self, folder: Expected) -> MediaFolder:
        """Finds videos by name; those that are not there are noted in `lost`. In `doctor` the folder may be missing."""
        place = folder.found or folder.candidates[0] if self.takes_stock else folder.require()
        return MediaFolder(place, preferred=PREFERRED, lost=self.lost)

    def media_folder(self) -> Path:
        """Where the clips lie; the cache is kept apart for each such folder."""
        raise NotImplementedError(f"{type(self).__name__} must name its media folder")

    def setup(self, stage: str | None = None) -> None:
        """Read annotations, features and frames once; before any model is built, so that bad input is met first.

        Args:
            stage: `fit` needs an answer to learn for each clip as well (see require_targets).

        Raises:
            InputErrors: all rows that are wrong, and all clips whose files cannot be used unless they are skipped.
        """
        if self.clips:
            return
        require_writable(self._folder(), "data.cache")
        findings = Findings()
        # Ranks started together by torchrun would otherwise render and extract the same clips at the same time.
        with self._lock():
            clips = self.read_rows(findings)
            with findings.noting():
                self.features = self.load_features(clips)
            findings.add(self.features.faults)
            findings.add(self.prepare_frames(clips))
        if stage == "fit":
            with findings.noting():
                self._refuse_without_targets([clip for clip in clips if clip.id not in findings.faults])
        findings.decide(self.name, clips, on_error=self.on_error, max_skipped=self.max_skipped)
        self.skipped = findings.skipped(clips)
        self.features = self.features.without(findings.faults)
        self.clips = [clip for clip in clips if clip.id not in findings.faults]
        for name, reasons in self.features.zeros.items():
            log.warning("%s: zeros for %d of %d clips, e.g. %s", name, len(reasons), len(clips), next(iter(reasons)))
        skipped = [described(self.skipped, len(clips))] if self.skipped else []
        for sentence in [*skipped, *self.remarks, *self.official_differences()]:
            log.warning("data: %s", sentence)

    def read_rows(self, findings: Findings) -> list[Clip]:
        """The clips as far as rows are in order; wrong rows and missing media are noted."""
        clips: list[Clip] = []
        with findings.noting():
            try:
                clips = self.read_clips()
            except RowErrors as error:
                clips = error.clips
                if len(clips) > MANY:  # This takes a while.
                    rows, first = len(error.problems), error.problems[0]
                    log.warning("%s: wrong rows: %d, e.g. %s; now to the clips' files", error.subject, rows, first)
                raise
            finally:
                findings.add({clip_id: [Fault(NO_MEDIA, reason)] for clip_id, reason in self.lost.items()})
        return clips

    def load_features(self, clips: Sequence[Clip]) -> LoadedFeatures:
        """The vectors of the active feature inputs."""
        names = [name for name in FEATURES if name in self.inputs]
        if self.feature_source.reads_media:
            clips = self._found(clips)
        if not names or not clips:
            return LoadedFeatures({})
        return self.feature_source.load(clips, names, cache=self._folder(), missing=self.missing)

    def prepare_frames(self, clips: Sequence[Clip]) -> Faults:
        """Decode what the vision tower will see, if it sees anything; what cannot be decoded is returned."""
        if "image" not in self.inputs:
            return {}
        workers = max(2, self.num_workers)
        choice = self.frame_choice
        self.frames = FrameStore(self._folder(), choice=choice, image_size=self.image_size, num_workers=workers)
        return self.frames.prepare(self._found(clips))

    def _found(self, clips: Sequence[Clip]) -> list[Clip]:
        return [clip for clip in clips if clip.id not in self.lost]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        lock = FileLock(self.cache / f"{self.name}.lock")
        with writing(f"data.cache={self.cache}"):
            self.cache.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _folder(self) -> Path:
        # Clip ids are unique within a media folder only.
        place = str(self.media_folder().resolve())
        return self.cache / f"{self.name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"

    def use_tower(self, clips: Sequence[Clip], see: See, *, fingerprint: str, bytes_per_frame: int) -> None:
        """From now on examples carry the vision tower's vectors instead of frames.

        Args:
            clips: those that will be asked for.
            see: the tower.
            fingerprint: of its weights; vectors of another one are not taken.
            bytes_per_frame: of the vectors.

        Raises:
            UserError: the disk is too small.
        """
        assert self.frames is not None
        visual = VisualStore(self._folder(), frames=self.frames, tower=fingerprint)
        with self._lock():
            visual.prepare(clips, see, bytes_per_clip=bytes_per_frame * self.frame_choice.num_frames)
        self.visual = visual

    @property
    def feature_widths(self) -> dict[str, int]:
        """Feature input -> width, read from the data."""
        return self.features.widths

    def use_encoder(self, encoder: PromptEncoder) -> None:
        """Say how examples become ids; known only when the model's tokenizer is."""
        self._collate = Collate(encoder, _answer)

    def target_text(self, clip: Clip, task: str) -> str | None:
        """The answer to learn: the label; for `reason` the explanation, for `reason_v2` the detailed one if any."""
        return _target_text(clip, task)

    def require_targets(self) -> None:
        """Every clip of train needs an answer for each task of the mixture, every clip of val one to compare with.

        Raises:
            InputErrors: names the clips without one. Called before any model is built.
            UserError: one of the two splits is empty.
        """
        self._refuse_without_targets([clip for split in ("train", "val") for clip in self.clips_of(split)])

    def _refuse_without_targets(self, clips: Sequence[Clip]) -> None:
        asked = {"train": self.tasks, "val": {self.task: 1.0}}
        problems = [
            f"{clip.source or clip.id}: {clip.id!r} has no answer for task {task}"
            for clip in clips
            for task in asked.get(str(clip.split), ())
            if not self.target_text(clip, task)
        ]
        if problems:
            remedy = "emotion needs labels, reason and reason_v2 explanations (a column `reason`, or MERR's captions)"
            raise InputErrors(f"data={self.name}, prompt.task={self.task}: {remedy}", list(dict.fromkeys(problems)))

    def clips_of(self, split: str) -> list[Clip]:
        """The clips of `train`, `val`, `test` or `all`.

        Raises:
            UserError: there are none.
        """
        chosen = select(self.clips, split)
        if not chosen:
            counts = dict(Counter(clip.split for clip in self.clips))
            skipped = f" ({len(self.skipped)} are skipped)" if self.skipped else ""
            remedy = "Give it clips in the split column, or a ratio above 0 (training picks its checkpoint on val)"
            if set(counts) == {"test"}:
                remedy = "It is for eval.py; to train, choose data with clips in train and val"
            found = f"no clips in split {split!r}; clips per split: {counts}{skipped}"
            raise UserError(f"data={self.name}: {found}. {remedy}")
        return chosen

    def skipped_of(self, split: str) -> list[Skipped]:
        """The clips of `train`, `val`, `test` or `all` that this run does without."""
        return [clip for clip in self.skipped if split in ("all", clip.split)]

    def dataset(self, split: str, *, training: bool = False) -> ClipDataset:
        """The examples of a split."""
        members = self.clips_of(split)
        if self.shuffle and not training and len(members) < 2:
            raise UserError(f"shuffle={list(self.shuffle)}: split {split!r} has one clip, nothing to exchange it with")
        donors = {name: shuffled(len(members), self.seed) for name in self.shuffle} if not training else {}
        return ClipDataset(
            members,
            inputs=self.inputs,
            features=self.features,
            frames=self.frames,
            visual=self.visual,
            pools={task: self._instructions(task) for task in {**self.tasks, self.task: 1.0}},
            tasks=self.tasks if training else {self.task: 1.0},
            seed=self.seed,
            draws_instruction=training and self.pool != "fixed",
            donors=donors,
        )

    def _instructions(self, task: str) -> tuple[str, ...]:
        whole = instruction_pool(task, self.offered)
        return whole[:1] if self.pool == "upstream" and task == "emotion" else whole

    def train_dataloader(self) -> Loader:
        """Shuffled anew each epoch, by (seed, epoch)."""
        dataset = self.dataset("train", training=True)
        sampler = TrainSampler(
            len(dataset),
            batch_size=self.batch_size,
            batches_per_epoch=self.batches_per_epoch,
            seed=self.seed,
            progress=self._progress if self.trainer is not None else None,
            repeats=getattr(self.trainer, "overfit_batches", 0) > 0,
            **self._ranks(),
        )
        return self._loader(dataset, sampler)

    def num_batches(self, processes: int) -> tuple[int, int]:
        """Batches of an epoch and of a validation, for each of so many processes."""
        train, val = len(self.clips_of("train")), len(self.clips_of("val"))
        whole = math.ceil(train / (self.batch_size * processes))
        return self.batches_per_epoch or whole, math.ceil(math.ceil(val / self.batch_size) / processes)

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
        sampler = EvaluationSampler(len(dataset), batch_size=self.batch_size, answered=answered, **self._ranks())
        return self._loader(dataset, sampler)

    def _loader(self, dataset: ClipDataset, batches: TrainSampler | EvaluationSampler) -> Loader:
        if self._collate is None:
            raise RuntimeError("use_encoder must be called before loaders are made")
        # Not before: a rank that ends while its model has no weights yet does so with a traceback of Lightning's.
        require_same_clips(self.trainer, annotation_hash(self.clips), [clip.id for clip in self.skipped])
        return Loader(dataset, batches, self._collate, num_workers=self.num_workers)

    def _ranks(self) -> dict[str, int]:
        if self.trainer is None:
            return {"rank": 0, "world_size": 1}
        return {"rank": self.trainer.global_rank, "world_size": self.trainer.world_size}

    def _progress(self) -> tuple[int, int]:
        """Batches that this rank has done since the start of training, and batches in an epoch."""
        assert self.trainer is not None
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.total
        return progress.processed, int(self.trainer.num_training_batches)  # Fewer with limit_train_batches.

    def coverage(self) -> list[str]:
        """Warnings about labels that are trained, offered or evaluated, but not all three; other tasks offer none."""
        if "emotion" not in {*self.tasks, self.task}:
            return []
        return coverage_warnings(self.classes(), vocabulary=self.labels, offered=self.offered)

    def official_differences(self) -> list[str]:
        """What differs from the published benchmark; said by the data modules that are one."""
        return []

    def classes(self) -> dict[str, dict[str, int]]:
        """Split -> label -> clips."""
        found = {split: Counter(c.label for c in self.clips if c.split == split) for split in SPLITS}
        return {split: {str(label): number for label, number in counts.items()} for split, counts in found.items()}

    def summary(self) -> dict[str, Any]:
        """What a run was fed with: sizes, classes, hashes, and how many vectors are zeros for lack of a source."""
        return {
            "name": self.name,
            "clips": {split: sum(clip.split == split for clip in self.clips) for split in SPLITS},
            "classes": self.classes(),
            "annotations_sha256": annotation_hash(self.clips),
            "tasks": dict(self.tasks),
            "offered_labels": list(self.offered),
            "label_coverage": self.coverage(),
            "benchmark": self.benchmark,
            "official_differences": self.official_differences(),
            "remarks": list(self.remarks),
            "features_sha256": self.features.hash(),
            "zero_features": {name: len(reasons) for name, reasons in self.features.zeros.items()},
            **record(self.skipped),
        }


def _answer(example: Example) -> str | None:
    return _target_text(example.clip, example.task)


def _target_text(clip: Clip, task: str) -> str | None:
    if task == "reason_v2":
        return clip.detailed_reason or clip.reason
    return clip.reason if task == "reason" else clip.label
