"""What is wrong with the rows of a custom annotation file: collected first; what has one cause is told once."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from emolightning.data.readers.custom_columns import TRANSCRIPT, TRANSCRIPT_OFF
from emolightning.data.readers.label_map import UnknownLabel, what_to_do
from emolightning.data.readers.values import BadValue, WrongCharacters, shown_characters
from emolightning.data.tables.reading import Problem, described
from emolightning.errors import quoted_override

Value = TypeVar("Value", bound=Hashable)


class MissingTranscript(BadValue):
    """A word that programs write for a transcript that is missing."""

    def __init__(self, word: str):
        self.word = word
        super().__init__(word)


def _missing(words: Mapping[str, int]) -> str:
    """What is said of all such words at once.

    Args:
        words: each with its number of rows.
    """
    said = ", ".join(f"{word!r} ({number})" if len(words) > 1 else repr(word) for word, number in words.items())
    that = "those very words are" if len(words) > 1 else "that very word is"
    return (
        f"{TRANSCRIPT} is {said}, which programs write for a missing value; write what is said; say "
        f"data.empty_transcript=empty where nothing is, or {TRANSCRIPT_OFF}; if {that} said, say "
        f"{quoted_override('data.said_words', list(words))}"
    )


class Checked:
    """Reads the columns of a block: a row goes on being checked after its first bad value."""

    def __init__(self) -> None:
        self.refused: list[tuple[int, BadValue]] = []
        """Place of a row, and what is wrong with one of its values."""

    def read(self, values: Sequence[Value], read: Callable[[Value], Any]) -> list[Any]:
        """What `read` makes of each value, None where it refuses it; a value that many rows have is read once."""
        found: dict[Value, Any] = {}
        refused: dict[Value, BadValue] = {}
        for value in dict.fromkeys(values):
            try:
                found[value] = read(value)
            except BadValue as error:
                found[value], refused[value] = None, error
        if refused:
            self.refused += [(place, refused[value]) for place, value in enumerate(values) if value in refused]
        return list(map(found.__getitem__, values))

    def read_counted(self, values: Sequence[Value], read: Callable[[Value, int], Any]) -> list[Any]:
        """The same with what is told how many rows have a value."""
        rows = Counter(values)
        return self.read(values, lambda value: read(value, rows[value]))

    def wrong(self) -> set[int]:
        """The rows of which a value was refused."""
        return {place for place, _ in self.refused}


@dataclass
class RowProblems:
    """What is wrong in the file."""

    found: list[Problem] = field(default_factory=list)
    characters: list[tuple[int, WrongCharacters]] = field(default_factory=list)
    labels: list[tuple[int, UnknownLabel]] = field(default_factory=list)
    missing: list[tuple[int, MissingTranscript]] = field(default_factory=list)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.found) + len(self.characters) + len(self.labels) + len(self.missing)

    def add(self, lines: Sequence[int], refused: Sequence[tuple[int, BadValue]]) -> None:
        """Note values of a block that were refused, row by row.

        Args:
            lines: of its rows.
            refused: place of the row, and why.
        """
        for place, error in sorted(refused, key=lambda each: each[0]):
            line = lines[place]
            match error:
                case WrongCharacters():
                    self.characters.append((line, error))
                case UnknownLabel():
                    self.labels.append((line, error))
                case MissingTranscript():
                    self.missing.append((line, error))
                case _:
                    self.found.append((line, str(error)))

    def described(self) -> list[str]:
        """One line each; what has one cause in all rows, or one remedy, is told once."""
        meant = {wrong: right for _, error in self.characters for wrong, right in error.meant.items()}
        words = [error.word for _, error in self.labels]
        remedy = {words[0]: f"; {what_to_do(words)}"} if words else {}
        absent = Counter(error.word for _, error in self.missing)
        return described(
            [
                *self.found,
                *((line, shown_characters(meant)) for line, _ in self.characters),
                *((line, _missing(absent)) for line, _ in self.missing),
                *((line, f"{error}{remedy.get(error.word, '')}") for line, error in self.labels),
            ]
        )
