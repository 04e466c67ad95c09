"""Corpora as their owners give them: what the files of one say about each clip -> clips, the same way for all.

A corpus says its parts: which file or folder is read, how, where the media lie, and the split. Words of the files are
mapped to labels, or their clips left out, and all of it is counted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.official_data import OfficialData
from emolightning.data.readers.expected import Expected
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.labelled_clips import take_val
from emolightning.data.readers.tables import build_clips, read_all, refuse_twice
from emolightning.data.readers.transcripts import spoken
from emolightning.data.readers.values import BadValue, MediaFolder, clip_id, is_missing, mended
from emolightning.errors import UserError, quoted_override
from emolightning.records.clips import Clip, Span
from emolightning.records.votes import shares

Codes = Mapping[str, str | None]
"""Word or code of a corpus -> label, or None where its clips are left out."""


@dataclass(frozen=True)
class Entry:
    """What a file says about one clip."""

    name: str
    """The id of the clip."""
    media: str
    """Name of the file, below the folder of the media."""
    where: str
    """`line 7`, or the name of a file."""
    label: str | None
    """As it is written; None where the clips have numbers alone."""
    votes: tuple[str, ...] = ()
    """What people wrote of whom each counts, where the shares of labels are learned."""
    transcript: str | None = None
    """As it is written; None where the corpus has none."""
    subject: str | None = None
    """Who is seen, or what else clips have in common."""
    valence: float | None = None
    arousal: float | None = None
    split: str | None = None
    """Where the clips of one file are in several splits; None for that of its part."""
    span: Span | None = None
    """The piece of the media that this is about; None for all of it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else the corpus says, by which `leave_one` divides and scores are sliced."""
    quoted: Mapping[str, str] = field(default_factory=dict)
    """Texts that its question quotes, by their names."""


ReadEntries = Callable[[Path, list[str]], list[Entry]]
"""Reads a file or folder; what is wrong is added to the list."""


@dataclass(frozen=True)
class Part:
    """One file or folder of a corpus."""

    labels: Expected
    media: Expected
    split: str | None
    """None where splits are made here, or said for each clip."""
    read: ReadEntries


class CorpusData(OfficialData):
    """The clips of a corpus.

    Args:
        title: the name of the corpus, for messages.
        parts: what is read.
        codes: what its words mean, where they are not labels as they are.
        separator: between the labels of a clip, where it may have several.
        keeps_words: whether the words of its files are the truths of `scoring=open_vocabulary`, whatever the labels.
        val_fraction: share of train, evenly over the labels or by subjects, fixed by the seed.
        empty_transcript: what an empty cell means: `error`, `empty`, or `upstream` for the word `nan`.
        **shared: arguments of OfficialData.
    """

    def __init__(
        self,
        *,
        title: str,
        parts: Sequence[Part],
        codes: Codes | None = None,
        separator: str | None = None,
        keeps_words: bool = False,
        val_fraction: float = 0.0,
        empty_transcript: Literal["error", "empty", "upstream"] = "empty",
        **shared: Any,
    ):
        super().__init__(**shared)
        own = self.official.labels if self.official else ()
        if missing := [label for label in own if label not in self.labels]:
            pasted = quoted_override("data.labels", own)
            raise UserError(f"data.labels: {self.benchmark} has {', '.join(missing)} as well; say {pasted}")
        self.title, self.parts = title, tuple(parts)
        self.codes, self.separator, self.val_fraction = codes or {}, separator, val_fraction
        self.keeps_words, self.empty_transcript = keeps_words, empty_transcript
        self._num_empty, self._num_mended, self._num_without = 0, 0, 0

    def expected(self) -> list[Expected]:
        """The files, and the folders of the media."""
        return list(dict.fromkeys([*(part.labels for part in self.parts), *(part.media for part in self.parts)]))

    def media_folder(self) -> Path:
        """The folder of the media, of the last part where there are several."""
        media = self.parts[-1].media
        return media.found or media.candidates[0]

    def read_clips(self) -> list[Clip]:
        """The clips of all parts that have a label, in the order of the files."""
        self._num_empty, self._num_mended, self._num_without = 0, 0, 0
        labels = LabelMap(self.labels, self.codes, said_by=self.title, separator=self.separator)
        votes = LabelMap(self.labels, self.codes, said_by=self.title, unit="votes")
        clips = read_all(partial(self._read, part, labels, votes) for part in self.parts)
        refuse_twice(clips)
        self.remarks += [*labels.remarks(), *votes.remarks()]
        self._remark_transcripts(len(clips))
        return self.with_splits(clips)

    def with_splits(self, clips: list[Clip]) -> list[Clip]:
        """Validation clips come out of train where the corpus has none."""
        return take_val(clips, fraction=self.val_fraction, seed=self.seed)

    def _read(self, part: Part, labels: LabelMap, votes: LabelMap) -> list[Clip]:
        problems: list[str] = []
        path, media = part.labels.require(), self.find_media(part.media)
        read = part.read(path, problems)
        entries = [entry for entry in read if entry.label is None or not labels.leaves_out(entry.label)]
        return build_clips(path, entries, partial(self._clip, part, path, media, labels, votes), problems)

    def _clip(
        self, part: Part, path: Path, media: MediaFolder, labels: LabelMap, votes: LabelMap, entry: Entry
    ) -> Clip:
        identity = clip_id(entry.name)
        label, several = (None, None) if entry.label is None else labels.read_all(entry.label)
        return Clip(
            id=identity,
            video=media.find(entry.media, clip_id(entry.media), clip=identity),
            transcript=self._transcript(entry) if "transcript" in self.inputs else None,
            label=label,
            shares=shares([votes.read(word, "vote") for word in entry.votes if not votes.leaves_out(word)]),
            open_labels=(entry.label,) if self.keeps_words and entry.label else several,
            valence=entry.valence,
            arousal=entry.arousal,
            split=entry.split or part.split,
            subject=entry.subject,
            attributes=entry.attributes,
            source=f"{path}, {entry.where}",
            span=entry.span,
            quoted=entry.quoted,
        )

    def _transcript(self, entry: Entry) -> str | None:
        if entry.transcript is None:
            self._num_without += 1
            return None
        text = mended(entry.transcript)
        self._num_mended += text != entry.transcript
        self._num_empty += not text or (self.empty_transcript != "upstream" and is_missing(text))
        return spoken(text, self.empty_transcript, where=f"{entry.name!r} has an empty transcript")

    def _remark_transcripts(self, total: int) -> None:
        if self._num_without:
            self.remarks.append(f"{self.title} has no transcripts: the question is put without the sentence")
        if self._num_mended:
            self.remarks.append(
                f"{self._num_mended} of {total} transcripts have characters of Windows-1252, which are read as meant"
            )
        self.remark_empty(self._num_empty, total, self.empty_transcript)


def number_on(scale: tuple[float, float], column: str, text: str) -> float:
    """A number of a corpus.

    Raises:
        BadValue: it is none, or is not on the scale.
    """
    low, high = scale
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise BadValue(f"{column} {text[:40]!r} is not a number from {low:g} to {high:g}")
    return value


def label_rows(
    entries: Sequence[Entry],
    labels: Sequence[str],
    codes: Codes,
    problems: list[str],
    *,
    separator: str | None = None,
) -> list[LabelRow]:
    """Names and labels for `score`; clips that are left out have none.

    Args:
        entries: of the file.
        labels: the vocabulary.
        codes: what words of the corpus mean.
        problems: what is wrong is added to it.
        separator: between the labels of a clip, where it may have several: they are then side by side, `angry, sad`.
    """
    read_label, found = LabelMap(labels, codes, separator=separator), []
    for entry in entries:
        if entry.label is None or read_label.leaves_out(entry.label):
            continue
        try:
            label, several = read_label.read_all(entry.label)
            text = label if several is None else ", ".join(several)
            found.append(LabelRow(clip_id(entry.name), text or "", entry.where, entry.valence))
        except BadValue as error:
            problems.append(f"{entry.where}: {error}")
    return found
