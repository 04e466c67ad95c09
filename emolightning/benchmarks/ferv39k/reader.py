"""FERV39k: the lists of all scenes, `Action/Happy/0267 Happy`, or those derived from them with labels 0 to 6."""

from pathlib import Path, PurePosixPath
from typing import Any

from emolightning.benchmarks.corpus_files import Entry, label_rows
from emolightning.benchmarks.listed_folds import ListedFoldData, read_lines
from emolightning.data.readers.clip_lists import ListedClip
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.values import BadValue
from emolightning.records.labels import DFEW7

LISTS = {split: (f"4_setups/All_scenes/{split}_All.csv", f"FERV39k_{split}.txt") for split in ("train", "test")}
FOLDERS = ("2_ClipsforFaceCrop", "0_7_LabelClips", "1_SceneClips", "video")


class Ferv39kData(ListedFoldData):
    """`data=ferv39k`.

    Args:
        **shared: arguments of ListedFoldData.
    """

    def __init__(self, **shared: Any):
        super().__init__(
            title="FERV39k", benchmark="ferv39k", read_line=read_line, lists=LISTS, folders=FOLDERS, **shared
        )


def read_line(line: ListedClip) -> Entry:
    """The clip and its label: clips of different scenes have the same number.

    Raises:
        BadValue: the path is not that of a clip, or a number is no class.
    """
    parts = PurePosixPath(line.path).parts
    if len(parts) < 3:
        raise BadValue(f"{line.path!r} is not `scene/label/clip`, such as 'Action/Happy/0267'")
    name = "/".join(parts[-3:])
    label = line.label
    if label.lstrip("-").isdigit():
        if not 0 <= int(label) < len(DFEW7):
            raise BadValue(f"label {label!r} is not 0 to {len(DFEW7) - 1} ({', '.join(DFEW7)})")
        label = DFEW7[int(label)]
    return Entry(name=name, media=name, where=line.where, label=label)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of a list for `score`."""
    return label_rows(read_lines(path, problems, read_line=read_line), DFEW7, {}, problems)
