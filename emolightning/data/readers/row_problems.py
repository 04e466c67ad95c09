"""What is wrong with the rows of a custom annotation file: collected first; what has one cause is told once."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emolightning.data.readers.custom_columns import TRANSCRIPT, TRANSCRIPT_OFF
from emolightning.data.readers.label_map import UnknownLabel, what_to_do
from emolightning.data.readers.values import BadValue, WrongCharacters, shown_characters
from emolightning.data.tables.reading import Problem, described
from emolightning.errors import quoted_override


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


@dataclass
class RowProblems:
    """What is wrong in the file."""

    found: list[Problem] = field(default_factory=list)
    characters: list[tuple[int, WrongCharacters]] = field(default_factory=list)
    labels: list[tuple[int, UnknownLabel]] = field(default_factory=list)
    missing: list[tuple[int, MissingTranscript]] = field(default_factory=list)
    num_checked: int = 0
    """Those that `check` has found."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.found) + len(self.characters) + len(self.labels) + len(self.missing)

    def check(self, line: int, check: Callable[..., Any], *args: Any) -> Any:
        """`check(*args)`, or None and a problem: a row goes on being checked after its first bad value."""
        try:
            return check(*args)
        except WrongCharacters as error:
            self.characters.append((line, error))
        except UnknownLabel as error:
            self.labels.append((line, error))
        except MissingTranscript as error:
            self.missing.append((line, error))
        except BadValue as error:
            self.found.append((line, str(error)))
        self.num_checked += 1
        return None

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
