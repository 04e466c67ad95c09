"""EMER: descriptions that lead from clues to emotions, for 100 clips (v1) or 332 (v2) of MER2023, English or Chinese.

Source: the AffectGPT repository, folder EMER. v1 has `gt-eng.csv` and `gt-chi.csv` with `names, emotions, subtitles,
reasons`; v2 has `final-EMER-reason.csv` with `name, chinese, english`, and no transcripts of its own.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emolightning.benchmarks.official_data import OfficialData
from emolightning.config.problems import not_one_of
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.tables import Record, build_clips, read_table
from emolightning.data.readers.transcripts import SENTENCES, Empty, Transcripts, read_transcripts, spoken
from emolightning.data.readers.values import BadValue, clip_id, label_of, plain_text
from emolightning.errors import UserError
from emolightning.records.clips import Clip

VERSIONS = ("v1", "v2")
LANGUAGES = {"english": "gt-eng.csv", "chinese": "gt-chi.csv"}
"""Language, which is also a column of v2 -> file of v1."""
V2 = "final-EMER-reason.csv"
TRANSCRIPTS = {
    "english": ("transcription_en_all.csv", "transcription-engchi-polish.csv"),
    "chinese": ("transcription-engchi-polish.csv", "transcription_en_all.csv"),
}
"""The first has one column, `sentence`, English as published; the other has both languages."""
HAN = re.compile("[\u3400-\u9fff]")

CHINESE = {
    "中性": "neutral", "生气": "angry", "高兴": "happy", "开心": "happy", "悲伤": "sad", "担忧": "worried",
    "担心": "worried", "惊讶": "surprise",
}  # fmt: skip
"""MER's six emotions in Chinese."""


class EmerData(OfficialData):
    """`data=emer`.

    Args:
        root: the folder that all other names are relative to.
        version: `v1` or `v2`.
        language: of the descriptions, `english` or `chinese`; v1's subtitles are in the same.
        truth: the table; None for the official name.
        transcripts: table for v2; None looks for MER2023's, first for one with this language. Sentences in another
            language are used, and counted in the remarks.
        media: folder of the videos.
        empty_transcript: what an empty cell means: `error`, `empty`, or `upstream` for its word `nan`.
        **shared: arguments of OfficialData.
    """

    def __init__(
        self,
        *,
        root: str,
        version: str = "v1",
        language: str = "english",
        truth: str | None = None,
        transcripts: str | None = None,
        media: str = "video",
        empty_transcript: Empty = "upstream",
        **shared: Any,
    ):
        for key, value, options in (("version", version, VERSIONS), ("language", language, LANGUAGES)):
            if value not in options:
                raise UserError(f"data.{key}: {not_one_of(value, options)}")
        super().__init__(benchmark=f"emer_{version}", **shared)
        self.root = Path(root)
        self.version = version
        self.language = language
        self.empty_transcript = empty_transcript
        official = LANGUAGES[language] if version == "v1" else V2
        self._truth = expect(self.root, "descriptions", "data.truth", given=truth, official=(official,))
        self._table = expect(
            self.root, "transcripts", "data.transcripts", given=transcripts, official=TRANSCRIPTS[language]
        )
        self._media = Expected("folder of the videos", "data.media", (self.root / media,), is_folder=True)

    def expected(self) -> list[Expected]:
        """Descriptions, transcripts where they are apart, and the folder of the videos."""
        return [self._truth, *([self._table] if self._has_table() else []), self._media]

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self._media.candidates[0]

    def read_clips(self) -> list[Clip]:
        """All clips, in the split `test`."""
        problems: list[str] = []
        path = self._truth.require()
        columns = ["names", "emotions", "subtitles", "reasons"] if self.version == "v1" else ["name", self.language]
        table = self._transcripts()
        media = self.find_media(self._media)
        rows = read_table(path, columns, problems)

        def clip(row: Record) -> Clip:
            name, description = row.values[columns[0]], row.values[columns[-1]]
            identity = clip_id(name)
            return Clip(
                id=identity,
                video=media.find(name, identity),
                transcript=table.of(identity) if table else self._subtitle(row),
                label=self._label(row.values["emotions"]) if self.version == "v1" else None,
                reason=_description(columns[-1], description),
                split="test",
                source=f"{path}, {row.where}",
            )

        clips = build_clips(path, rows, clip, problems)
        if "transcript" in self.inputs:
            in_rows = sum(not row.values.get("subtitles", "?") for row in rows)
            num_empty = table.num_empty(clip.id for clip in clips) if table else in_rows
            self.remark_empty(num_empty, len(clips), self.empty_transcript)
        if table and self.language == "chinese":
            self._remark_other_language(clips, table)
        return clips

    def _remark_other_language(self, clips: Sequence[Clip], table: Transcripts) -> None:
        """A column `sentence` may have either language; only its words tell."""
        sentences = [table.sentences[clip.id][0] for clip in clips]
        number = sum(bool(sentence) and not HAN.search(sentence) for sentence in sentences)
        if number:
            self.remarks.append(
                f"{number} of {len(clips)} clips have a transcript without a Chinese character, although "
                f"data.language=chinese: column {table.column!r} of {table.path.name}; set data.transcripts to a "
                "table with a column `chinese`"
            )

    def _has_table(self) -> bool:
        return self.version == "v2" and "transcript" in self.inputs

    def _transcripts(self) -> Transcripts | None:
        if not self._has_table():
            return None
        columns = SENTENCES if self.language == "english" else ("chinese", *SENTENCES)  # `sentence` before English ones
        return read_transcripts(self._table.require(), empty=self.empty_transcript, columns=columns)

    def _subtitle(self, row: Record) -> str | None:
        if "transcript" not in self.inputs:
            return None
        return spoken(row.values["subtitles"], self.empty_transcript, where=f"{row.values['names']!r} has no subtitles")

    def _label(self, word: str) -> str:
        return label_of(CHINESE.get(word, word) if self.language == "chinese" else word, self.labels)


def _description(column: str, text: str) -> str:
    if not text:
        raise BadValue(f"{column} is empty; there is nothing to compare an answer with")
    return plain_text(column, text) or ""
