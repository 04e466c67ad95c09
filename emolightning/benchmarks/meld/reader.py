"""MELD's own files: a table for each split, `train_sent_emo.csv`, and a folder of clips for each.

Clips are called `dia0_utt3.mp4` in every split, so their ids have the split in front, as in MERBench's files:
`test_dia0_utt3`. Source: declare-lab/MELD README.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.corpus_files import CorpusData, Entry, Part, label_rows
from emolightning.benchmarks.merbench_files import archive_parts, word_of
from emolightning.benchmarks.registry import official_benchmark
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.tables import read_table
from emolightning.errors import UserError

TABLES = {"train": "train_sent_emo.csv", "dev": "dev_sent_emo.csv", "test": "test_sent_emo.csv"}
"""Split as MELD calls it -> its table."""
SPLITS = {"train": "train", "dev": "val", "test": "test"}
MEDIA = {
    "train": ("train/train_splits", "train_splits"),
    "dev": ("dev/dev_splits_complete", "dev_splits_complete"),
    "test": ("test/output_repeated_splits_test", "output_repeated_splits_test"),
}
WORDS = ("anger", "joy", "sadness", "neutral", "disgust", "fear", "surprise")
"""What the numbers of MERBench's archive mean."""

Subject = Literal["speaker", "dialogue"]

TARGETS = {"emotion": ("Emotion", "meld"), "sentiment": ("Sentiment", "meld_sentiment")}
"""Setting -> column, and the benchmark."""


class MeldData(CorpusData):
    """`data=meld`.

    Args:
        root: the folder with the three tables and the folders of clips.
        target: which of the two labels is asked for; `data.labels` are its words.
        subject: what clips have in common that are not independent: who speaks, or the dialogue.
        train: False reads the test part alone.
        truth: MERBench's archive, `label.npz`, which has the emotion alone; None reads the three tables.
        media: folder of all clips, called as their ids are; None for MELD's own three folders.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        target: Literal["emotion", "sentiment"] = "emotion",
        subject: Subject = "speaker",
        train: bool = True,
        truth: str | None = None,
        media: str | None = None,
        **shared: Any,
    ):
        column, benchmark = TARGETS[target]
        if truth is not None:
            if target != "emotion":
                raise UserError(f"data.target={target}: data.truth={truth} has emotions alone; leave one of both")
            make = partial(_of_archive, subject)
            parts = archive_parts(Path(root), truth, media, make, train=train)
        else:
            parts = _of_tables(Path(root), media, column, subject, train=train)
        super().__init__(title="MELD", benchmark=benchmark, parts=parts, keeps_words=True, **shared)


def _of_tables(root: Path, media: str | None, column: str, subject: Subject, *, train: bool) -> list[Part]:
    return [
        Part(
            expect(root, f"table of {part}", "data.root", given=None, official=(f"MELD.Raw/{name}", name)),
            _folder(root, part, media),
            SPLITS[part],
            partial(read_entries, part=part, label=column, subject=subject, is_apart=media is None),
        )
        for part, name in TABLES.items()
        if train or part == "test"
    ]


def _of_archive(subject: Subject, split: str, name: str, code: str, value: object) -> Entry:
    """A clip of MERBench's archive: `test_dia0_utt3`, of which nobody says who speaks."""
    dialogue = name.partition("_utt")[0]
    return Entry(name, name, "", word_of(code, WORDS), subject=dialogue if subject == "dialogue" else None)


def _folder(root: Path, part: str, media: str | None) -> Expected:
    official = [place for name in MEDIA[part] for place in (f"MELD.Raw/{name}", name)]
    return expect(root, f"folder of the clips of {part}", "data.media", given=media, official=official, is_folder=True)


def read_entries(
    path: Path,
    problems: list[str],
    *,
    part: str,
    label: str = "Emotion",
    subject: Subject = "speaker",
    is_apart: bool = True,
) -> list[Entry]:
    """The rows of one table.

    Args:
        path: the table.
        problems: gets what is wrong with its rows.
        part: `train`, `dev` or `test`.
        label: column of the label.
        subject: see MeldData.
        is_apart: whether each split has a folder of its own.
    """
    found = []
    for row in read_table(path, ["Utterance", "Speaker", label, "Dialogue_ID", "Utterance_ID"], problems):
        values = row.values
        dialogue = f"{part}_dia{values['Dialogue_ID']}"
        name = f"{dialogue}_utt{values['Utterance_ID']}"
        found.append(
            Entry(
                name=name,
                media=name.removeprefix(f"{part}_") if is_apart else name,
                where=row.where,
                label=values[label],
                transcript=values["Utterance"],
                subject=values["Speaker"] if subject == "speaker" else dialogue,
            )
        )
    return found


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of one table for `score`."""
    column = next(column for column, name in TARGETS.values() if name == benchmark)
    part = next(part for part, ours in SPLITS.items() if ours == split)
    entries = read_entries(path, problems, part=part, label=column)
    return label_rows(entries, official_benchmark(benchmark).labels, {}, problems)
