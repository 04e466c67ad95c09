"""DFEW's official files: five folds of single-labelled clips, named by number, labels 1 to 7.

Source: the DFEW README; `EmoLabel_DataSplit/train(single-labeled)/set_<fold>.csv` and the same for test, with columns
`video_name,label`. Published figures choose their checkpoint on the test fold; here validation clips come out of train.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

from emolightning.data.datamodule import ClipDataModule
from emolightning.data.splits import assign_splits
from emolightning.data.values import BadValue, MediaFolder, clip_id
from emolightning.errors import InputErrors, UserError
from emolightning.labels import DFEW7
from emolightning.records import Clip

FOLDS = (1, 2, 3, 4, 5)


class DfewData(ClipDataModule):
    """`data=dfew`.

    Args:
        root: the folder that holds `EmoLabel_DataSplit` and the clips.
        fold: 1 to 5.
        media: folder of the clips, `<video_name>.mp4`, relative to `root`.
        val_fraction: share of the training fold, evenly over the labels and fixed by the seed.
        **shared: arguments of ClipDataModule.
    """

    def __init__(
        self, *, root: str, fold: int = 1, media: str = "Clip/clip_original", val_fraction: float = 0.05, **shared: Any
    ):
        super().__init__(**shared)
        if fold not in FOLDS:
            raise UserError(f"data.fold: {fold} is not one of {list(FOLDS)}")
        self.root = Path(root)
        self.fold = fold
        self.media = self.root / media
        self.val_fraction = val_fraction

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self.media

    def read_clips(self) -> list[Clip]:
        """Train and test of the fold; DFEW has no transcripts."""
        if not self.media.is_dir():
            raise UserError(f"{self.media}: no such folder; set data.root and data.media to where the clips are")
        media = MediaFolder(self.media)
        train = read_fold(self._file("train"), media)
        test = [replace(clip, split="test") for clip in read_fold(self._file("test"), media)]
        leaking = sorted({clip.id for clip in train} & {clip.id for clip in test})
        if leaking:
            raise InputErrors(
                str(self.root), [f"clip {name} is in train and test of fold {self.fold}" for name in leaking]
            )
        return [*assign_splits(train, seed=self.seed, ratios=(1 - self.val_fraction, self.val_fraction, 0.0)), *test]

    def _file(self, split: str) -> Path:
        return self.root / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{self.fold}.csv"


def read_fold(path: Path, media: MediaFolder) -> list[Clip]:
    """The clips of one file, without a split.

    Raises:
        UserError: no such file.
        InputErrors: everything that is wrong with its rows, by line.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; set data.root to the folder that holds EmoLabel_DataSplit")
    table = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    if not {"video_name", "label"} <= set(table.fieldnames or ()):
        raise InputErrors(str(path), [f"columns {table.fieldnames}: needs video_name and label"])
    problems: list[str] = []
    clips: dict[str, Clip] = {}
    for row in table:
        try:
            clip = _clip(row, media, f"{path}, line {table.line_num}")
        except BadValue as error:
            problems.append(f"line {table.line_num}: {error}")
            continue
        if clip.id in clips:
            problems.append(f"line {table.line_num}: {clip.id} is there twice ({clips[clip.id].source})")
        clips.setdefault(clip.id, clip)
    if problems or not clips:
        raise InputErrors(str(path), problems or ["there are no clips in the file"])
    return list(clips.values())


def _clip(row: dict[str, Any], media: MediaFolder, source: str) -> Clip:
    name, label = (row["video_name"] or "").strip(), (row["label"] or "").strip()
    if label not in {str(number) for number in range(1, len(DFEW7) + 1)}:
        raise BadValue(f"label {label!r} is not 1 to {len(DFEW7)} ({', '.join(DFEW7)})")
    identity = clip_id(name)
    return Clip(id=identity, video=media.find(name, identity), label=DFEW7[int(label) - 1], source=source)
