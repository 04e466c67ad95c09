"""What the labels of a custom file mean: codes and other words mapped, rows left out, all of it counted."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from emolightning.data.readers.values import LABEL, BadValue, is_missing
from emolightning.data.tables.columns import column_faults
from emolightning.data.tables.reading import Problem, described, read_table
from emolightning.errors import PLAIN_KEY, InputErrors, UserError, quoted_override
from emolightning.records.labels import canonical, nearest, spelling

FILE_COLUMNS = ("alias", "label")
SETTING = "data.label_map"

_SEVERAL = re.compile(r"\s*(?:[;,|/+&]|\band\b)\s*", re.IGNORECASE)
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


class UnknownLabel(BadValue):
    """A word that is no label, nor near one; what to do is the same for all such words of a file."""

    def __init__(self, word: str, labels: Sequence[str], column: str = LABEL):
        self.word = word
        super().__init__(f"{column} {word!r} is not one of {list(labels)}")


def what_to_do(words: Sequence[str]) -> str:
    """How a user says what words mean.

    >>> what_to_do(["exc", "xxx"]).partition(", or ")[0]
    "say what the 2 words mean with 'data.label_map={exc: LABEL, xxx: LABEL}' (null leaves rows out)"
    """
    several = dict.fromkeys(words)
    mapping = "data.label_map=FILE, a table with the columns alias and label"
    if all(PLAIN_KEY.fullmatch(word) for word in several):
        mapping = quoted_override("data.label_map", dict.fromkeys(several, "LABEL"))
    said = "the word means" if len(several) == 1 else f"the {len(several)} words mean"
    own = "name the labels of the file with data.labels=[...], which a model that was trained on others does not know"
    return f"say what {said} with {mapping} (null leaves rows out), or {own}"


def _each(counts: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{word} -> {label} {count}" for (word, label), count in sorted(counts.items()))


class LabelMap:
    """Reads the labels of a file.

    Args:
        labels: the vocabulary.
        given: word or code -> label, or None to leave its rows out; or a table with the columns alias and label.
        said_by: what gives these words: a setting, or the name of a corpus, which may have words for no clip.
        separator: of several labels of a row; None where a row has one.
        unit: what has a word each, `rows`, `labels` of cells or `votes`, for remarks.

    Raises:
        UserError: `given` names a label that is not in the vocabulary.
    """

    def __init__(
        self,
        labels: Sequence[str],
        given: Mapping[str, str | None] | str | None = None,
        *,
        said_by: str = SETTING,
        separator: str | None = None,
        unit: str = "rows",
    ):
        self.labels = tuple(labels)
        self.unit = unit
        self.separator = separator
        self.said_by = said_by
        read = (
            _read_file(Path(given), self.labels)
            if isinstance(given, str)
            else [(str(k), v) for k, v in (given or {}).items()]
        )
        self.targets: dict[str, str | None] = {}
        problems = []
        for word, target in read:
            label = None if target is None else canonical(str(target), self.labels)
            if target is not None and label is None:
                near = nearest(str(target), self.labels)
                hint = f"; did you mean {near!r}?" if near else ""
                problems.append(f"{word!r} means {target!r}, which is not one of {list(self.labels)}{hint}")
            elif self.targets.setdefault(_key(word), label) != label:
                problems.append(f"{word!r} is there twice, with different labels")
        if problems:
            raise InputErrors(self.said_by, problems)
        self.mapped: Counter[tuple[str, str]] = Counter()
        self.understood: Counter[tuple[str, str]] = Counter()
        """(Word, label) -> rows whose word is another form of the label, such as anger of angry."""
        self.dropped: Counter[str] = Counter()
        self.num_emptied = 0
        """Cells of which every word is left out."""
        self._meant: dict[str, str | None] = {}
        self._out: dict[str, bool] = {}
        self._read: dict[str, tuple[str, Counter[tuple[str, str]] | None]] = {}
        """Word -> label, and where its rows are counted: a table has many rows and few words."""

    def of_rows(self, columns: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """The word of each row."""
        return columns[LABEL]

    def meaning(self, word: str) -> str | None:
        """The label of a word that is not counted: empty where its rows are left out, None where it has none."""
        if word not in self._meant:
            key = _key(word)
            self._meant[word] = self.targets[key] or "" if key in self.targets else canonical(word, self.labels)
        return self._meant[word]

    def leaves_out(self, word: str, rows: int = 1) -> bool:
        """Whether the rows of this word, or of these words of a cell, are left out; the words are counted."""
        words = self._words(word)
        gone = [each for each in words if self._is_out(each)]
        for each in gone:
            self.dropped[each] += rows
        is_out = len(gone) == len(words)
        self.num_emptied += rows * is_out
        return is_out

    def _words(self, text: str) -> list[str]:
        return [text] if self.separator is None else [word.strip() for word in text.split(self.separator)]

    def _is_out(self, word: str) -> bool:
        if word not in self._out:
            self._out[word] = self.targets.get(_key(word), "") is None
        return self._out[word]

    def read_all(self, text: str, rows: int = 1) -> tuple[str | None, tuple[str, ...] | None]:
        """The one label of rows that are not left out, and all of them where rows may have several.

        Args:
            text: of the cell.
            rows: that have it.

        Raises:
            BadValue: one of them is neither mapped nor a label, or is there twice.
        """
        if self.separator is None:
            return self.read(text, rows=rows), None
        found = [self.read(word, rows=rows) for word in self._words(text) if not self._is_out(word)]
        if repeated := [label for label in dict.fromkeys(found) if found.count(label) > 1]:
            raise BadValue(f"{LABEL} {text!r} has {repeated[0]!r} twice; write each label once")
        return (found[0] if len(found) == 1 else None), tuple(found)

    def read(self, word: str, column: str = LABEL, rows: int = 1) -> str:
        """The label of rows that are not left out.

        Args:
            word: of the rows.
            column: that it is in, for messages.
            rows: how many they are.

        Raises:
            BadValue: the word is neither mapped nor a label.
        """
        if word not in self._read:
            self._read[word] = self._understand(word, column)
        label, counts = self._read[word]
        if counts is not None:
            counts[word, label] += rows
        return label

    def _understand(self, word: str, column: str) -> tuple[str, Counter[tuple[str, str]] | None]:
        if mapped := self.targets.get(_key(word)):
            return mapped, self.mapped
        if label := canonical(word, self.labels):  # Before what programs write for nothing: `none` may be a label.
            return label, self.understood if spelling(word) != spelling(label) else None
        if not word or is_missing(word):
            raise BadValue(f"{column} is {repr(word) if word else 'empty'}; give one of {list(self.labels)}")
        parts = [canonical(part, self.labels) for part in _SEVERAL.split(word)]
        if len(parts) > 1 and all(parts):
            raise BadValue(
                f"{column} {word!r} is {len(parts)} labels, {' and '.join(map(repr, parts))}; a clip has one: choose, "
                "say what is meant with data.label_map, or data.label_separator=';' where clips have several"
            )
        if near := nearest(word, self.labels):
            raise BadValue(f"{column} {word!r} is not one of {list(self.labels)}; did you mean {near!r}?")
        raise UnknownLabel(word, self.labels, column)

    def remarks(self) -> list[str]:
        """What was mapped and left out, for the screen and for files of a run."""
        sentences = []
        if understood := +self.understood:
            sentences.append(f"{LABEL}: {understood.total()} {self.unit} are read as labels ({_each(understood)})")
        if self.mapped:
            each = _each(self.mapped)
            sentences.append(f"{self.said_by}: {sum(self.mapped.values())} {self.unit} are mapped ({each})")
        if self.dropped.total():
            each = ", ".join(f"{word} {count}" for word, count in sorted((+self.dropped).items()))
            sentences.append(f"{self.said_by}: {sum(self.dropped.values())} {self.unit} are left out ({each})")
        if self.separator is not None and self.num_emptied:
            sentences.append(f"{self.said_by}: {self.num_emptied} rows are left out, for it leaves them no label")
        used = {_key(word) for word, _ in self.mapped} | {_key(word) for word in +self.dropped}
        if self.said_by == SETTING and (idle := sorted(self.targets.keys() - used)):
            sentences.append(f"data.label_map: no row has {', '.join(map(repr, idle))}")
        return sentences


def _key(word: str) -> str:
    """How words and codes are compared: `2.0`, which a column of numbers becomes where cells are missing, is `2`."""
    key = spelling(word)
    whole = _WHOLE.fullmatch(key)
    return whole[1] if whole else key


def _read_file(path: Path, labels: Sequence[str]) -> list[tuple[str, str | None]]:
    problems: list[Problem] = []
    if not path.is_file():
        raise UserError(
            f"data.label_map={path}: no such file; give a table with the columns alias and label, or a mapping"
        )
    rows = list(read_table(path, partial(column_faults, FILE_COLUMNS), problems))
    if problems:
        raise InputErrors(str(path), described(problems))
    texts = [
        [str(row.values[name] if row.values[name] is not None else "").strip() for name in FILE_COLUMNS] for row in rows
    ]
    return [(word, None if _is_nothing(label, labels) else label) for word, label in texts]


def _is_nothing(text: str, labels: Sequence[str]) -> bool:
    """Whether a cell is empty, or says so: `none` may be a label as well."""
    return not text or (is_missing(text) and canonical(text, labels) is None)
