"""The custom annotation file -> clips: CSV or JSONL, every problem of the file reported at once.

The format is the one of Emotion-LLaMA's evaluation guide: a header `video_name, emotion_label, transcription`, a space
after each comma, quoted texts; optional columns `split`, `reason`, `subject`. JSONL: the same keys, one object a line.
"""

import csv
import difflib
import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.data.values import LABEL, NAME, BadValue, MediaFolder, clip_id, label_of, plain_text
from emolightning.errors import InputErrors, UserError
from emolightning.records import Clip

TRANSCRIPT = "transcription"
COLUMNS = (NAME, LABEL, TRANSCRIPT)
OPTIONAL_COLUMNS = ("split", "reason", "subject")
SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}

_TRANSCRIPT_OFF = "switch the transcript off with inputs.transcript=false"
_log = logging.getLogger(__name__)
Problem = tuple[int, str]  # line of the file, counted from 1, and what is wrong there


@dataclass(frozen=True)
class _Row:
    line: int
    last_line: int
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
        path: `.jsonl` or `.json` is one JSON object a line, any other suffix is CSV; UTF-8.
        media: the folder with the videos; names in the file are relative to it.
        labels: the vocabulary; synonyms are mapped to it.
        needs_transcript: False where the run does not use the transcript: it may then be empty or have no column.
        lost: see MediaFolder.

    Raises:
        InputErrors: everything that is wrong in the file, by line.
        UserError: the file or the media folder does not exist.
    """
    path, media = Path(path), Path(media)
    if not path.is_file():
        raise UserError(f"annotation file {path} does not exist or is not a file")
    if not media.is_dir() and lost is None:
        raise UserError(f"media folder {media} does not exist or is not a folder")
    problems: list[Problem] = []
    lines, broken = _decoded_lines(path.read_bytes(), problems)
    required = COLUMNS if needs_transcript else (NAME, LABEL)
    read_rows = _json_rows if path.suffix.lower() in (".jsonl", ".json") else _csv_rows
    rows = read_rows(lines, required, problems)
    if not rows and not problems:
        problems.append((1, f"there are no clips in the file; it needs {', '.join(COLUMNS)} and one row for each clip"))
    unused = sorted({column for row in rows for column in row.values} - {*COLUMNS, *OPTIONAL_COLUMNS})
    if unused:
        _log.info("%s: columns that are not used: %s", path, ", ".join(unused))
    # A row with undecodable bytes has its problem already; what else it seems to say would be guesswork.
    sound = [row for row in rows if broken.isdisjoint(range(row.line, row.last_line + 1))]
    clips = _clips(sound, MediaFolder(media, lost=lost), labels, needs_transcript, problems)
    if problems:
        raise InputErrors(str(path), [f"line {line}: {text}" for line, text in sorted(problems, key=lambda p: p[0])])
    return [replace(clip, source=f"{path}, line {row.line}") for clip, row in zip(clips, sound, strict=True)]


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


def _decoded_lines(data: bytes, problems: list[Problem]) -> tuple[list[str], set[int]]:
    """The lines without their ends, and the numbers of those that are not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.append((1, "the file is UTF-16, it must be UTF-8; save it again as 'CSV UTF-8'"))
        return [], set()
    lines, broken, offset = [], set(), 0
    # Split at "\n" only: str.splitlines also cuts at characters that a transcript may contain, e.g. U+2028.
    for number, raw in enumerate(data.removesuffix(b"\n").split(b"\n"), start=1):
        try:
            lines.append(raw.decode())
        except UnicodeDecodeError as error:
            broken.add(number)
            lines.append(raw.decode(errors="replace"))
            where = f"byte {offset + error.start} of the file (0x{raw[error.start]:02x})"
            problems.append((number, f"{where} is not UTF-8; save the file as UTF-8"))
        offset += len(raw) + 1
    lines[0] = lines[0].removeprefix("\ufeff")
    return [line.removesuffix("\r") for line in lines], broken


def _csv_rows(lines: list[str], required: Collection[str], problems: list[Problem]) -> list[_Row]:
    """The rows below the header; none if the header is of no use."""
    records = _csv_records(lines, problems)
    line, last_line, fields = next(records, (0, 0, []))
    header = [field.strip().lower() for field in fields]
    if not header:
        return []
    faults = [_missing_column(column, header) for column in required if column not in header]
    faults += [f"column {column!r} is there twice" for column in sorted({c for c in header if header.count(c) > 1})]
    problems += [(line, fault) for fault in faults]
    rows: list[_Row] = []
    for line, last_line, fields in records if not faults else ():
        if len(fields) != len(header):
            hint = "put a text with a comma in double quotes" if len(fields) > len(header) else "give every column"
            problems.append((line, f"{len(fields)} fields where the header has {len(header)}: {fields}; {hint}"))
            continue
        rows.append(_Row(line, last_line, dict(zip(header, map(str.strip, fields), strict=True))))
    return rows


def _csv_records(lines: list[str], problems: list[Problem]) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and fields of every record. A record has several lines where a quoted text has."""
    # strict: a stray quote would otherwise be glued into the text, or swallow the rows that follow, without a word.
    reader = csv.reader((line + "\n" for line in lines), skipinitialspace=True, strict=True)
    remedy = "end a quoted text with a quote right before the comma, and write a quote inside it twice"
    header_read = False
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            until = f" (read to line {reader.line_num})" if reader.line_num > line else ""
            problems.append((line, f"not readable as CSV{until}: {error}; {remedy}"))
            if not header_read:
                return
            continue
        if len(fields) > 1 or "".join(fields).strip():
            header_read = True
            yield line, reader.line_num, fields


def _json_rows(lines: list[str], required: Collection[str], problems: list[Problem]) -> list[_Row]:
    rows = []
    for number, line in enumerate(lines, start=1):
        values = _check(problems, number, _json_values, line, required) if line.strip() else None
        if values is not None:
            rows.append(_Row(number, number, values))
    return rows


def _json_values(line: str, required: Collection[str]) -> dict[str, str]:
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadValue(f"not readable as JSON: {error}; write one object a line (JSONL)") from None
    if not isinstance(entry, dict):
        raise BadValue(f"a JSON {type(entry).__name__} where an object belongs; write one object a line (JSONL)")
    faults = [_missing_column(column, list(entry)) for column in required if column not in entry]
    for key, value in entry.items():
        # Numbers are let through since subjects and file names often are.
        if key in (*COLUMNS, *OPTIONAL_COLUMNS) and not isinstance(value, str | int | None):
            faults.append(f"{key} {value!r} is not a text")
    if faults:
        raise BadValue("; ".join(faults))
    return {key: "" if value is None else str(value).strip() for key, value in entry.items()}


def _missing_column(column: str, found: list[str]) -> str:
    hint = "".join(f"; is it {near!r}?" for near in difflib.get_close_matches(column, found, n=1, cutoff=0.5))
    off = f"; or {_TRANSCRIPT_OFF}" if column == TRANSCRIPT else ""
    return f"no column {column!r}; columns found: {found}{hint}{off}"


def _clips(
    rows: list[_Row], media: "MediaFolder", labels: tuple[str, ...], needs_transcript: bool, problems: list[Problem]
) -> list[Clip]:
    """The clips of the rows that are in order; what is wrong with the others is added to `problems`."""
    clips = []
    first_use: dict[str, _Row] = {}
    for row in rows:
        before = len(problems)
        name = row.values[NAME]
        check = partial(_check, problems, row.line)
        identity = check(clip_id, name)
        if identity in first_use:
            other = first_use[identity]
            same = f"the same clip as {other.values[NAME]!r} in line {other.line}"
            problems.append((row.line, f"{NAME} {name!r} is {same}; keep one of the two"))
        elif identity:
            first_use[identity] = row
        video = check(media.find, name, identity) if identity else None
        label = check(label_of, row.values[LABEL], labels)
        transcript = check(_transcript, row.values.get(TRANSCRIPT, ""), needs_transcript)
        split = check(_split, row.values.get("split", ""))
        reason, subject = (check(plain_text, key, row.values.get(key, "")) for key in ("reason", "subject"))
        if video and len(problems) == before:
            clips.append(Clip(identity, video, transcript, label, reason, split=split, subject=subject))
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
