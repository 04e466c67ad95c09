"""Emotion-LLaMA's own files: row files, a transcript table, MERR's explanations, videos by name.

A row is `name label`, or `name frames label` and perhaps a valence (`N C E [V]`), separated by single spaces. The
transcript table is a CSV with `name` and `sentence` (MER2024: `sentence_en`). MERR_coarse_grained.json maps a name to
`{"caption"}`, MERR_fine_grained.json to `{"smp_reason_caption"}`.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from emolightning.data.captions import blip_caption
from emolightning.data.datamodule import ClipDataModule
from emolightning.data.splits import assign_splits
from emolightning.data.values import BadValue, MediaFolder, clip_id, label_of, plain_text
from emolightning.errors import InputErrors, UserError
from emolightning.records import Clip

SENTENCES = ("sentence", "sentence_en")
EMPTY_TRANSCRIPT = "write what is said, or say data.empty_transcript=empty, or =upstream for its word `nan`"


@dataclass(frozen=True)
class Row:
    """One line of a row file."""

    name: str
    label: str
    line: int


class UpstreamRowsData(ClipDataModule):
    """`data=merr_coarse`, `merr_fine`, `mer2023_pseudo` and anything else in upstream's layout.

    Args:
        root: the folder that all other names are relative to.
        train: row file of the clips to train on.
        val: row file of the validation clips; None takes `val_fraction` of those of `train`.
        test: row file of the clips to test on; None leaves that split empty.
        val_fraction: share of the training clips, evenly over the labels and fixed by the seed.
        transcripts: table of what is said.
        coarse: MERR's coarse captions, the answers of task `reason`.
        fine: MERR's fine captions, the answers of task `reason_v2`.
        media: folder of `<name>.mp4`, or else `<name>.avi`.
        captions: `blip` puts answers through upstream's text processor, `raw` leaves them.
        empty_transcript: `error`; `empty`; or `upstream`, the word `nan` that upstream makes of an empty cell.
        **shared: arguments of ClipDataModule.
    """

    def __init__(
        self,
        *,
        root: str,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        val_fraction: float = 0.05,
        transcripts: str | None = "transcription_en_all.csv",
        coarse: str | None = None,
        fine: str | None = None,
        media: str = "video",
        captions: Literal["blip", "raw"] = "blip",
        empty_transcript: Literal["error", "empty", "upstream"] = "error",
        **shared: Any,
    ):
        super().__init__(**shared)
        self.root = Path(root)
        self.row_files = {name: file for name, file in (("train", train), ("val", val), ("test", test)) if file}
        self.val_fraction = val_fraction
        self.transcripts, self.coarse, self.fine = transcripts, coarse, fine
        self.media = self.root / media
        self.captions = captions
        self.empty_transcript = empty_transcript

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self.media

    def read_clips(self) -> list[Clip]:
        """The clips of all row files, in their order; validation clips taken from train where no file names them."""
        if not self.row_files:
            raise UserError(f"data={self.name}: no row file; say data.train=FILE (or val, test), relative to data.root")
        reader = ClipReader(
            media=MediaFolder(_folder(self.media), preferred=(".mp4", ".avi")),
            labels=self.labels,
            transcripts=self._transcripts(),
            coarse=read_captions(self.root / self.coarse, "caption") if self.coarse else {},
            fine=read_captions(self.root / self.fine, "smp_reason_caption") if self.fine else {},
        )
        clips = [clip for split, file in self.row_files.items() for clip in reader.read(self.root / file, split)]
        _refuse_twice(clips)
        clips = self._with_val(clips)
        return [self._as_learned(clip) for clip in clips]

    def _transcripts(self) -> dict[str, str]:
        if "transcript" not in self.inputs or self.transcripts is None:
            return {}
        return read_transcripts(self.root / self.transcripts, empty=self.empty_transcript)

    def _with_val(self, clips: list[Clip]) -> list[Clip]:
        if "val" in self.row_files or "train" not in self.row_files or not self.val_fraction:
            return clips
        pool = [replace(clip, split=None) for clip in clips if clip.split == "train"]
        divided = assign_splits(pool, seed=self.seed, ratios=(1 - self.val_fraction, self.val_fraction, 0.0))
        found = {clip.id: clip for clip in divided}
        return [found.get(clip.id, clip) for clip in clips]

    def _as_learned(self, clip: Clip) -> Clip:
        if self.captions == "raw":
            return clip
        return replace(clip, reason=_processed(clip.reason), detailed_reason=_processed(clip.detailed_reason))


def _processed(text: str | None) -> str | None:
    return None if text is None else blip_caption(text)


@dataclass(frozen=True)
class ClipReader:
    """Row files -> clips, with what the other files say about each name."""

    media: MediaFolder
    labels: tuple[str, ...]
    transcripts: Mapping[str, str]
    """Empty when the run has no transcripts."""
    coarse: Mapping[str, str]
    fine: Mapping[str, str]

    def read(self, path: Path, split: str) -> list[Clip]:
        """The clips of one file.

        Raises:
            InputErrors: everything that is wrong with its rows, by line.
        """
        problems: list[str] = []
        clips = []
        for row in read_rows(path, problems):
            try:
                clips.append(self._clip(row, split, f"{path}, line {row.line}"))
            except BadValue as error:
                problems.append(f"line {row.line}: {error}")
        if problems:
            raise InputErrors(str(path), problems)
        return clips

    def _clip(self, row: Row, split: str, source: str) -> Clip:
        identity = clip_id(row.name)
        if self.transcripts and identity not in self.transcripts:
            raise BadValue(f"{row.name!r} has no row in the transcript table")
        return Clip(
            id=identity,
            video=self.media.find(row.name, identity),
            transcript=self.transcripts.get(identity),
            label=label_of(row.label, self.labels),
            reason=self.coarse.get(identity),
            detailed_reason=self.fine.get(identity),
            split=split,
            source=source,
        )


def read_rows(path: Path, problems: list[str]) -> list[Row]:
    """The rows of a file; what is wrong with the others is added to `problems`.

    Raises:
        UserError: the file is not there.
    """
    rows = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        fields = line.split(" ")
        if len(fields) not in (2, 3, 4) or "" in fields or "\t" in line:
            problems.append(
                f"line {number}: {line!r} is not `name label` or `name frames label [valence]` with single spaces"
            )
            continue
        rows.append(Row(name=fields[0], label=fields[1] if len(fields) == 2 else fields[2], line=number))
    if not rows and not problems:
        problems.append("the file is empty")
    return rows


def read_transcripts(path: Path, *, empty: Literal["error", "empty", "upstream"]) -> dict[str, str]:
    """Name -> sentence.

    Raises:
        UserError: no such file.
        InputErrors: missing columns, a name twice, an empty sentence where that is an error.
    """
    table = csv.DictReader(_text(path).splitlines(keepends=True), strict=True)
    columns = [column for column in SENTENCES if column in (table.fieldnames or ())]
    if "name" not in (table.fieldnames or ()) or not columns:
        raise InputErrors(str(path), [f"columns {table.fieldnames}: needs `name` and one of {list(SENTENCES)}"])
    problems: list[str] = []
    found: dict[str, str] = {}
    try:
        for row in table:
            name, sentence = (row["name"] or "").strip(), (row[columns[0]] or "").strip()
            if name in found:
                problems.append(f"line {table.line_num}: {name!r} is there twice; keep one")
            if not sentence and empty == "error":
                problems.append(f"line {table.line_num}: {name!r} has an empty {columns[0]}; {EMPTY_TRANSCRIPT}")
            found[name] = sentence or ("nan" if empty == "upstream" else "")
            try:
                plain_text(columns[0], sentence)
            except BadValue as error:
                problems.append(f"line {table.line_num}: {error}")
    except csv.Error as error:
        problems.append(f"line {table.line_num}: not readable as CSV: {error}")
    if problems:
        raise InputErrors(str(path), problems)
    return found


def read_captions(path: Path, key: str) -> dict[str, str]:
    """Name -> explanation of one of MERR's files.

    Raises:
        UserError: no such file.
        InputErrors: not that kind of JSON, or entries without the text.
    """
    try:
        content = json.loads(_text(path))
    except ValueError as error:
        raise InputErrors(str(path), [f"is not JSON: {error}"]) from error
    if not isinstance(content, dict):
        raise InputErrors(str(path), ["is not an object that maps names to explanations"])
    wrong = [
        name for name, entry in content.items() if not (isinstance(entry, dict) and isinstance(entry.get(key), str))
    ]
    if wrong:
        raise InputErrors(str(path), [f"{name!r} has no text {key!r}" for name in wrong])
    return {name: entry[key] for name, entry in content.items()}


def _text(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such file; set data.root to the folder that holds the benchmark's files")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 ({error}); save it as UTF-8") from error


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; set data.root and data.media to where the videos are")
    return path


def _refuse_twice(clips: list[Clip]) -> None:
    """One clip in two rows: counted twice, or trained on and tested on."""
    first: dict[str, Clip] = {}
    problems = []
    for clip in clips:
        if clip.id in first:
            problems.append(f"{clip.source}: {clip.id!r} is in {first[clip.id].source} as well; keep one of the two")
        first.setdefault(clip.id, clip)
    if problems:
        raise InputErrors("row files", problems)
