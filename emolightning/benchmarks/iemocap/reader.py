"""IEMOCAP's own files: what people heard and saw in each turn, what is said, and the films of whole dialogues.

`Session1/dialog/EmoEvaluation/Ses01F_impro01.txt` has a line `[6.2901 - 8.2357]<tab>Ses01F_impro01_F000<tab>neu<tab>
[2.5000, 2.5000, 2.5000]` for each turn, among those of single annotators; `dialog/transcriptions/` the sentences;
`dialog/avi/DivX/Ses01F_impro01.avi` the film, of which a clip is a piece. Folders of cut clips are taken as well.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.corpus_files import Codes, CorpusData, Entry, Part, label_rows
from emolightning.benchmarks.iemocap.card import CLASSES, SESSIONS
from emolightning.benchmarks.merbench_files import archive_parts, word_of
from emolightning.data.readers.expected import Expected
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.tables import read_text
from emolightning.errors import UserError
from emolightning.records.clips import Span

CODES: dict[int, Codes] = {
    number: {
        **{"hap": "happy", "exc": "excited" if number == 6 else "happy", "sad": "sad", "neu": "neutral"},
        **{"ang": "angry", "fru": None if number == 4 else "frustrated"},
        **dict.fromkeys(("fea", "sur", "dis", "oth", "xxx")),
    }
    for number in CLASSES
}
"""Number of classes -> what each code is; `xxx` are turns that no two people agreed on."""

ARCHIVED = ("hap", "sad", "neu", "ang")
"""What the numbers of MERBench's archive mean; excited turns are happy there."""
WHOLE = {"train": "whole_corpus", "test": "whole_corpus"}

TURN = re.compile(r"\[(?P<start>[\d.]+) - (?P<end>[\d.]+)\]\t(?P<name>\w+)\t(?P<code>\w+)\t\[(?P<valence>[\d.]+),")
SENTENCE = re.compile(r"(?P<name>Ses\w+) \[[\d.]+-[\d.]+\]:\s?(?P<text>.*)")


class IemocapData(CorpusData):
    """`data=iemocap`.

    Args:
        root: `IEMOCAP_full_release`, the folder of the sessions.
        session: which one is tested; the others are trained on.
        classes: 4 (excited is happy), 5 (and frustrated) or 6 (excited is another class).
        train: False reads the tested session alone.
        truth: MERBench's archive of four classes, `label_4way.npz`; None reads the judgements of the release.
        media: folder of clips that are cut already, called as turns are; None for pieces of the films.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        session: Literal[1, 2, 3, 4, 5] = 5,
        classes: Literal[4, 5, 6] = 4,
        train: bool = True,
        truth: str | None = None,
        media: str | None = None,
        **shared: Any,
    ):
        if truth is not None and classes != 4:
            raise UserError(f"data.classes={classes}: data.truth={truth} is read with four classes; leave one of both")
        cut = None if media is None else Expected("folder of the clips", "data.media", (Path(root) / media,), True)
        parts = [
            _part(Path(root), number, "test" if number == session else "train", cut)
            for number in SESSIONS
            if train or number == session
        ]
        if truth is not None:
            make = partial(_of_archive, str(session))
            parts = archive_parts(Path(root), truth, media, make, corpora=WHOLE, train=train)
        name = f"iemocap_session{session}" if classes == 4 else f"iemocap{classes}"
        super().__init__(title="IEMOCAP", benchmark=name, parts=parts, codes=CODES[classes], **shared)


def _of_archive(session: str, split: str, name: str, code: str, value: object) -> Entry | None:
    """A turn of MERBench's archive, which has all sessions in one array."""
    if (name[4:5] == session) != (split == "test"):
        return None
    return Entry(
        name=name,
        media=name,
        where="",
        label=word_of(code, ARCHIVED),
        subject=_speaker(name),
        attributes={"session": name[4:5]},
    )


def _speaker(turn: str) -> str:
    """`Ses01F`: the session, and who speaks."""
    return f"{turn[:5]}{turn.rpartition('_')[2][:1]}"


def _part(root: Path, number: int, split: str, cut: Expected | None) -> Part:
    dialog = root / f"Session{number}" / "dialog"
    labels = Expected(f"judgements of session {number}", "data.root", (dialog / "EmoEvaluation",), is_folder=True)
    films = Expected(f"films of session {number}", "data.media", (dialog / "avi" / "DivX",), is_folder=True)
    return Part(labels, cut or films, split, partial(read_entries, is_cut=cut is not None))


def read_entries(folder: Path, problems: list[str], *, is_cut: bool = False) -> list[Entry]:
    """The turns of a session.

    Args:
        folder: its `EmoEvaluation`.
        problems: gets what is wrong with its files.
        is_cut: whether each turn has a file of its own.
    """
    found: list[Entry] = []
    for path in _own_files(folder):
        sentences = _sentences(folder.parent / "transcriptions" / path.name)
        entries = list(_turns(path, sentences, is_cut=is_cut, problems=problems))
        if not entries:
            problems.append(f"{path.name}: no line is `[start - end]<tab>turn<tab>emotion<tab>[valence, ...]`")
        found += entries
    if not found and not problems:
        problems.append("there is no file Ses*.txt in the folder; it is dialog/EmoEvaluation of a session")
    return found


def _own_files(folder: Path) -> list[Path]:
    """The release has copies of Apple's attributes beside its files, `._Ses01F_impro01.txt`."""
    return sorted(path for path in folder.glob("Ses*.txt") if path.is_file())


def _turns(path: Path, sentences: dict[str, str], *, is_cut: bool, problems: list[str]) -> Iterator[Entry]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.startswith("["):
            continue  # Single annotators, and the line that explains the columns.
        turn, where = TURN.match(line), f"{path.name}, line {number}"
        if turn is None:
            problems.append(f"{where}: {line[:80]!r} is not `[start - end]<tab>turn<tab>emotion<tab>[valence, ...]`")
            continue
        name, start, end = turn["name"], float(turn["start"]), float(turn["end"])
        if end <= start:
            problems.append(f"{where}: the turn {name!r} ends at {end:g} s, before it begins at {start:g} s")
            continue
        yield Entry(
            name=name,
            media=name if is_cut else f"{path.stem}.avi",
            where=where,
            label=turn["code"],
            transcript=sentences.get(name, ""),
            subject=_speaker(name),
            valence=float(turn["valence"]),
            span=None if is_cut else Span(start, end),
            attributes={"session": name[4:5]},
        )


def _sentences(path: Path) -> dict[str, str]:
    """Turn -> what is said; lines of what is said beside the turns have no time."""
    if not path.is_file():
        return {}
    lines = (SENTENCE.match(line) for line in read_text(path).splitlines())
    return {line["name"]: line["text"].strip() for line in lines if line}


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of one file of `EmoEvaluation` for `score`."""
    classes = int(benchmark[-1]) if benchmark in ("iemocap5", "iemocap6") else 4
    entries = list(_turns(path, {}, is_cut=True, problems=problems))
    return label_rows(entries, CLASSES[classes], CODES[classes], problems)
