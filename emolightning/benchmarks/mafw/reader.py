"""MAFW: five folds of clips with one label, in the official lists or in those derived from them.

Official: `Train & Test Set/single/no_caption/set_1/train.txt` with `00001.mp4 anger`. Derived: DFER-CLIP's
`MAFW_set_1_train_faces.txt` with `path frames label`, labels 0 to 10. Compound labels are `anger_disgust_anxiety` in
official lists of their own, `Train & Test Set/compound/no_caption/set_1/train.txt`.
"""

from pathlib import Path, PurePosixPath
from typing import Any, Literal

from emolightning.benchmarks.corpus_files import Entry, label_rows
from emolightning.benchmarks.listed_folds import ListedFoldData, read_lines
from emolightning.benchmarks.mafw.card import LABELS
from emolightning.data.readers.clip_lists import ListedClip
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.values import BadValue

COMPOUND = "mafw_compound_fold"
FOLDERS = ("data/clips", "clips", "video")
SEPARATOR = "_"
"""Between the labels of a compound class."""


class MafwData(ListedFoldData):
    """`data=mafw`.

    Args:
        fold: 1 to 5.
        target: `single` is one label a clip, `compound` up to three of the same.
        **shared: arguments of ListedFoldData.
    """

    def __init__(
        self,
        *,
        fold: Literal[1, 2, 3, 4, 5] = 1,
        target: Literal["single", "compound"] = "single",
        **shared: Any,
    ):
        is_single = target == "single"
        super().__init__(
            title="MAFW",
            benchmark=f"mafw_fold{fold}" if is_single else f"{COMPOUND}{fold}",
            read_line=read_line if is_single else read_compound,
            lists={split: _names(split, fold, target) for split in ("train", "test")},
            folders=FOLDERS,
            separator=None if is_single else SEPARATOR,
            **shared,
        )


def _names(split: str, fold: int, target: str) -> tuple[str, ...]:
    official = f"{target}/no_caption/set_{fold}/{split}.txt"
    derived = (f"MAFW_set_{fold}_{split}_faces.txt",) if target == "single" else ()
    return (f"Train & Test Set/{official}", f"split/{official}", *derived)


def read_line(line: ListedClip) -> Entry:
    """The clip and its label of one line of either kind of list.

    Raises:
        BadValue: a number that is no class, or whose order of classes is not known.
    """
    path = PurePosixPath(line.path)
    name = path.stem if path.suffix.lower() == ".mp4" else path.name
    return Entry(name=name, media=name, where=line.where, label=_word(line))


def read_compound(line: ListedClip) -> Entry:
    """The clip and its labels of one line of an official list, `20045.mp4 anger_disgust_anxiety`.

    Raises:
        BadValue: a number, which could be any of the compound classes.
    """
    if line.label.lstrip("-").isdigit():
        raise BadValue(f"label {line.label!r} is a number; compound classes are read as words, such as anger_disgust")
    return read_line(line)


def _word(line: ListedClip) -> str:
    if not line.label.lstrip("-").isdigit():
        return line.label
    if not line.has_frames:
        raise BadValue(
            f"label {line.label!r}: lists of `path label` number the eleven classes in different orders; give words, "
            "or DFER-CLIP's lists of `path frames label`"
        )
    if not 0 <= int(line.label) < len(LABELS):
        raise BadValue(f"label {line.label!r} is not 0 to {len(LABELS) - 1} ({', '.join(LABELS)})")
    return LABELS[int(line.label)]


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of a list for `score`."""
    is_compound = benchmark.startswith(COMPOUND)
    entries = read_lines(path, problems, read_line=read_compound if is_compound else read_line)
    return label_rows(entries, LABELS, {}, problems, separator=SEPARATOR if is_compound else None)
