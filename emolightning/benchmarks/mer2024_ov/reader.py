"""MER2024-OV: any number of emotion words for each of 332 clips, checked by people.

Source: MERTools `MER2024/ov_store/check-openset.csv`, columns `name,openset`, the second a list in square brackets. The
clips are labelled ones of MER2023 and MER2024.
"""

import ast
from pathlib import Path
from typing import Any

from emolightning.benchmarks.official_data import OfficialData
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.tables import Record, build_clips, read_table
from emolightning.data.readers.transcripts import SENTENCES, Empty, Transcripts, read_transcripts
from emolightning.data.readers.values import BadValue, MediaFolder, clip_id, plain_text
from emolightning.records.clips import Clip

TRANSCRIPTS = ("transcription_all_new.csv", "transcription_en_all.csv", "transcription-engchi-polish.csv")


class Mer2024OvData(OfficialData):
    """`data=mer2024_ov`.

    Args:
        root: the folder that all other names are relative to.
        truth: the table of labels; None for `check-openset.csv`.
        transcripts: table with `name` and a column of sentences; None looks for the official names.
        sentence: its column, e.g. `chinese`; None takes the English one.
        media: folder of the videos.
        empty_transcript: what an empty cell means: `error`, `empty`, or `upstream` for its word `nan`.
        **shared: arguments of OfficialData.
    """

    def __init__(
        self,
        *,
        root: str,
        truth: str | None = None,
        transcripts: str | None = None,
        sentence: str | None = None,
        media: str = "video",
        empty_transcript: Empty = "upstream",
        **shared: Any,
    ):
        super().__init__(benchmark="mer2024_ov", **shared)
        self.root = Path(root)
        self.columns = (sentence,) if sentence is not None else SENTENCES
        self.empty_transcript = empty_transcript
        self._truth = expect(self.root, "labels", "data.truth", given=truth, official=("check-openset.csv",))
        self._table = expect(self.root, "transcripts", "data.transcripts", given=transcripts, official=TRANSCRIPTS)
        self._media = Expected("folder of the videos", "data.media", (self.root / media,), is_folder=True)

    def expected(self) -> list[Expected]:
        """Labels, transcripts and the folder of the videos."""
        return [self._truth, *([self._table] if "transcript" in self.inputs else []), self._media]

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self._media.candidates[0]

    def read_clips(self) -> list[Clip]:
        """All clips, in the split `test`."""
        problems: list[str] = []
        path = self._truth.require()
        transcripts = self._transcripts()
        media = self.find_media(self._media)
        rows = read_table(path, ["name", "openset"], problems)
        clips = build_clips(path, rows, lambda row: _clip(row, path, media, transcripts), problems)
        if transcripts:
            self.remark_empty(transcripts.num_empty(clip.id for clip in clips), len(clips), self.empty_transcript)
        return clips

    def _transcripts(self) -> Transcripts | None:
        if "transcript" not in self.inputs:
            return None
        return read_transcripts(self._table.require(), empty=self.empty_transcript, columns=self.columns)


def _clip(row: Record, path: Path, media: MediaFolder, transcripts: Transcripts | None) -> Clip:
    name = row.values["name"]
    identity = clip_id(name)
    return Clip(
        id=identity,
        video=media.find(name, identity),
        transcript=transcripts.of(identity) if transcripts else None,
        open_labels=open_labels(row.values["openset"]),
        split="test",
        source=f"{path}, {row.where}",
    )


def open_labels(text: str) -> tuple[str, ...]:
    """The words of a written list, quoted or not, in its order.

    >>> open_labels("['excited', 'self-deprecating']"), open_labels("[happy, at ease]")
    (('excited', 'self-deprecating'), ('happy', 'at ease'))

    Raises:
        BadValue: not a list, without words, or a word twice.
    """
    if not (text.startswith("[") and text.endswith("]")):
        raise BadValue(f"openset {text[:60]!r} must be a list in square brackets, e.g. ['happy', 'excited']")
    try:
        items = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        items = text[1:-1].split(",")  # without quotes
    words = tuple(str(item).strip() for item in items)
    if not words or not all(isinstance(item, str) and word for item, word in zip(items, words, strict=True)):
        raise BadValue(f"openset {text[:60]!r} must have words, and nothing but words, e.g. ['happy', 'excited']")
    repeated = sorted({word for word in words if words.count(word) > 1})
    if repeated:
        raise BadValue(f"openset {text[:60]!r} has {', '.join(map(repr, repeated))} more than once; keep one of each")
    for word in words:
        plain_text("openset", word)
    return words
