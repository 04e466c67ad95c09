"""The table of `data=custom` that says of prepared clips what their own files said, and the words that read it."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emolightning.data.readers.custom import CustomData
from emolightning.data.readers.custom_columns import plain_name
from emolightning.data.readers.values import is_missing
from emolightning.errors import InputErrors, UserError, override
from emolightning.files.writing import write_whole
from emolightning.records.clips import Clip
from emolightning.runs.preparing.placing import FOLDER, name_of

TABLE = "annotations.csv"
FOLD = "fold"
SEPARATOR = ";"
"""Sign between the labels of a clip that has several."""
SUBJECT, SPEAKER = "subject", "speaker"
"""Column of who is seen; and where official splits share people, which `data=custom` refuses of subjects."""


@dataclass(frozen=True)
class Settings:
    """How the table is read."""

    data: Mapping[str, object]
    """Setting below `data` -> value."""
    transcript: bool
    """Whether there is anything said."""
    shares_people: int
    """How many subjects are in more than one split: they are in a column that keeps nobody apart."""

    def words(self) -> list[str]:
        """The same as words of a command line."""
        words = ["data=custom", *(override(f"data.{name}", value) for name, value in self.data.items())]
        return words if self.transcript else [*words, "inputs.transcript=false"]


def write_table(
    out: Path,
    clips: Sequence[Clip],
    folds: Mapping[str, int] | None,
    labels: Sequence[str],
    *,
    left_out: Sequence[str] = (),
) -> Settings:
    """Write the table, and read it back.

    Args:
        out: the folder; its clips are there.
        clips: each with label and split.
        folds: clip id -> number of its fold, from 0 on; None writes no such column.
        labels: the vocabulary.
        left_out: columns of people whose votes are the labels: `data=custom` would ask what they mean.

    Raises:
        InputErrors: `data=custom` reads something else than was written.
        UserError: the clips have a column called `fold` already.
    """
    shared = _in_several_splits(clips)
    columns = _columns(clips, folds, SPEAKER if shared else SUBJECT, {plain_name(name) for name in left_out})
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows([_cell(clip, column, folds or {}) for column in columns] for clip in clips)
    write_whole(out / TABLE, text.getvalue())
    settings = _settings(out, clips, labels, shared)
    _require_equal(settings, clips)
    return settings


def _in_several_splits(clips: Sequence[Clip]) -> int:
    """Subjects whom official splits share, as MELD's do."""
    places = Counter(subject for subject, _ in {(clip.subject, clip.split) for clip in clips} if subject)
    return sum(number > 1 for number in places.values())


def _columns(
    clips: Sequence[Clip], folds: Mapping[str, int] | None, subject: str, left_out: Collection[str]
) -> list[str]:
    others = list(dict.fromkeys(name for clip in clips for name in clip.attributes))
    if folds is not None and FOLD in others:
        raise UserError("num_folds: the clips have a column fold already; leave num_folds out")
    known = {
        "transcription": any(clip.transcript is not None for clip in clips),
        subject: any(clip.subject for clip in clips),
        "reason": any(clip.reason for clip in clips),
        "valence": any(clip.valence is not None for clip in clips),
        "arousal": any(clip.arousal is not None for clip in clips),
        FOLD: folds is not None,
    }
    return [
        "video_name",
        "emotion_label",
        "split",
        *(name for name, is_there in known.items() if is_there),
        *(name for name in others if name not in known and name not in left_out),
    ]


def _cell(clip: Clip, column: str, folds: Mapping[str, int]) -> str:
    known = {
        "video_name": name_of(clip),
        "emotion_label": clip.label or SEPARATOR.join(clip.open_labels or ()),
        "split": clip.split,
        "transcription": clip.transcript,
        SUBJECT: clip.subject,
        SPEAKER: clip.attributes.get(SPEAKER, clip.subject),
        "reason": clip.reason,
        "valence": clip.valence,
        "arousal": clip.arousal,
    }
    if column == FOLD and clip.id in folds:
        return str(folds[clip.id] + 1)
    value = known[column] if column in known else clip.attributes.get(column)
    return "" if value is None else str(value)


def _settings(out: Path, clips: Sequence[Clip], labels: Sequence[str], shared: int) -> Settings:
    said = [clip.transcript or "" for clip in clips]
    settings: dict[str, object] = {
        "annotations": str(out / TABLE),
        "media": str(out / FOLDER),
        "labels": list(labels),
    }
    if any(clip.label is None for clip in clips):
        settings["label_separator"] = SEPARATOR
    if any(clip.transcript is not None for clip in clips):
        if not all(text.strip() for text in said):
            settings["empty_transcript"] = "empty"
        if words := sorted({text for text in said if is_missing(text)}):
            settings["said_words"] = words
    return Settings(settings, any(said), shared)


def _require_equal(settings: Settings, clips: Sequence[Clip]) -> None:
    """Read the table as a run would, and compare."""
    inputs = ("transcript",) if settings.transcript else ()
    found = {clip.id: clip for clip in CustomData(name="custom", inputs=inputs, **settings.data).read_clips()}  # type: ignore[arg-type]
    compared = ["label", "split", "valence", "arousal", *(["transcript"] if settings.transcript else [])]
    compared += [] if settings.shares_people else ["subject"]
    problems = [f"{clip_id}: is not in what was prepared" for clip_id in found.keys() - {clip.id for clip in clips}]
    for clip in clips:
        again = found.get(clip.id)
        if again is None:
            problems.append(f"{clip.id}: is not found again")
            continue
        for name in compared:
            name = "open_labels" if name == "label" and clip.label is None else name
            meant, read = getattr(clip, name), getattr(again, name)
            if (meant.strip() if isinstance(meant, str) else meant) != read and (meant or read):
                problems.append(f"{clip.id}: {name} {meant!r} is read as {read!r}")
    if problems:
        raise InputErrors(f"{settings.data['annotations']}: data=custom reads something else", problems)
