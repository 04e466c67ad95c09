"""The custom annotation file -> clips: a table of any kind, every problem of the file reported at once.

The format is the one of Emotion-LLaMA's evaluation guide: a header `video_name, emotion_label, transcription`, a space
after each comma, quoted texts; optional columns `split`, `reason`, `subject`, `valence`, `arousal`; `start` and `end`
of pieces of videos.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.custom_clips import CustomClips, read_transcript
from emolightning.data.readers.custom_columns import COLUMNS, TRANSCRIPT, CustomColumns
from emolightning.data.readers.custom_numbers import CustomNumbers
from emolightning.data.readers.custom_rows import USED, CustomRows
from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.label_votes import LabelVotes
from emolightning.data.readers.left_out import RowsLeftOut
from emolightning.data.readers.row_problems import RowProblems
from emolightning.data.readers.values import LABEL, MediaFolder
from emolightning.errors import UserError
from emolightning.records.clips import Clip
from emolightning.records.votes import Targets, Ties

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
    spoken = partial(read_transcript, needed=needs_transcript, may_be_silent=may_be_silent, said_words=words)
    numbers = CustomNumbers(scale)
    left_out = RowsLeftOut(drop)
    found = MediaFolder(media, lost=lost)
    made = CustomClips(table, left_out, found, read_label, spoken, numbers, problems, is_soft=targets == "soft")
    clips = made.read()
    if votes is not None:
        votes.update(made.votes)
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
        + ([dict(clip.quoted)] if clip.quoted else [])
        for clip in clips
    )
    return hashlib.sha256("\n".join(sorted(map(json.dumps, said))).encode()).hexdigest()
