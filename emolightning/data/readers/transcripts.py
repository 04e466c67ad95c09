"""What is said in the clips: a CSV with `name` and a column of sentences, and what is used where a cell is empty."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emolightning.data.readers.tables import read_table
from emolightning.data.readers.values import BadValue, clip_id, is_missing, plain_text
from emolightning.errors import InputErrors

Empty = Literal["error", "empty", "upstream"]

SENTENCES = ("sentence", "sentence_en", "english")
"""Column names: Emotion-LLaMA's MER2023 and MER2024 tables, MERBench's."""
UPSTREAM_WORD = "nan"
"""What upstream's reader makes of an empty cell."""
REMEDY = "write what is said, or say data.empty_transcript=empty, or =upstream for its word `nan`"


def spoken(sentence: str, empty: Empty, *, where: str) -> str:
    """The sentence, or what is used instead of an empty one and of what programs write in its place.

    Raises:
        BadValue: it is empty or such a word, and that is an error.
    """
    if sentence and (empty == "upstream" or not is_missing(sentence)):
        return plain_text("transcript", sentence) or ""
    if empty == "error":
        about = f"{where} ({sentence!r}; with a full stop where it is said)" if sentence else where
        raise BadValue(f"{about}; {REMEDY}")
    return UPSTREAM_WORD if empty == "upstream" else ""


@dataclass(frozen=True)
class Transcripts:
    """A table."""

    path: Path
    column: str
    empty: Empty
    sentences: dict[str, tuple[str, str]]
    """Clip id -> sentence, and its line."""

    def of(self, identity: str) -> str:
        """What is said in a clip.

        Raises:
            BadValue: the clip has no row, or an empty cell where that is an error.
        """
        if identity not in self.sentences:
            raise BadValue(f"{identity!r} has no row in the transcript table {self.path.name}")
        sentence, where = self.sentences[identity]
        return spoken(sentence, self.empty, where=f"{self.path.name}, {where}: {identity!r} has an empty {self.column}")

    def num_empty(self, identities: Iterable[str]) -> int:
        """How many of these clips have an empty cell."""
        sentences = [self.sentences[identity][0] for identity in identities if identity in self.sentences]
        return sum(not text or (self.empty != "upstream" and is_missing(text)) for text in sentences)


def read_transcripts(path: Path, *, empty: Empty, columns: Sequence[str] = SENTENCES) -> Transcripts:
    """The whole table; cells are judged when a clip asks for them.

    Args:
        path: UTF-8.
        empty: what an empty cell means.
        columns: the first of them that the table has is read.

    Raises:
        UserError: no such file.
        InputErrors: missing columns, a name twice.
    """
    problems: list[str] = []

    def faults(found: Sequence[str]) -> list[str]:
        is_enough = "name" in found and any(column in found for column in columns)
        return [] if is_enough else [f"columns {list(found)}: needs `name` and one of {list(columns)}"]

    records = read_table(path, faults, problems)
    column = next(column for column in columns if column in records[0].values)
    sentences: dict[str, tuple[str, str]] = {}
    for record in records:
        name = record.values["name"]
        try:
            identity = clip_id(name)
        except BadValue as error:
            problems.append(f"{record.where}: {error}")
            continue
        if identity in sentences:
            problems.append(f"{record.where}: {name!r} is there twice; keep one")
        sentences.setdefault(identity, (record.values[column], record.where))
    if problems:
        raise InputErrors(str(path), problems)
    return Transcripts(path, column, empty, sentences)
