"""The clips of a run with everything that is read of them before a model is built: annotations, vectors, frames."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from emolightning.data.checkup.coverage import coverage_warnings
from emolightning.data.checkup.unusable import (
    NO_MEDIA,
    Fault,
    Faults,
    Findings,
    RowErrors,
    Skipped,
    described,
    record,
)
from emolightning.data.loading.settings import Reading
from emolightning.data.media.choice import FrameChoice, parse_frame_choice, require_equal
from emolightning.data.media.frames import FrameStore
from emolightning.data.perturbing.perturbing import Perturbing
from emolightning.data.perturbing.words import misheard
from emolightning.data.readers.annotations import annotation_hash
from emolightning.data.readers.folds import in_fold
from emolightning.data.readers.source import SPLITS, ClipSource
from emolightning.data.readers.splits import select
from emolightning.data.stores.features import FeatureSource
from emolightning.data.stores.loaded import LoadedFeatures
from emolightning.errors import InputErrors, UserError
from emolightning.files.writing import require_writable, writing
from emolightning.prompt.questions import Questions
from emolightning.records.clips import Clip
from emolightning.records.inputs import Inputs, named

log = logging.getLogger(__name__)

MANY = 100
"""Clips whose files take so long that wrong rows are not kept for later."""

PERTURBED = "perturbed"
"""Folder of the cache for what is computed of media that are read otherwise; of no use once it was answered."""

LEAST_WORKERS = 2
"""Processes that decode frames."""


def opens_media(inputs: Inputs, features: FeatureSource | None) -> bool:
    """Whether anything is read of the files of clips: vectors that were extracted elsewhere and texts need none."""
    computed = features is None or features.reads_media
    return any(
        about.kind not in ("vectors", "text") or (computed and about.kind == "vectors") for about in inputs.values()
    )


class Corpus:
    """What a run is fed with; complete after `read`.

    Args:
        source: where the clips come from.
        inputs: active inputs.
        features: where the vectors come from.
        questions: what is asked about the clips.
        reading: which frames, and what is done where something is missing.
        frame_sizes: frame input -> pixels of a frame.
        num_workers: processes that decode.
        perturbing: what is done to the inputs of clips that are answered.
    """

    def __init__(
        self,
        source: ClipSource,
        *,
        inputs: Inputs,
        features: FeatureSource,
        questions: Questions,
        frame_sizes: Mapping[str, int],
        reading: Reading = Reading(),  # noqa: B008  # frozen
        num_workers: int = 0,
        perturbing: Perturbing = Perturbing(),  # noqa: B008  # frozen
    ):
        self.source = source
        self.inputs = inputs
        self.feature_source = features
        self.questions = perturbing.asked(questions)
        self.perturbing = perturbing
        self.reading = reading
        self.frame_sizes = dict(frame_sizes)
        self.num_workers = max(LEAST_WORKERS, num_workers)
        self.cache = Path(reading.cache)
        self.clips: list[Clip] = []
        self.skipped: list[Skipped] = []
        self.features = LoadedFeatures({})
        self.vector_remarks: list[str] = []
        """Sentences: what makes the vectors worth doubting."""
        self.frames: dict[str, FrameStore] = {}
        self._is_read = False

    def read(self, *, trains: bool = False, check: Callable[["Corpus"], object] | None = None) -> None:
        """Read annotations, features and frames once; before any model is built, so that bad input is met first.

        Args:
            trains: clips of train and val need an answer to each question as well.
            check: refuses what the rows alone show, before their files are opened, which may take hours.

        Raises:
            InputErrors: all rows that are wrong, and all clips whose files cannot be used unless they are skipped.
            UserError: a run that trains has no clips to train on, or to validate on.
        """
        if self._is_read:
            return
        require_writable(self.folder, "data.cache")
        findings = Findings()
        # Ranks started together by torchrun would otherwise render and extract the same clips at the same time.
        with self.lock():
            clips = self.read_rows(findings)
            self.require_quotes(clips, trains=trains)
            if check and not findings.errors and (self.reading.on_error == "skip" or not findings.faults):
                self.clips = [clip for clip in clips if clip.id not in findings.faults]
                check(self)
            # Media that are read otherwise are of no use to another run: those of clips that are not answered are left.
            fed = select(clips, self.perturbing.split) if self.perturbing.reads_media else clips
            with findings.noting():
                self.features = self.load_features(fed)
            findings.add(self.features.faults)
            findings.add(self.prepare_frames(fed))
        if trains:
            with findings.noting():
                self.refuse_without_answer([clip for clip in clips if clip.id not in findings.faults])
        reading = self.reading
        findings.decide(self.source.name, clips, on_error=reading.on_error, max_skipped=reading.max_skipped)
        self.skipped = findings.skipped(clips)
        self.features = self.features.without(findings.faults)
        self.clips = [clip for clip in clips if clip.id not in findings.faults]
        self._is_read = True
        self._tell(len(clips))
        if trains:
            self.require_answers()

    def _tell(self, total: int) -> None:
        for name, reasons in self.features.zeros.items():
            log.warning("%s: zeros for %d of %d clips, e.g. %s", name, len(reasons), total, next(iter(reasons)))
        skipped = [described(self.skipped, total)] if self.skipped else []
        for sentence in [*skipped, *self.source.remarks, *self.official_differences()]:
            log.warning("data: %s", sentence)
        self.doubt_vectors([*self.features.remarks.values()])

    def doubt_vectors(self, sentences: Sequence[str]) -> None:
        """Say what makes the vectors worth doubting, here and in what the run writes."""
        for sentence in sentences:
            log.warning("features: %s", sentence)
        self.vector_remarks += sentences

    def read_rows(self, findings: Findings) -> list[Clip]:
        """The clips as far as rows are in order; wrong rows and missing media are noted."""
        clips: list[Clip] = []
        with findings.noting():
            try:
                clips = self._divided(self.source.read_clips())
            except RowErrors as error:
                clips = error.clips
                if len(clips) > MANY:  # This takes a while.
                    rows, first = len(error.problems), error.problems[0]
                    log.warning("%s: wrong rows: %d, e.g. %s; now to the clips' files", error.subject, rows, first)
                raise
            finally:
                lost = self.source.lost if opens_media(self.inputs, self.feature_source) else {}
                findings.add({clip_id: [Fault(NO_MEDIA, reason)] for clip_id, reason in lost.items()})
        return clips if self.perturbing.misheard is None else misheard(clips, self.perturbing.misheard)

    def _divided(self, clips: list[Clip]) -> list[Clip]:
        """The clips with their splits: those of the source, or of a fold."""
        held_out = self.reading.held_out
        return clips if held_out is None or not clips else in_fold(clips, held_out, seed=self.source.seed)

    def load_features(self, clips: Sequence[Clip]) -> LoadedFeatures:
        """The vectors of the active feature inputs; those of media that are read otherwise are kept apart."""
        names = named(self.inputs, "vectors")
        if self.feature_source is not None and self.feature_source.reads_media:
            clips = self._found(clips)
        found = LoadedFeatures({})
        for place in dict.fromkeys(map(self.folder_of, names)):
            here = [name for name in names if self.folder_of(name) == place]
            read = [self.perturbing.of_clip(here[0], clip) for clip in clips]
            if clips:
                more = self.feature_source.load(read, here, cache=place, missing=self.reading.missing)
                found = found.with_other(more)
        return found

    def prepare_frames(self, clips: Sequence[Clip]) -> Faults:
        """Decode what vision towers will see, if there are any; what cannot be decoded is returned."""
        faults: dict[str, list[Fault]] = {}
        for name in named(self.inputs, "frames"):
            self.frames[name] = FrameStore(
                self.folder_of(name),
                choice=self.choice_of(name),
                image_size=self.frame_sizes[name],
                num_workers=self.num_workers,
            )
            usable = [clip for clip in self._found(clips) if clip.id not in faults]
            found = self.frames[name].prepare([self.perturbing.of_clip(name, clip) for clip in usable])
            faults |= {clip_id: list(of_clip) for clip_id, of_clip in found.items()}
        return faults

    def choice_of(self, name: str) -> FrameChoice:
        """Which frames an input takes: those that its family fixes, or those of `data.frame`."""
        fixed = self.inputs[name].frame
        choice = self.reading.choice if fixed is None else parse_frame_choice(fixed)
        return require_equal(choice, name) if self.inputs[name].kind == "frames" else choice

    def _found(self, clips: Sequence[Clip]) -> list[Clip]:
        return [clip for clip in clips if clip.id not in self.source.lost]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Alone with the cache of this dataset."""
        lock = FileLock(self.cache / f"{self.source.name}.lock")
        with writing(f"data.cache={self.cache}"):
            self.cache.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @property
    def folder(self) -> Path:
        """The cache of this dataset. Clip ids are unique within a media folder only."""
        place = str(self.source.media_folder().resolve())
        return self.cache / f"{self.source.name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"

    def folder_of(self, name: str) -> Path:
        """Where what is computed of an input is kept: apart where its media are read otherwise."""
        apart = self.perturbing.folder(name)
        return self.folder if apart is None else self.folder / PERTURBED / apart

    @property
    def num_frames(self) -> dict[str, int]:
        """Frame input -> frames of each clip that a vision tower sees."""
        return {name: self.choice_of(name).num_frames for name in named(self.inputs, "frames")}

    def require_quotes(self, clips: Sequence[Clip], *, trains: bool = False) -> None:
        """Clips have the texts that questions quote, and no others.

        Raises:
            UserError: names the task.
        """
        self.questions.require_quotes(clips, training=trains, said_by=f"data={self.source.name}")

    def require_answers(self) -> None:
        """There are clips to train on and to validate on, each with an answer to what is asked.

        Raises:
            InputErrors: names the clips without one.
            UserError: one of the two splits is empty.
        """
        self.refuse_without_answer([clip for split in ("train", "val") for clip in self.clips_of(split)])

    def refuse_without_answer(self, clips: Sequence[Clip]) -> None:
        """Every clip of train needs an answer for each task of the mixture, every clip of val one to compare with.

        Raises:
            InputErrors: names the clips without one.
        """
        problems = [
            f"{clip.source or clip.id}: {clip.id!r} has no answer for task {task}"
            for clip in clips
            for task in self.questions.without_answer(clip)
        ]
        if problems:
            remedy = (
                "emotion needs labels, reason and reason_v2 explanations (a column `reason`, or MERR's captions), "
                "valence and arousal numbers (columns of these names), multi-label any number of labels"
            )
            asked = f"data={self.source.name}, prompt.task={self.questions.task}"
            raise InputErrors(f"{asked}: {remedy}", list(dict.fromkeys(problems)))

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
            raise UserError(f"data={self.source.name}: {found}. {remedy}")
        return chosen

    def skipped_of(self, split: str) -> list[Skipped]:
        """The clips of `train`, `val`, `test` or `all` that this run does without."""
        return [clip for clip in self.skipped if split in ("all", clip.split)]

    def coverage(self) -> list[str]:
        """Warnings about labels that are trained, offered or evaluated, but not all three; other tasks offer none."""
        questions = self.questions
        if "emotion" not in {*questions.tasks, questions.task}:
            return []
        return coverage_warnings(self.classes(), vocabulary=self.source.labels, offered=list(questions.offered))

    def official_differences(self) -> list[str]:
        """What differs from the published benchmark, if this is one."""
        return self.source.official_differences(self.clips, offered=list(self.questions.offered))

    def classes(self) -> dict[str, dict[str, int]]:
        """Split -> label -> clips."""
        return class_counts(self.clips)

    def summary(self) -> dict[str, Any]:
        """What a run was fed with: sizes, classes, hashes, and how many vectors are zeros for lack of a source."""
        return {
            "name": self.source.name,
            "clips": {split: sum(clip.split == split for clip in self.clips) for split in SPLITS},
            "classes": self.classes(),
            "annotations_sha256": annotation_hash(self.clips),
            "tasks": dict(self.questions.tasks),
            "offered_labels": list(self.questions.offered),
            "label_coverage": self.coverage(),
            "benchmark": self.source.benchmark,
            "official_differences": self.official_differences(),
            "remarks": list(self.source.remarks),
            "features_sha256": self.features.hash(),
            "feature_recipes": {name: made_by.content() for name, made_by in self.features.made_by.items()},
            "feature_remarks": self.vector_remarks,
            "zero_features": {name: len(reasons) for name, reasons in self.features.zeros.items()},
            **record(self.skipped),
        }


NO_LABEL = str(None)
"""Among the classes: clips without a label, or with several."""


def class_counts(clips: Sequence[Clip]) -> dict[str, dict[str, int]]:
    """Split -> label -> clips."""
    found = {split: Counter(clip.label for clip in clips if clip.split == split) for split in SPLITS}
    return {split: {str(label): number for label, number in counts.items()} for split, counts in found.items()}
