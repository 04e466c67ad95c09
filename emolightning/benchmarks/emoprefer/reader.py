"""EmoPrefer: `preference_emoprefer.csv`, or MER2026's `track3_emoprefer.csv`, with `name,a1,a2,preference`."""

from pathlib import Path
from typing import Any

from emolightning.benchmarks.corpus_files import CorpusData, Entry, Part
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.tables import Record, read_table
from emolightning.data.readers.transcripts import SENTENCES, Transcripts, read_transcripts
from emolightning.data.readers.values import BadValue, clip_id, plain_text

TABLES = ("preference_emoprefer.csv", "track3_emoprefer.csv")
SUBTITLES = ("subtitle_chieng.csv", "subtitle_eng.csv")
DESCRIPTIONS = ("a1", "a2")


class EmoPreferData(CorpusData):
    """`data=emoprefer`.

    Args:
        root: the folder that all other names are relative to.
        truth: the table of pairs that is tested; None looks for the official names.
        train: a table that is trained on, such as `track3_emopreferv2.csv`; None trains on nothing.
        transcripts: table of sentences; None looks for the official names.
        sentence: its column, e.g. `chinese`; None takes the English one.
        media: folder of the videos.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        truth: str | None = None,
        train: str | None = None,
        transcripts: str | None = None,
        sentence: str | None = None,
        media: str = "video",
        **shared: Any,
    ):
        place = Path(root)
        videos = Expected("folder of the videos", "data.media", (place / media,), is_folder=True)
        parts = [
            Part(
                expect(place, f"pairs of {split}", setting, given=given, official=TABLES),
                videos,
                split,
                self._read_pairs,
            )
            for split, setting, given in (("train", "data.train", train), ("test", "data.truth", truth))
            if split == "test" or given is not None
        ]
        self.columns = (sentence,) if sentence is not None else SENTENCES
        self.table = expect(place, "transcripts", "data.transcripts", given=transcripts, official=SUBTITLES)
        self._sentences: Transcripts | None = None
        super().__init__(title="EmoPrefer", benchmark="emoprefer", parts=parts, **shared)

    def expected(self) -> list[Expected]:
        """The pairs, the folder of the videos, and the transcripts."""
        return [*super().expected(), *([self.table] if "transcript" in self.inputs else [])]

    def _read_pairs(self, path: Path, problems: list[str]) -> list[Entry]:
        if "transcript" in self.inputs and self._sentences is None:
            self._sentences = read_transcripts(self.table.require(), empty=self.empty_transcript, columns=self.columns)
        found = []
        for row in read_table(path, ["name", *DESCRIPTIONS, "preference"], problems):
            try:
                found.append(self._entry(row))
            except BadValue as error:
                problems.append(f"{row.where}: {error}")
        return found

    def _entry(self, row: Record) -> Entry:
        values = row.values
        if empty := [column for column in DESCRIPTIONS if not values[column]]:
            raise BadValue(f"{empty[0]} is empty; a pair needs two descriptions")
        name = values["name"]
        return Entry(
            name=name,
            media=name,
            where=row.where,
            label=values["preference"],
            transcript=self._sentences.of(clip_id(name)) if self._sentences else None,
            quoted={column: plain_text(column, values[column]) or "" for column in DESCRIPTIONS},
        )
