"""What MER2023 and MER2024 share: label files under their official names, transcripts, videos by name.

Their modules say which files each track has; here they become clips. Evaluation sets are the split `test`; train and
val exist only where the user names the labels of the training part.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.benchmarks.official_data import OfficialData
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.label_files import LabelRow, read_label_file
from emolightning.data.readers.labelled_clips import ClipReader, take_val
from emolightning.data.readers.tables import read_all, refuse_twice
from emolightning.data.readers.transcripts import SENTENCES, Empty, Transcripts, read_transcripts
from emolightning.errors import UserError
from emolightning.records.clips import Clip

TRAIN_CORPUS = "train_corpus"
"""The training clips in an archive of several sets."""


@dataclass(frozen=True)
class Track:
    """Official names of one evaluation set; the first that exists is taken."""

    truth: tuple[str, ...]
    """Label files; none where the labels of the test are not public, and are given by name."""
    corpus: str | None
    """Array of the set, where the label file is an archive of several."""
    media: tuple[str, ...]
    """Folders of its videos."""


class MerData(OfficialData):
    """One track of a MER challenge.

    Args:
        root: the folder that all other names are relative to.
        official_track: its official names.
        official_transcripts: names of transcript tables.
        truth: label file: `.npz`, `.csv` (`name,discrete[,valence]`) or rows; None looks for the official names.
        train: label file of the training part; None leaves train and val empty. Of an archive, TRAIN_CORPUS.
        val_fraction: share of the training clips, evenly over the labels and fixed by the seed.
        transcripts: table with `name` and a column of sentences; None looks for the official names.
        sentence: its column, e.g. `chinese`; None takes the English one.
        media: folder of the videos; None looks for the official names.
        train_media: of the training part.
        empty_transcript: what an empty cell means: `error`, `empty`, or `upstream` for its word `nan`.
        **shared: arguments of OfficialData.
    """

    def __init__(
        self,
        *,
        root: str,
        official_track: Track,
        official_transcripts: tuple[str, ...],
        truth: str | None = None,
        train: str | None = None,
        val_fraction: float = 0.1,
        transcripts: str | None = None,
        sentence: str | None = None,
        media: str | None = None,
        train_media: str | None = None,
        empty_transcript: Empty = "upstream",
        **shared: Any,
    ):
        super().__init__(**shared)
        self.root = Path(root)
        self.corpus = official_track.corpus
        self.val_fraction = val_fraction
        self.columns = (sentence,) if sentence is not None else SENTENCES
        self.empty_transcript = empty_transcript
        has_truth = truth is not None or official_track.truth
        labels = expect(self.root, "labels", "data.truth", given=truth, official=official_track.truth)
        self._truth = labels if has_truth else None
        self._media = self._folder_of("data.media", media, official_track.media)
        self._train = Expected("labels of train", "data.train", (self.root / train,)) if train is not None else None
        self._train_media = self._folder_of("data.train_media", train_media or media, ("video", "train"))
        self._table = expect(
            self.root, "transcripts", "data.transcripts", given=transcripts, official=official_transcripts
        )

    def _folder_of(self, setting: str, given: str | None, official: tuple[str, ...]) -> Expected:
        return expect(self.root, "folder of the videos", setting, given=given, official=official, is_folder=True)

    def expected(self) -> list[Expected]:
        """Labels, transcripts and folders."""
        table = [self._table] if "transcript" in self.inputs else []
        train = [self._train, self._train_media] if self._train else []
        return [*([self._truth] if self._truth else []), *table, self._media, *train]

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self._media.found or self._media.candidates[0]

    def read_clips(self) -> list[Clip]:
        """The clips of the track in the order of its label file, then those of the training part."""
        truth = self._truth.require() if self._truth else None
        train = self._train.require() if self._train else None
        if truth is None and train is None:
            raise UserError("data.train and data.truth are null: name the table of labels of one of them")
        transcripts = self._transcripts()
        tested = ClipReader(self.find_media(self._media), self.labels, transcripts)
        reads = [partial(tested.read, truth, "test", corpus=self.corpus)] if truth else []
        if train is not None:
            trained = ClipReader(self.find_media(self._train_media), self.labels, transcripts)
            reads.append(partial(trained.read, train, "train", corpus=TRAIN_CORPUS))
        clips = read_all(reads)
        if train is not None:
            refuse_twice(clips)
            clips = take_val(clips, fraction=self.val_fraction, seed=self.seed)
        if transcripts:
            self.remark_empty(transcripts.num_empty(clip.id for clip in clips), len(clips), self.empty_transcript)
        return clips

    def _transcripts(self) -> Transcripts | None:
        if "transcript" not in self.inputs:
            return None
        return read_transcripts(self._table.require(), empty=self.empty_transcript, columns=self.columns)


def read_mer_truths(path: Path, problems: list[str], *, corpus: str | None, split: str) -> list[LabelRow]:
    """The labels of a file for `score`.

    Args:
        path: a `.npz`, a table or a row file.
        problems: gets what is wrong with its rows.
        corpus: the set in an archive of several.
        split: `train` and `val` are the archive's training clips.

    Raises:
        UserError: not there, or not such a file.
    """
    return read_label_file(path, problems, corpus=TRAIN_CORPUS if split in ("train", "val") else corpus)
