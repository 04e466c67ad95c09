"""Corpora of sentiment in the form that MMSA gives them: one table for all splits, a folder of clips for each video.

`label.csv` has the columns `video_id,clip_id,text,label,...,mode`, and the clips are `Raw/<video_id>/<clip_id>.mp4`.
The number is the valence of a clip, its sign the label.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.benchmarks.corpus_files import CorpusData, Entry, Part, number_on
from emolightning.benchmarks.merbench_files import archive_parts, is_archive
from emolightning.data.readers.custom_clips import SPLITS
from emolightning.data.readers.expected import expect
from emolightning.data.readers.tables import Record, read_table
from emolightning.data.readers.values import BadValue
from emolightning.records.labels import SENTIMENT3

COLUMNS = ("video_id", "clip_id", "text", "label", "mode")
SPLIT_WORDS = ("train", "valid", "test")


@dataclass(frozen=True)
class SentimentCorpus:
    """What one of them has of its own."""

    title: str
    benchmark: str
    highest: float
    """End of the scale, whose other end is its negative."""
    tables: tuple[str, ...]
    """Official names of its table."""
    digits: int = 0
    """Digits of the names of clips: spreadsheets save `0001` as 1."""

    @property
    def scale(self) -> tuple[float, float]:
        """Both ends."""
        return -self.highest, self.highest


class SentimentData(CorpusData):
    """The clips of such a corpus.

    Args:
        corpus: which.
        root: the folder that holds the table.
        truth: the table; None for its official names; MERBench's archive, `label.npz`, whose clips are in one folder.
        train: False reads the test part alone.
        media: folder of the folders of videos.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        corpus: SentimentCorpus,
        *,
        root: str,
        truth: str | None = None,
        train: bool = True,
        media: str = "Raw",
        **shared: Any,
    ):
        table = expect(Path(root), "table of labels", "data.truth", given=truth, official=corpus.tables)
        folder = expect(Path(root), "folder of the videos", "data.media", given=media, official=(), is_folder=True)
        if truth is not None and is_archive(truth):
            parts = archive_parts(Path(root), truth, media, partial(_of_archive, corpus), train=train)
        else:
            parts = [
                Part(table, folder, SPLITS[word], partial(read_entries, corpus=corpus, part=word))
                for word in SPLIT_WORDS
                if train or word == "test"
            ]
        super().__init__(title=corpus.title, benchmark=corpus.benchmark, parts=parts, **shared)


def read_entries(path: Path, problems: list[str], *, corpus: SentimentCorpus, part: str) -> list[Entry]:
    """The rows of one split; those of no split are problems of the first."""
    found = []
    for row in read_table(path, COLUMNS, problems):
        word = row.values["mode"].lower()
        if word not in SPLITS and part == SPLIT_WORDS[-1]:
            problems.append(f"{row.where}: mode {row.values['mode']!r} is not one of {list(SPLIT_WORDS)}")
        if SPLITS.get(word) != SPLITS[part]:
            continue
        try:
            found.append(_entry(row, corpus))
        except BadValue as error:
            problems.append(f"{row.where}: {error}")
    return found


def _of_archive(corpus: SentimentCorpus, split: str, name: str, code: str, value: object) -> Entry:
    """A clip of MERBench's archive: `03bSnISJMiM_1`, whose number is its value."""
    number = number_on(corpus.scale, "label", str(value))
    return Entry(
        name=name,
        media=name,
        where="",
        label=sign(number),
        subject=name.rpartition("_")[0] or None,
        valence=number,
    )


def _entry(row: Record, corpus: SentimentCorpus) -> Entry:
    values, value = row.values, number_on(corpus.scale, "label", row.values["label"])
    video, clip = values["video_id"], values["clip_id"].zfill(corpus.digits)
    if not video or not values["clip_id"]:
        raise BadValue("video_id or clip_id is empty; both name a clip")
    return Entry(
        name=f"{video}_{clip}",
        media=f"{video}/{clip}",
        where=row.where,
        label=sign(value),
        transcript=values["text"],
        subject=video,
        valence=value,
    )


def sign(value: float) -> str:
    """The label of a number.

    >>> sign(0.2), sign(0.0), sign(-3.0)
    ('positive', 'neutral', 'negative')
    """
    return SENTIMENT3[0 if value > 0 else 2 if value < 0 else 1]
