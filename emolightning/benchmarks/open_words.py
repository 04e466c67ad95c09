"""Clips with any number of emotion words: a table `name,openset`, the second a list in square brackets.

MER2024-OV, OV-MERD+ and the open-vocabulary tracks of MER2025 and MER2026 have them; their modules give the names.
"""

import ast
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from emolightning.benchmarks.official_data import OfficialData
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.tables import Record, build_clips, read_table
from emolightning.data.readers.transcripts import SENTENCES, Empty, Transcripts, read_transcripts
from emolightning.data.readers.values import BadValue, MediaFolder, clip_id, plain_text
from emolightning.records.clips import Clip

NOTHING = ("", "[]", "nan")
"""How a table writes that nobody named a word."""


class OpenWordsData(OfficialData):
    """One such table, all clips in the split `test`.

    Args:
        root: the folder that all other names are relative to.
        official_truth: names of the table.
        official_transcripts: names of the tables of sentences.
        empty_word: the word of clips for which none is named; None refuses them.
        truth: the table of labels; None looks for the official names.
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
        official_truth: Sequence[str],
        official_transcripts: Sequence[str],
        empty_word: str | None = None,
        truth: str | None = None,
        transcripts: str | None = None,
        sentence: str | None = None,
        media: str = "video",
        empty_transcript: Empty = "upstream",
        **shared: Any,
    ):
        super().__init__(**shared)
        self.root = Path(root)
        self.columns = (sentence,) if sentence is not None else SENTENCES
        self.empty_transcript, self.empty_word = empty_transcript, empty_word
        self._truth = expect(self.root, "labels", "data.truth", given=truth, official=official_truth)
        self._table = expect(
            self.root, "transcripts", "data.transcripts", given=transcripts, official=official_transcripts
        )
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
        clips = build_clips(path, rows, partial(self._clip, path, media, transcripts), problems)
        without = sum(row.values["openset"] in NOTHING for row in rows)
        if without and self.empty_word:
            self.remarks.append(
                f"{without} of {len(rows)} clips have no word: {self.empty_word!r} is used, as officially"
            )
        if transcripts:
            self.remark_empty(transcripts.num_empty(clip.id for clip in clips), len(clips), self.empty_transcript)
        return clips

    def _transcripts(self) -> Transcripts | None:
        if "transcript" not in self.inputs:
            return None
        return read_transcripts(self._table.require(), empty=self.empty_transcript, columns=self.columns)

    def _clip(self, path: Path, media: MediaFolder, transcripts: Transcripts | None, row: Record) -> Clip:
        name, words = row.values["name"], row.values["openset"]
        identity = clip_id(name)
        return Clip(
            id=identity,
            video=media.find(name, identity),
            transcript=transcripts.of(identity) if transcripts else None,
            open_labels=(self.empty_word,) if self.empty_word and words in NOTHING else open_labels(words),
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
