"""The custom annotation file -> clips: CSV or JSONL, every problem of the file reported at once.

The format is the one of Emotion-LLaMA's evaluation guide: a header `video_name, emotion_label, transcription`, a space
after each comma, quoted texts; optional columns `split`, `reason`, `subject`. JSONL: the same keys, one object a line.
"""

import difflib
import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.data.unusable import RowErrors
from emolightning.data.values import LABEL, NAME, BadValue, MediaFolder, clip_id, label_of, plain_text
from emolightning.errors import UserError
from emolightning.records import Clip
from emolightning.tables.reading import Problem, Row, described, read_table

TRANSCRIPT = "transcription"
COLUMNS = (NAME, LABEL, TRANSCRIPT)
OPTIONAL_COLUMNS = ("split", "reason", "subject")
SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}

_TRANSCRIPT_OFF = "switch the transcript off with inputs.transcript=false"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Row:
    line: int
    values: dict[str, str]  # column -> text without the spaces around it


def read_custom(
    path: Path,
    media: Path,
    labels: tuple[str, ...],
    *,
    needs_transcript: bool = True,
    lost: MutableMapping[str, str] | None = None,
) -> list[Clip]:
    """Read an annotation file and find the video of every row.

    Args:
        path: see `emolightning.tables`.
        media: the folder with the videos; names in the file are relative to it.
        labels: the vocabulary; synonyms are mapped to it.
        needs_transcript: False where the run does not use the transcript: it may then be empty or have no column.
        lost: see MediaFolder.

    Raises:
        RowErrors: everything that is wrong in the file, by line, with the clips whose files can be looked at.
        UserError: the file or the media folder does not exist.
    """
    path, media = Path(path), Path(media)
    if not path.is_file():
        raise UserError(f"annotation file {path} does not exist or is not a file")
    if not media.is_dir() and lost is None:
        raise UserError(f"media folder {media} does not exist or is not a folder")
    problems: list[Problem] = []
    required = COLUMNS if needs_transcript else (NAME, LABEL)
    read = read_table(path, partial(_faults, required=required), problems)
    rows = [texts for row in read if (texts := _texts(row, problems))]
    if not rows and not problems:
        problems.append((1, f"there are no clips in the file; it needs {', '.join(COLUMNS)} and one row for each clip"))
    unused = sorted({column for row in rows for column in row.values} - {*COLUMNS, *OPTIONAL_COLUMNS})
    if unused:
        _log.info("%s: columns that are not used: %s", path, ", ".join(unused))
    clips = _clips(path, rows, MediaFolder(media, lost=lost), labels, needs_transcript, problems)
    if problems:
        raise RowErrors([(str(path), described(problems))], clips)
    return clips


def annotation_hash(clips: Iterable[Clip]) -> str:
    """Sha256 of what is said about the clips: the same for any row order, file format and place of the media."""
    said: Iterator[list[Any]] = (
        [clip.id, clip.transcript, clip.label, clip.reason, clip.split, clip.subject]
        + ([clip.detailed_reason] if clip.detailed_reason else [])
        + ([list(clip.open_labels)] if clip.open_labels else [])
        + ([clip.valence] if clip.valence is not None else [])
        for clip in clips
    )
    return hashlib.sha256("\n".join(sorted(map(json.dumps, said))).encode()).hexdigest()


def _faults(found: Sequence[str], required: Collection[str]) -> list[str]:
    """What is wrong with the columns of a table, or with the keys of an object."""
    names = [name.lower() for name in found]
    faults = [_missing_column(column, names) for column in required if column not in names]
    return faults + [f"column {column!r} is there twice" for column in sorted({c for c in names if names.count(c) > 1})]


def _texts(row: Row, problems: list[Problem]) -> _Row | None:
    """The row with the values as texts; None, and a problem for each value that is none."""
    values = {name.lower(): value for name, value in row.values.items()}
    # Numbers are let through since subjects and file names often are.
    faults = [
        f"{name} {value!r} is not a text"
        for name, value in values.items()
        if name in (*COLUMNS, *OPTIONAL_COLUMNS) and not isinstance(value, str | int | None)
    ]
    problems += [(row.line, fault) for fault in faults]
    texts = {name: "" if value is None else str(value).strip() for name, value in values.items()}
    return None if faults else _Row(row.line, texts)


def _missing_column(column: str, found: list[str]) -> str:
    hint = "".join(f"; is it {near!r}?" for near in difflib.get_close_matches(column, found, n=1, cutoff=0.5))
    off = f"; or {_TRANSCRIPT_OFF}" if column == TRANSCRIPT else ""
    return f"no column {column!r}; columns found: {found}{hint}{off}"


def _clips(
    path: Path,
    rows: list[_Row],
    media: "MediaFolder",
    labels: tuple[str, ...],
    needs_transcript: bool,
    problems: list[Problem],
) -> list[Clip]:
    """The clips of all rows that name one; what is wrong with rows is added to `problems`."""
    clips = []
    first_use: dict[str, _Row] = {}
    for row in rows:
        name = row.values[NAME]
        check = partial(_check, problems, row.line)
        identity = check(clip_id, name)
        if identity in first_use:
            other = first_use[identity]
            same = f"the same clip as {other.values[NAME]!r} in line {other.line}"
            problems.append((row.line, f"{NAME} {name!r} is {same}; keep one of the two"))
            identity = None
        elif identity:
            first_use[identity] = row
        video = check(media.find, name, identity) if identity else None
        label = check(label_of, row.values[LABEL], labels)
        transcript = check(_transcript, row.values.get(TRANSCRIPT, ""), needs_transcript)
        split = check(_split, row.values.get("split", ""))
        reason, subject = (check(plain_text, key, row.values.get(key, "")) for key in ("reason", "subject"))
        if video:
            source = f"{path}, line {row.line}"
            clips.append(Clip(identity, video, transcript, label, reason, split=split, subject=subject, source=source))
    return clips


def _check(problems: list[Problem], line: int, check: Callable[..., Any], *args: Any) -> Any:
    """`check(*args)`, or None and a problem: a row goes on being checked after its first bad value."""
    try:
        return check(*args)
    except BadValue as error:
        return problems.append((line, str(error)))


def _transcript(text: str, needed: bool) -> str | None:
    if needed and not text:
        raise BadValue(f"{TRANSCRIPT} is empty; write what is said, or {_TRANSCRIPT_OFF}")
    return plain_text(TRANSCRIPT, text)


def _split(word: str) -> str | None:
    if word and word.lower() not in SPLITS:
        raise BadValue(f"split {word!r} is not one of {list(SPLITS)}")
    return SPLITS[word.lower()] if word else None
