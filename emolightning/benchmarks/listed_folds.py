"""Corpora of faces whose folds are lists of clips without a header: one list for train and one for test."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.benchmarks.corpus_files import CorpusData, Entry, Part
from emolightning.data.readers.clip_lists import ListedClip, read_list
from emolightning.data.readers.expected import expect
from emolightning.data.readers.values import BadValue

ReadLine = Callable[[ListedClip], Entry]
"""What a line says; it raises BadValue."""


class ListedFoldData(CorpusData):
    """The clips of such a corpus.

    Args:
        root: the folder that all other names are relative to.
        read_line: what a line says.
        lists: split -> official names of its list.
        folders: official folders of the clips.
        train: False reads the test list alone.
        truth: the test list; None looks for the official names.
        train_truth: the training list, likewise.
        media: folder of the clips, likewise.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        read_line: ReadLine,
        lists: Mapping[str, Sequence[str]],
        folders: tuple[str, ...],
        train: bool = True,
        truth: str | None = None,
        train_truth: str | None = None,
        media: str | None = None,
        **shared: Any,
    ):
        clips = expect(Path(root), "folder of the clips", "data.media", given=media, official=folders, is_folder=True)
        given = {"train": ("data.train_truth", train_truth), "test": ("data.truth", truth)}
        parts = [
            Part(
                expect(Path(root), f"list of {split}", given[split][0], given=given[split][1], official=names),
                clips,
                split,
                partial(read_lines, read_line=read_line),
            )
            for split, names in lists.items()
            if train or split == "test"
        ]
        super().__init__(parts=parts, **shared)


def read_lines(path: Path, problems: list[str], *, read_line: ReadLine) -> list[Entry]:
    """The lines of a list; what is wrong with others is added to `problems`."""
    found = []
    for line in read_list(path, problems):
        try:
            found.append(read_line(line))
        except BadValue as error:
            problems.append(f"{line.where}: {error}")
    return found
