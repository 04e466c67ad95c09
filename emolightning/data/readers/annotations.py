"""The custom annotation file -> clips: a table of any kind, every problem of the file reported at once.

The format is the one of Emotion-LLaMA's evaluation guide: a header `video_name, emotion_label, transcription`, a space
after each comma, quoted texts; optional columns `split`, `reason`, `subject`, `valence`, `arousal`; `start` and `end`
of pieces of videos.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.custom_columns import (
    COLUMNS,
    TRANSCRIPT,
    TRANSCRIPT_OFF,
    CustomColumns,
)
from emolightning.data.readers.custom_numbers import CustomNumbers
from emolightning.data.readers.custom_rows import USED, CustomRows
from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.label_votes import LabelVotes
from emolightning.data.readers.left_out import RowsLeftOut
from emolightning.data.readers.pieces import overlaps, piece_id, read_span
from emolightning.data.readers.row_problems import MissingTranscript, RowProblems
from emolightning.data.readers.values import (
    LABEL,
    NAME,
    BadValue,
    MediaFolder,
    clip_id,
    is_missing,
    plain_text,
    refuse_missing,
    refuse_mojibake,
)
from emolightning.errors import UserError
from emolightning.records.clips import Clip
from emolightning.records.score_names import DIMENSIONS
from emolightning.records.votes import Targets, Ties, shares

SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}

PIECES = "if these are pieces of one video, say which in columns start and end, in seconds"

_log = logging.getLogger(__name__)


def read_custom(
    path: Path,
    media: Path,
    labels: tuple[str, ...],
    *,
    needs_transcript: bool = True,
    may_be_silent: bool = False,
    lost: MutableMapping[str, str] | None = None,
    columns: Mapping[str, str | None] | None = None,
    label_map: Mapping[str, str | None] | str | None = None,
    drop: Mapping[str, Any] | None = None,
    said_words: Collection[str] = (),
    separator: str | None = None,
    scale: tuple[float, float] | None = None,
    annotators: Sequence[str] = (),
    ties: Ties = "refuse",
    targets: Targets = "majority",
    votes: MutableMapping[str, tuple[str | None, ...]] | None = None,
    remarks: list[str] | None = None,
) -> list[Clip]:
    """Read an annotation file and find the video of every row.

    Args:
        path: see `emolightning.data.tables`.
        media: the folder with the videos; names in the file are relative to it.
        labels: the vocabulary; synonyms are mapped to it.
        needs_transcript: False where the run does not use the transcript: it may then be empty or have no column.
        may_be_silent: whether a transcript that is needed may be empty, or missing: nothing is said.
        lost: see MediaFolder.
        columns: our name of a column -> its name in the file.
        label_map: see LabelMap.
        drop: see RowsLeftOut.
        said_words: words such as `None` that are really said, where programs write them for a missing value.
        separator: of several labels in a cell; None where a clip has one.
        scale: lowest and highest valence and arousal; None takes any number.
        annotators: columns of people, of whose labels the one with the most votes is the clip's.
        ties: what becomes of clips with several such labels.
        targets: `soft` lets clips teach each label by its share of the votes.
        votes: gets the label that each person gave each clip.
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
    problems, known = RowProblems(), CustomColumns(columns or {}, annotators)
    unit = "votes" if annotators else "rows" if separator is None else "labels"
    meanings = LabelMap(labels, label_map, separator=separator, unit=unit)
    read_label = LabelVotes(meanings, known.of_people(), ties) if annotators else meanings
    optional = [*([] if needs_transcript else [TRANSCRIPT]), *([LABEL] if annotators else [])]
    required = [column for column in COLUMNS if column not in optional]
    table = CustomRows(path, known, required)
    words = frozenset(map(str.casefold, said_words))
    spoken = partial(_transcript, needed=needs_transcript, may_be_silent=may_be_silent, said_words=words)
    numbers = CustomNumbers(scale)
    left_out = RowsLeftOut(drop)
    given: MutableMapping[str, tuple[str | None, ...]] = {} if votes is None else votes
    clips = _clips(table, left_out, MediaFolder(media, lost=lost), read_label, spoken, numbers.read, problems, given)
    if targets == "soft":
        clips = [replace(clip, shares=shares(given[clip.id])) for clip in clips]
    problems.found += [(1, fault) for fault in left_out.faults(table.columns)] if table.num_rows else []
    if not table.num_rows and not len(problems):
        needs = ", ".join([*(known.names[column] for column in required), *annotators])
        problems.found.append((1, f"there are no clips in the file; it needs {needs} and one row for each clip"))
    if unused := sorted(table.columns - USED - {*known.of_people()}):
        _log.info("%s: columns that are not used: %s", path, ", ".join(unused))
    if len(problems):
        raise RowErrors([(str(path), problems.described())], clips)
    if not clips:
        setting = "data.label_map or data.ties=drop" if ties == "drop" else "data.label_map"
        setting = f"data.drop or {setting}" if left_out.counts else setting
        raise RowErrors([(str(path), [f"{setting} leaves out every row"])])
    if remarks is not None:
        remarks += [*left_out.remarks(), *read_label.remarks(), *numbers.remarks()]
    return clips


def annotation_hash(clips: Iterable[Clip]) -> str:
    """Sha256 of what is said about the clips: the same for any row order, file format and place of the media."""
    said: Iterator[list[Any]] = (
        [clip.id, clip.transcript, clip.label, clip.reason, clip.split, clip.subject]
        + ([clip.detailed_reason] if clip.detailed_reason else [])
        + ([list(clip.open_labels)] if clip.open_labels else [])
        + ([dict(clip.answers)] if clip.answers else [])
        + ([clip.valence] if clip.valence is not None else [])
        + (["arousal", clip.arousal] if clip.arousal is not None else [])
        + (["shares", sorted(clip.shares)] if clip.shares else [])
        + ([clip.span.start, clip.span.end] if clip.span is not None else [])
        for clip in clips
    )
    return hashlib.sha256("\n".join(sorted(map(json.dumps, said))).encode()).hexdigest()


def _clips(
    table: CustomRows,
    left_out: RowsLeftOut,
    media: MediaFolder,
    labels: LabelMap | LabelVotes,
    spoken: Callable[[str], str | None],
    number: Callable[[str, str], float | None],
    problems: RowProblems,
    given: MutableMapping[str, tuple[str | None, ...]],
) -> list[Clip]:
    """The clips of all rows that name one; what is wrong with rows is added to `problems`, votes to `given`."""
    check = problems.check
    clips: list[tuple[int, Clip]] = []
    first_use: dict[str, int] = {}
    twice: dict[int, int] = {}
    kept: dict[str, str] = {}  # What repeats is in memory once.
    for line, values in table.rows(problems.found):
        word: Any = labels.of_row(values)
        get = values.get
        if left_out.leaves_out(values) or labels.leaves_out(word):
            continue
        before = problems.num_checked
        file, span = check(line, clip_id, values[NAME]), check(line, read_span, values)
        identity = piece_id(file, span) if problems.num_checked == before else None
        if identity and first_use.setdefault(identity, line) != line:
            twice[line] = first_use[identity]
            identity = None
        video = check(line, media.find, values[NAME], file, identity) if identity else None
        label, several = check(line, labels.read_all, word) or (None, None)
        transcript = check(line, spoken, get(TRANSCRIPT, ""))
        split, reason, subject = _optional(partial(check, line), get, kept)
        numbers = {name: check(line, number, name, text) for name in DIMENSIONS if (text := get(name))}
        if problems.num_checked > before or line in twice:
            split = None  # Of a row that is wrong no answer is asked for: it would be told twice.
        if identity and video:
            others = {name: kept.setdefault(text, text) for name, text in values.items() if name not in USED}
            source = f"{table.title}, line {line}"
            about = Clip(identity, video, transcript, label, reason, split=split, subject=subject, open_labels=several,
                         **numbers, attributes=others, source=source, span=span)  # fmt: skip
            clips.append((line, about))
            if isinstance(labels, LabelVotes):
                given[identity] = labels.given(word)
    if twice:
        first = table.rows_at({*twice, *twice.values()})
        problems.found += [(line, _twice(first[line], first[other], other)) for line, other in twice.items()]
    problems.found += overlaps(clips)
    return [clip for _, clip in clips]


def _optional(
    check: Callable[..., Any], get: Callable[[str], str | None], kept: dict[str, str]
) -> tuple[str | None, str | None, str | None]:
    """Split, reason and subject of a row; most cells are empty, or there is no such column."""
    split = check(_split, text) if (text := get("split")) else None
    reason = check(_text, "reason", text) if (text := get("reason")) else None
    subject = check(_text, "subject", kept.setdefault(text, text)) if (text := get("subject")) else None
    return split, reason, subject


def _twice(row: Mapping[str, str], first: Mapping[str, str], line: int) -> str:
    """What is wrong with a second row about a clip, and what to do, which depends on what the two say."""
    said = f"{NAME} {row[NAME]!r} is the same clip as {first[NAME]!r} in line {line}"
    here, there = row.get(LABEL, ""), first.get(LABEL, "")
    if here != there:
        return (
            f"{said}, with another label, {here!r} and {there!r}: a clip has one row; if several people judged it, "
            f"vote first, or give each a column and say data.annotators=[...]; {PIECES}"
        )
    others = [name for name, value in row.items() if name not in (NAME, LABEL) and value != first.get(name)]
    differ = f", with another {others[0]}: {PIECES}, else" if others else ":"
    return f"{said}{differ} take one of the two rows out"


def _transcript(text: str, *, needed: bool, may_be_silent: bool, said_words: frozenset[str]) -> str | None:
    is_absent = is_missing(text) and text.casefold() not in said_words
    if may_be_silent and needed and (is_absent or not text):
        return ""
    if needed and not text:
        raise BadValue(
            f"{TRANSCRIPT} is empty; write what is said, say data.empty_transcript=empty where nothing is, or "
            f"{TRANSCRIPT_OFF}"
        )
    if is_absent:
        if not needed:
            return None
        raise MissingTranscript(text)
    refuse_mojibake(TRANSCRIPT, text)
    return plain_text(TRANSCRIPT, text)


def _text(column: str, text: str) -> str | None:
    refuse_missing(column, text)
    refuse_mojibake(column, text)
    return plain_text(column, text)


def _split(word: str) -> str | None:
    if word in SPLITS:
        return SPLITS[word]
    refuse_missing("split", word)
    if word and word.lower() not in SPLITS:
        raise BadValue(f"split {word!r} is not one of {list(SPLITS)}")
    return SPLITS[word.lower()] if word else None
