"""DFEW: five folds of single-labelled clips, named by number, in the official files or in those derived from them.

Official (DFEW README): `EmoLabel_DataSplit/test(single-labeled)/set_1.csv`, or `single_testset_1.csv`, with columns
`video_name,label`, labels 1 to 7. Derived, separated by spaces and without a header: DFER-CLIP `path frames label` and
MAE-DFER `path label`, labels 0 to 6; Emotion-LLaMA's `reltive_DFEW_set_1_test.txt` (its spelling), read the same way,
with numbers or words. Published figures choose their checkpoint on the test fold; here validation clips come out of
train.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from emolightning.benchmarks.official_data import OfficialData
from emolightning.data.readers.clip_lists import read_list
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.labelled_clips import take_val
from emolightning.data.readers.tables import build_clips, read_all, read_table
from emolightning.data.readers.values import BadValue, MediaFolder, clip_id, label_of
from emolightning.data.tables.kinds import TABLE_SUFFIXES
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip
from emolightning.records.labels import DFEW7

FOLDS = (1, 2, 3, 4, 5)
MEDIA = ("Clip/clip_original", "video")


@dataclass(frozen=True)
class FoldRow:
    """One clip of a fold."""

    name: str
    label: str
    where: str
    first: int
    """Number of the first label: 1 in the official files, 0 in those derived from them."""


class DfewData(OfficialData):
    """`data=dfew`.

    Args:
        root: the folder that holds `EmoLabel_DataSplit` and the clips.
        fold: 1 to 5.
        train: False reads the test fold only, for zero-shot evaluation.
        truth: file of the test fold; None looks for the official names, then for derived ones.
        train_truth: file of the training fold, likewise.
        media: folder of the clips, `<video_name>.mp4`; None looks for the official names.
        val_fraction: share of the training fold, evenly over the labels and fixed by the seed.
        **shared: arguments of OfficialData.
    """

    def __init__(
        self,
        *,
        root: str,
        fold: int = 1,
        train: bool = True,
        truth: str | None = None,
        train_truth: str | None = None,
        media: str | None = None,
        val_fraction: float = 0.05,
        **shared: Any,
    ):
        if fold not in FOLDS:
            raise UserError(f"data.fold: {fold} is not one of {list(FOLDS)}")
        super().__init__(benchmark=f"dfew_fold{fold}", **shared)
        self.root = Path(root)
        self.fold = fold
        self.val_fraction = val_fraction
        self._test = self._fold_file("test", "data.truth", truth)
        self._train = self._fold_file("train", "data.train_truth", train_truth) if train else None
        self._media = expect(
            self.root, "folder of the clips", "data.media", given=media, official=MEDIA, is_folder=True
        )

    def _fold_file(self, split: str, setting: str, given: str | None) -> Expected:
        names = (
            f"EmoLabel_DataSplit/{split}(single-labeled)/set_{self.fold}.csv",
            f"EmoLabel_DataSplit/single_{split}set_{self.fold}.csv",
            f"DFEW_set_{self.fold}_{split}.txt",
            f"reltive_DFEW_set_{self.fold}_{split}.txt",
        )
        return expect(self.root, f"file of the {split} clips", setting, given=given, official=names)

    def expected(self) -> list[Expected]:
        """The files of the fold and the folder of the clips."""
        return [self._test, *([self._train] if self._train else []), self._media]

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self._media.found or self._media.candidates[0]

    def read_clips(self) -> list[Clip]:
        """Train and test of the fold; DFEW has no transcripts."""
        media = self.find_media(self._media)
        files = [(self._train.require(), "train")] if self._train else []
        files.append((self._test.require(), "test"))
        clips = read_all(partial(read_fold, path, media, split) for path, split in files)
        train, test = ([clip for clip in clips if clip.split == split] for split in ("train", "test"))
        leaking = sorted({clip.id for clip in train} & {clip.id for clip in test})
        if leaking:
            raise InputErrors(
                str(self.root), [f"clip {name} is in train and test of fold {self.fold}" for name in leaking]
            )
        if "transcript" in self.inputs:
            self.remarks.append("DFEW has no transcripts: the question is put without the sentence")
        return [*take_val(train, fraction=self.val_fraction, seed=self.seed), *test]


def read_fold(path: Path, media: MediaFolder, split: str) -> list[Clip]:
    """The clips of one file.

    Raises:
        UserError: no such file.
        InputErrors: everything that is wrong with its rows, by line.
    """
    problems: list[str] = []
    rows = _fold_rows(path, problems)
    return build_clips(path, rows, lambda row: _clip(row, media, split, f"{path}, {row.where}"), problems)


def read_fold_labels(path: Path, problems: list[str]) -> list[LabelRow]:
    """The names and labels of one file, without the clips; what is wrong with its rows is added to `problems`.

    Raises:
        UserError: no such file.
        InputErrors: a required column is missing.
    """
    found = []
    for row in _fold_rows(path, problems):
        try:
            found.append(LabelRow(clip_id(row.name), _label(row), row.where))
        except BadValue as error:
            problems.append(f"{row.where}: {error}")
    return found


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The same for `score`, of whichever fold and part the file is.

    Raises:
        UserError: an archive, or no such file.
        InputErrors: a required column is missing.
    """
    if path.suffix.lower() == ".npz":
        raise UserError(f"truth={path}: DFEW has no label archive; give its CSV file, or another benchmark")
    return read_fold_labels(path, problems)


def _fold_rows(path: Path, problems: list[str]) -> list[FoldRow]:
    return _official_rows(path, problems) if path.suffix.lower() in TABLE_SUFFIXES else _derived_rows(path, problems)


def _official_rows(path: Path, problems: list[str]) -> list[FoldRow]:
    records = read_table(path, ["video_name", "label"], problems)
    return [FoldRow(row.values["video_name"], row.values["label"], row.where, first=1) for row in records]


def _derived_rows(path: Path, problems: list[str]) -> list[FoldRow]:
    rows = []
    for line in read_list(path, problems):
        # Paths are those of the machine that the file was made on; frame folders have zeros in front.
        name = PurePosixPath(line.path).name
        rows.append(FoldRow(name.lstrip("0") or name, line.label, line.where, first=0))
    return rows


def _clip(row: FoldRow, media: MediaFolder, split: str, source: str) -> Clip:
    identity = clip_id(row.name)
    video = media.find(row.name, identity)
    return Clip(id=identity, video=video, label=_label(row), split=split, source=source)


def _label(row: FoldRow) -> str:
    last = row.first + len(DFEW7) - 1
    if row.first == 0 and row.label.isalpha():
        return label_of(row.label, DFEW7)
    if row.label not in {str(number) for number in range(row.first, last + 1)}:
        raise BadValue(f"label {row.label!r} is not {row.first} to {last} ({', '.join(DFEW7)})")
    return DFEW7[int(row.label) - row.first]
