"""The custom annotation file -> clips: a table of any kind, every problem of the file reported at once.

The format is the one of Emotion-LLaMA's evaluation guide: a header `video_name, emotion_label, transcription`, a space
after each comma, quoted texts; optional columns `split`, `reason`, `subject`, `valence`; `start` and `end` of pieces of
videos.
"""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.custom_columns import (
    COLUMNS,
    OPTIONAL_COLUMNS,
    TRANSCRIPT,
    TRANSCRIPT_OFF,
    VALENCE,
    CustomColumns,
)
from emolightning.data.readers.label_files import NO_VALENCE
from emolightning.data.readers.label_map import LabelMap, UnknownLabel, what_to_do
from emolightning.data.readers.pieces import END, START, overlaps, piece_id, read_span
from emolightning.data.readers.values import (
    LABEL,
    NAME,
    BadValue,
    MediaFolder,
    WrongCharacters,
    clip_id,
    is_missing,
    plain_text,
    refuse_missing,
    refuse_mojibake,
    shown_characters,
)
from emolightning.data.tables.reading import Problem, Row, described, read_table
from emolightning.errors import UserError, quoted_override
from emolightning.records.clips import Clip

SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}

USED = {*COLUMNS, *OPTIONAL_COLUMNS}

PIECES = "if these are pieces of one video, say which in columns start and end, in seconds"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Row:
    line: int
    values: dict[str, str]  # our name of the column -> text without the spaces around it


@dataclass
class _Problems:
    """What is wrong in the file."""

    found: list[Problem] = field(default_factory=list)
    characters: list[tuple[int, WrongCharacters]] = field(default_factory=list)
    labels: list[tuple[int, UnknownLabel]] = field(default_factory=list)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.found) + len(self.characters) + len(self.labels)

    def check(self, line: int, check: Callable[..., Any], *args: Any) -> Any:
        """`check(*args)`, or None and a problem: a row goes on being checked after its first bad value."""
        try:
            return check(*args)
        except WrongCharacters as error:
            self.characters.append((line, error))
        except UnknownLabel as error:
            self.labels.append((line, error))
        except BadValue as error:
            self.found.append((line, str(error)))
        return None

    def described(self) -> list[str]:
        """One line each; what has one cause in all rows, or one remedy, is told once."""
        meant = {wrong: right for _, error in self.characters for wrong, right in error.meant.items()}
        words = [error.word for _, error in self.labels]
        remedy = {words[0]: f"; {what_to_do(words)}"} if words else {}
        return described(
            [
                *self.found,
                *((line, shown_characters(meant)) for line, _ in self.characters),
                *((line, f"{error}{remedy.get(error.word, '')}") for line, error in self.labels),
            ]
        )


def read_custom(
    path: Path,
    media: Path,
    labels: tuple[str, ...],
    *,
    needs_transcript: bool = True,
    lost: MutableMapping[str, str] | None = None,
    columns: Mapping[str, str | None] | None = None,
    label_map: Mapping[str, str | None] | str | None = None,
    said_words: Collection[str] = (),
    remarks: list[str] | None = None,
) -> list[Clip]:
    """Read an annotation file and find the video of every row.

    Args:
        path: see `emolightning.data.tables`.
        media: the folder with the videos; names in the file are relative to it.
        labels: the vocabulary; synonyms are mapped to it.
        needs_transcript: False where the run does not use the transcript: it may then be empty or have no column.
        lost: see MediaFolder.
        columns: our name of a column -> its name in the file.
        label_map: see LabelMap.
        said_words: words such as `None` that are really said, where programs write them for a missing value.
        remarks: gets what was mapped and left out.

    Raises:
        RowErrors: everything that is wrong in the file, by line, with the clips whose files can be looked at.
        UserError: the file or the media folder does not exist.
    """
    path, media = Path(path), Path(media)
    if not path.is_file():
        raise UserError(f"annotation file {path} does not exist or is not a file")
    if not media.is_dir() and lost is None:
        raise UserError(f"media folder {media} does not exist or is not a folder")
    problems, known = _Problems(), CustomColumns(columns or {})
    read_label = LabelMap(labels, label_map)
    required = COLUMNS if needs_transcript else (NAME, LABEL)
    read = read_table(path, partial(known.faults, required=required), problems.found)
    rows = [texts for row in read if (texts := _texts(row, known, problems))]
    if not rows and not len(problems):
        needs = ", ".join(known.names[column] for column in COLUMNS)
        problems.found.append((1, f"there are no clips in the file; it needs {needs} and one row for each clip"))
    unused = sorted({column for row in rows for column in row.values} - USED)
    if unused:
        _log.info("%s: columns that are not used: %s", path, ", ".join(unused))
    spoken = partial(_transcript, needed=needs_transcript, said_words=frozenset(map(str.casefold, said_words)))
    clips = _clips(path, rows, MediaFolder(media, lost=lost), read_label, spoken, problems)
    if len(problems):
        raise RowErrors([(str(path), problems.described())], clips)
    if not clips:
        raise RowErrors([(str(path), ["data.label_map leaves out every row"])])
    if remarks is not None:
        remarks += read_label.remarks()
    return clips


def annotation_hash(clips: Iterable[Clip]) -> str:
    """Sha256 of what is said about the clips: the same for any row order, file format and place of the media."""
    said: Iterator[list[Any]] = (
        [clip.id, clip.transcript, clip.label, clip.reason, clip.split, clip.subject]
        + ([clip.detailed_reason] if clip.detailed_reason else [])
        + ([list(clip.open_labels)] if clip.open_labels else [])
        + ([dict(clip.answers)] if clip.answers else [])
        + ([clip.valence] if clip.valence is not None else [])
        + ([clip.span.start, clip.span.end] if clip.span is not None else [])
        for clip in clips
    )
    return hashlib.sha256("\n".join(sorted(map(json.dumps, said))).encode()).hexdigest()


def _texts(row: Row, columns: CustomColumns, problems: _Problems) -> _Row | None:
    """The row with the values as texts; None, and a problem for each value that is none."""
    values = columns.values(row.values)
    # Numbers are let through since subjects and file names often are.
    faults = [
        f"{name} {value!r} is not a text"
        for name, value in values.items()
        if name in (*COLUMNS, *OPTIONAL_COLUMNS)
        and not isinstance(value, str | int | float | None if name in (START, END, VALENCE) else str | int | None)
    ]
    problems.found += [(row.line, fault) for fault in faults]
    texts = {name: "" if value is None else str(value).strip() for name, value in values.items()}
    return None if faults else _Row(row.line, texts)


def _clips(
    path: Path,
    rows: list[_Row],
    media: MediaFolder,
    labels: LabelMap,
    spoken: Callable[[str], str | None],
    problems: _Problems,
) -> list[Clip]:
    """The clips of all rows that name one; what is wrong with rows is added to `problems`."""
    clips: dict[int, Clip] = {}
    first_use: dict[str, _Row] = {}
    for row in rows:
        if labels.leaves_out(row.values[LABEL]):
            continue
        before, check = len(problems), partial(problems.check, row.line)
        file, span = check(clip_id, row.values[NAME]), check(read_span, row.values)
        identity = piece_id(file, span) if file and len(problems) == before else None
        if identity in first_use:
            problems.found.append((row.line, _twice(row, first_use[identity])))
            identity = None
        elif identity:
            first_use[identity] = row
        video = check(partial(media.find, clip=identity), row.values[NAME], file) if identity else None
        label = check(labels.read, row.values[LABEL])
        transcript = check(spoken, row.values.get(TRANSCRIPT, ""))
        split = check(_split, row.values.get("split", ""))
        reason, subject = (check(_text, key, row.values.get(key, "")) for key in ("reason", "subject"))
        valence = check(_number, VALENCE, row.values.get(VALENCE, ""))
        if len(problems) > before:  # Of a row that is wrong no answer is asked for: it would be told twice.
            split = None
        if identity and video:
            source = f"{path}, line {row.line}"
            about = {"split": split, "subject": subject, "valence": valence, "source": source, "span": span}
            about["attributes"] = {name: value for name, value in row.values.items() if name not in USED}
            clips[row.line] = Clip(identity, video, transcript, label, reason, **about)
    problems.found += overlaps(clips)
    return list(clips.values())


def _number(column: str, text: str) -> float | None:
    """A number on whatever scale; None for an empty cell and for MER2023's code for none.

    Raises:
        BadValue: anything else.
    """
    try:
        value = float(text) if text else NO_VALENCE
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadValue(f"{column} {text[:40]!r} is not a number; leave it empty, or {NO_VALENCE}, where there is none")
    return None if value == NO_VALENCE else value


def _twice(row: _Row, first: _Row) -> str:
    """What is wrong with a second row about a clip, and what to do, which depends on what the two say."""
    said = f"{NAME} {row.values[NAME]!r} is the same clip as {first.values[NAME]!r} in line {first.line}"
    here, there = row.values[LABEL], first.values[LABEL]
    if here != there:
        return (
            f"{said}, with another label, {here!r} and {there!r}: a clip has one row; if several people judged it, "
            f"vote first; {PIECES}"
        )
    others = [
        name for name, value in row.values.items() if name not in (NAME, LABEL) and value != first.values.get(name)
    ]
    differ = f", with another {others[0]}: {PIECES}, else" if others else ":"
    return f"{said}{differ} take one of the two rows out"


def _transcript(text: str, *, needed: bool, said_words: frozenset[str]) -> str | None:
    if needed and not text:
        raise BadValue(f"{TRANSCRIPT} is empty; write what is said, or {TRANSCRIPT_OFF}")
    if is_missing(text) and text.casefold() not in said_words:
        if not needed:
            return None
        raise BadValue(
            f"{TRANSCRIPT} is {text!r}, which programs write for a missing value; write what is said, or "
            f"{TRANSCRIPT_OFF}; if that very word is said, say {quoted_override('data.said_words', [text])}"
        )
    refuse_mojibake(TRANSCRIPT, text)
    return plain_text(TRANSCRIPT, text)


def _text(column: str, text: str) -> str | None:
    refuse_missing(column, text)
    refuse_mojibake(column, text)
    return plain_text(column, text)


def _split(word: str) -> str | None:
    refuse_missing("split", word)
    if word and word.lower() not in SPLITS:
        raise BadValue(f"split {word!r} is not one of {list(SPLITS)}")
    return SPLITS[word.lower()] if word else None
