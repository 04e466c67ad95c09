"""What `media=` names: a file, a folder, a pattern, or a table of files with questions and transcripts."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emolightning.data.readers.media_folder import clips_of_folder
from emolightning.data.readers.pieces import piece_id, read_span
from emolightning.data.readers.values import BadValue
from emolightning.data.tables.columns import column_faults
from emolightning.data.tables.kinds import JSON_SUFFIXES, TABLE_SUFFIXES
from emolightning.data.tables.reading import Problem, Row, described, read_table
from emolightning.errors import InputErrors, UserError, is_unicode
from emolightning.records.clips import Clip, Span

VIDEO = "video"
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id",),
    "question": ("question", "prompt"),
    "transcript": ("transcript", "transcription"),
    "start": ("start",),
    "end": ("end",),
}
"""What a row may say -> names of its column: ours, then that of upstream or of annotations."""


@dataclass(frozen=True)
class Item:
    """One clip that somebody asks about."""

    clip: Clip
    question: str | None
    """None asks what is asked of all."""
    video: str
    """As it was written."""
    mode: str
    """`video`, `directory`, `csv` or `jsonl`: upstream's words."""
    place: str
    """The file, folder, pattern or table."""
    record: int
    """Which one of the place, from 1."""


def items_of(media: str) -> list[Item]:
    """The clips that a path or pattern means, in order; their files are not looked at.

    Raises:
        UserError: there is nothing of the kind.
        InputErrors: every wrong row of a table, and ids that are there twice.
    """
    path = Path(media).expanduser()
    if os.path.isdir(path):  # Unlike Path.is_dir it takes names that no file can have.
        clips = clips_of_folder(path)
        return [_found(clip, media, number) for number, clip in enumerate(clips, start=1)]
    if os.path.isfile(path):
        if path.suffix.lower() in (*TABLE_SUFFIXES, ".ndjson"):
            return _of_table(path)
        return [Item(Clip(path.stem, path), None, str(media), "video", str(media), 1)]
    if any(letter in media for letter in "*?["):
        return _of_pattern(media)
    raise UserError(f"media={media}: no such file or folder; it may also be a pattern such as 'clips/*.mp4'")


def _found(clip: Clip, media: str, number: int) -> Item:
    return Item(clip, None, str(clip.video), "directory", media, number)


def _of_pattern(media: str) -> list[Item]:
    import glob

    paths = [Path(name) for name in sorted(glob.glob(str(Path(media).expanduser()), recursive=True))]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        raise UserError(f"media={media}: no file has such a name")
    above = Path(os.path.commonpath([path.parent for path in paths]))
    clips = [Clip(path.relative_to(above).with_suffix("").as_posix(), path) for path in paths]
    items = [_found(clip, media, number) for number, clip in enumerate(clips, start=1)]
    _refuse_repeats(media, items)
    return items


def _of_table(path: Path) -> list[Item]:
    """One item a row; files are relative to the table's folder."""
    problems: list[Problem] = []
    mode = "jsonl" if path.suffix.lower() in JSON_SUFFIXES else "csv"
    items = []
    for number, row in enumerate(read_table(path, lambda names: column_faults([VIDEO], names), problems), start=1):
        try:
            if item := _item(row, path, mode, number):
                items.append(item)
        except BadValue as error:
            problems.append((row.line, str(error)))
    if problems:
        raise InputErrors(str(path), described(problems))
    if not items:
        raise UserError(f"media={path}: the table has no rows")
    _refuse_repeats(str(path), items)
    return items


def _item(row: Row, path: Path, mode: str, number: int) -> Item | None:
    """None for an empty row.

    Raises:
        BadValue: what is wrong with it.
    """
    values = {VIDEO: _text(row.values, (VIDEO,)), **{name: _text(row.values, names) for name, names in NAMES.items()}}
    if not any(values.values()):
        return None
    video = values[VIDEO]
    if not video:
        raise BadValue("video is empty; name the file")
    span = read_span(values["start"] or "", values["end"] or "")
    clip_id = values["id"] or piece_id(video.replace("\\", "/"), span)
    question = values["question"]
    if question is not None and not question.strip():
        if mode == "jsonl":
            raise BadValue("question is empty; write one, or leave the key out")
        question = None
    transcript = values["transcript"]
    clip = Clip(clip_id, path.parent / video, transcript=transcript, source=f"{path}, line {row.line}", span=span)
    return Item(clip, question, video, mode, str(path), number)


def _text(values: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of some columns that is there.

    Raises:
        BadValue: it is no text.
    """
    for name in names:
        value = values.get(name)
        is_time = name in ("start", "end") and isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not isinstance(value, str) and not is_time:
            raise BadValue(f"{name} is a {type(value).__name__}, {value!r}; write a text")
        if value is not None:
            text = str(value)
            if "\0" in text or not is_unicode(text):
                raise BadValue(f"{name} has a character that no text has, {text!r}; write it anew")
            return text.strip() if name != "transcript" and name != "transcription" else text
    return None


def _refuse_repeats(place: str, items: Iterable[Item]) -> None:
    counts = Counter(item.clip.id for item in items)
    if repeated := [name for name, number in counts.items() if number > 1]:
        sentences = [f"{name}: {counts[name]} items have this id; give each one of its own" for name in repeated]
        raise InputErrors(place, sentences)


def pieces_of(item: Item, spans: Iterable[Span]) -> list[Item]:
    """The same question about pieces of the clip, each with an id of its own."""
    clip = item.clip
    return [replace(item, clip=replace(clip, id=piece_id(clip.id, span), span=span)) for span in spans]
