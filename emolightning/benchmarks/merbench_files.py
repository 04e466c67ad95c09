"""Corpora as MERBench and MER-UniBench hand them round: `label.npz`, one folder of clips, one table of sentences.

The archive has a dict for each split, `test_corpus: {name: {emo, val}}`, whose labels are numbers; clips are called as
there, `subvideo/test_dia0_utt3.mp4`; sentences are in `transcription-engchi-polish.csv`, `name,chinese,english`.
Source: MERTools MERBench/dataset @ 89120b7.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from emolightning.benchmarks.corpus_files import Entry, Part
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.label_npz import read_label_npz
from emolightning.data.readers.transcripts import read_transcripts
from emolightning.data.readers.values import BadValue

CORPORA = {"train": "train_corpus", "val": "val_corpus", "test": "test_corpus"}
"""Split -> array of the archive."""
FOLDERS = ("subvideo", "subvideo_new", "video", "video_new", "subvideo-tgt")
SENTENCES = "transcription-engchi-polish.csv"
COLUMNS = ("english", "sentence", "chinese")

MakeEntry = Callable[[str, str, str, object], Entry | None]
"""Split, name, number of the label and value of a clip -> what is known of it; None where it is of another split."""


def is_archive(truth: str | None) -> bool:
    """Whether the labels are given in MERBench's form."""
    return truth is not None and truth.lower().endswith(".npz")


def archive_parts(
    root: Path, truth: str, media: str | None, make: MakeEntry, *, corpora: Mapping[str, str] = CORPORA, train: bool
) -> list[Part]:
    """The parts of a corpus.

    Args:
        root: the folder that the other names are relative to.
        truth: the archive.
        media: folder of the clips; None for MERBench's names.
        make: says what is known of a clip.
        corpora: split -> array of the archive.
        train: False reads the test part alone.
    """
    labels = Expected("archive of labels", "data.truth", (root / truth,))
    clips = expect(root, "folder of the clips", "data.media", given=media, official=FOLDERS, is_folder=True)
    return [
        Part(labels, clips, split, partial(read_archive, corpus=corpus, make=partial(make, split)))
        for split, corpus in corpora.items()
        if train or split == "test"
    ]


def read_archive(
    path: Path, problems: list[str], *, corpus: str, make: Callable[[str, str, object], Entry | None]
) -> list[Entry]:
    """The clips of one array, with their sentences where there is a table of them beside the archive."""
    sentences: Mapping[str, tuple[str, str]] = {}
    if (table := path.with_name(SENTENCES)).is_file():
        sentences = read_transcripts(table, empty="empty", columns=COLUMNS).sentences
    found = []
    for name, code, value in read_label_npz(path, corpus, are_numbers=True):
        try:
            entry = make(name, code, value)
        except BadValue as error:
            problems.append(f"{corpus}, {name!r}: {error}")
            continue
        if entry is not None:
            found.append(replace(entry, where=f"{corpus}, {name!r}", transcript=sentences.get(name, (None, ""))[0]))
    return found


def word_of(code: str, words: Sequence[str]) -> str:
    """What a number stands for.

    >>> word_of("1", ("anger", "joy"))
    'joy'

    Raises:
        BadValue: there is no such number.
    """
    if not code.isdecimal() or int(code) >= len(words):
        listed = ", ".join(f"{number} {word}" for number, word in enumerate(words))
        raise BadValue(f"emo {code[:40]} is not one of {listed}")
    return words[int(code)]
