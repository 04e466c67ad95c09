"""The rows of a custom annotation file -> clips, a column at a time; what is wrong with a row is noted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import compress
from typing import Any

from emolightning.data.readers.custom_columns import TRANSCRIPT, TRANSCRIPT_OFF
from emolightning.data.readers.custom_numbers import CustomNumbers
from emolightning.data.readers.custom_rows import USED, CustomRows
from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.label_votes import LabelVotes
from emolightning.data.readers.left_out import RowsLeftOut
from emolightning.data.readers.pieces import END, START, overlaps, piece_id, read_span
from emolightning.data.readers.row_problems import Checked, MissingTranscript, RowProblems
from emolightning.data.readers.values import (
    LABEL,
    MISSING,
    NAME,
    BadValue,
    MediaFolder,
    clip_id,
    is_missing,
    plain_text,
    refuse_missing,
    refuse_mojibake,
)
from emolightning.data.tables.reading import Block, Row
from emolightning.records.clips import Clip, Span, clips_of_columns
from emolightning.records.score_names import DIMENSIONS
from emolightning.records.votes import shares

SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}

Columns = Mapping[str, Sequence[str]]

PIECES = "if these are pieces of one video, say which in columns start and end, in seconds"


class CustomClips:
    """Makes clips of the rows, block by block.

    Args:
        table: the file.
        left_out: says which rows are left out.
        media: finds the videos.
        labels: reads the labels.
        spoken: reads a transcript.
        numbers: reads valence and arousal.
        problems: gets what is wrong with rows.
        is_soft: whether clips teach each label by its share of the votes.
    """

    def __init__(
        self,
        table: CustomRows,
        left_out: RowsLeftOut,
        media: MediaFolder,
        labels: LabelMap | LabelVotes,
        spoken: Callable[[str], str | None],
        numbers: CustomNumbers,
        problems: RowProblems,
        *,
        is_soft: bool = False,
    ):
        self.table, self.left_out, self.media, self.labels = table, left_out, media, labels
        self.spoken, self.numbers, self.problems, self.is_soft = spoken, numbers, problems, is_soft
        self.votes: dict[str, tuple[str | None, ...]] = {}
        """Clip id -> the label that each person gave it."""
        self._first_use: dict[str | None, int] = {}
        """Id -> number of the first row about this clip."""
        self._twice: dict[int, int] = {}
        """Number of a row -> that of the first one about the same clip."""
        self._kept: dict[str, str] = {}
        """What repeats is in memory once."""

    def read(self) -> list[Clip]:
        """The clips of all rows that name one, and whose label is not left out."""
        lines: list[int] = []
        clips: list[Clip] = []
        for numbers, block in self.table.blocks(self.problems.found):
            of_lines, found = self._clips(numbers, block)
            lines += of_lines
            clips += found
        if self._twice:
            first = self.table.rows_at({*self._twice, *self._twice.values()})
            self.problems.found += [_again(first[row], first[other]) for row, other in self._twice.items()]
        self.problems.found += overlaps(lines, clips)
        return clips

    def _clips(self, numbers: Sequence[int], block: Block) -> tuple[list[int], list[Clip]]:
        """The clips of a block, each with its line."""
        kept = self.left_out.kept(block.columns, len(numbers))
        if not all(kept):
            numbers, block = list(compress(numbers, kept)), block.only(kept)
        words: Sequence[Any] = self.labels.of_rows(block.columns)
        rows_of = Counter(words)
        gone = {word for word, rows in rows_of.items() if self.labels.leaves_out(word, rows)}
        if gone:
            kept = [word not in gone for word in words]
            numbers, words, block = list(compress(numbers, kept)), list(compress(words, kept)), block.only(kept)
        found = self._fields(numbers, words, rows_of, block)
        named = [clip is not None and file is not None for clip, file in zip(found["id"], found["video"], strict=True)]
        if isinstance(self.labels, LabelVotes):
            given = {word: self.labels.given(word) for word in set(words)}
            of_rows = list(map(given.__getitem__, words))
            self.votes.update(zip(compress(found["id"], named), compress(of_rows, named), strict=True))
            if self.is_soft:
                found["shares"] = list(map({votes: shares(votes) for votes in given.values()}.__getitem__, of_rows))
        lines: Sequence[int] = block.lines
        if not all(named):
            found = {name: list(compress(values, named)) for name, values in found.items()}
            lines = list(compress(lines, named))
        return list(lines), clips_of_columns(len(lines), found)

    def _fields(
        self, rows: Sequence[int], words: Sequence[Any], rows_of: Mapping[Any, int], block: Block
    ) -> dict[str, Sequence[Any]]:
        """The fields of Clip, each with what every row has there; the rows go on being checked after a bad value."""
        checked, (lines, columns) = Checked(), block
        found: dict[str, Sequence[Any]] = {**self._media(checked, rows, columns)}
        labels = checked.read(words, lambda word: self.labels.read_all(word, rows_of[word]))
        found |= {"label": [pair and pair[0] for pair in labels], "open_labels": [pair and pair[1] for pair in labels]}
        said = columns.get(TRANSCRIPT, [""] * len(rows))
        found["transcript"] = said if are_plain(said) else checked.read(said, self.spoken)
        nothing = [None] * len(rows)
        found["split"] = checked.read(columns["split"], _split) if "split" in columns else nothing
        for name in ("reason", "subject"):
            found[name] = checked.read(columns[name], partial(_text, name)) if name in columns else nothing
        for name in DIMENSIONS:
            read = partial(self.numbers.read, name)
            found[name] = checked.read_counted(columns[name], read) if name in columns else nothing
        wrong = checked.wrong()
        if self._twice:
            wrong |= {place for place, row in enumerate(rows) if row in self._twice}
        if wrong:  # No answer is asked for there: it would be told twice.
            found["split"] = [None if place in wrong else split for place, split in enumerate(found["split"])]
        self.problems.add(lines, checked.refused)
        source = f"{self.table.title}, line "
        return found | {"attributes": self._others(columns, len(rows)), "source": [f"{source}{line}" for line in lines]}

    def _media(self, checked: Checked, rows: Sequence[int], columns: Columns) -> dict[str, list[Any]]:
        """Id, file and piece of each row; None of what is not in order."""
        names = columns[NAME]
        files = checked.read(names, clip_id)
        spans, suffixes = [None] * len(rows), [""] * len(rows)
        if START in columns:
            times = list(zip(columns[START], columns[END], strict=True))
            pieces = checked.read(times, _piece)
            spans, suffixes = ([piece and piece[part] for piece in pieces] for part in (0, 1))
        ids: list[str | None] = [f"{file}{suffix}" for file, suffix in zip(files, suffixes, strict=True)]
        for place in checked.wrong():
            ids[place] = None
        self._note_first(ids, rows)
        file_of = dict(zip(names, files, strict=True))
        look = partial(self.media.look, is_cut=any(spans))
        wanted = names if None not in ids else [name if clip else None for name, clip in zip(names, ids, strict=True)]
        videos = checked.read(wanted, lambda name: None if name is None else look(name, file_of[name]))
        self.media.lose(zip(names, files, strict=True), ids)
        return {"id": ids, "video": videos, "span": spans}

    def _note_first(self, ids: list[str | None], rows: Sequence[int]) -> None:
        """Note the row of each id; an id that an earlier row has becomes None."""
        firsts = list(map(self._first_use.setdefault, ids, rows))
        if firsts == list(rows):
            return
        for place, (clip, row, first) in enumerate(zip(ids, rows, firsts, strict=True)):
            if clip is not None and first != row:
                self._twice[row] = first
                ids[place] = None

    def _others(self, columns: Columns, number: int) -> list[Mapping[str, str]]:
        """The other columns of each row; rows that say the same share it."""
        names = [name for name in columns if name not in USED]
        rows = list(zip(*(columns[name] for name in names), strict=True)) or [()] * number
        keep = self._kept.setdefault
        said = {row: {name: keep(text, text) for name, text in zip(names, row, strict=True)} for row in set(rows)}
        return list(map(said.__getitem__, rows))


def _again(again: Row, first: Row) -> tuple[int, str]:
    """What is wrong with a second row about a clip, and what to do, which depends on what the two say."""
    here, there = again.values, first.values
    said = f"{NAME} {here[NAME]!r} is the same clip as {there[NAME]!r} in line {first.line}"
    if here.get(LABEL, "") != there.get(LABEL, ""):
        return again.line, (
            f"{said}, with another label, {here.get(LABEL, '')!r} and {there.get(LABEL, '')!r}: a clip has one row; if "
            f"several people judged it, vote first, or give each a column and say data.annotators=[...]; {PIECES}"
        )
    others = [name for name, value in here.items() if name not in (NAME, LABEL) and value != there.get(name)]
    differ = f", with another {others[0]}: {PIECES}, else" if others else ":"
    return again.line, f"{said}{differ} take one of the two rows out"


def _piece(times: tuple[str, str]) -> tuple[Span | None, str]:
    """What a row is about, and what its id ends with."""
    span = read_span(*times)
    return span, piece_id("", span)


def read_transcript(text: str, *, needed: bool, may_be_silent: bool, said_words: frozenset[str]) -> str | None:
    """What is said; None where that is not known, and need not be.

    Args:
        text: of the cell.
        needed: whether it has to be known.
        may_be_silent: whether nothing may be said.
        said_words: words in folded case that are really said, where programs write them for a missing value.

    Raises:
        BadValue: it is missing, or has characters that cannot be meant.
    """
    is_absent = is_missing(text) and text.casefold() not in said_words
    if text and not is_absent:
        return _sound(TRANSCRIPT, text)
    if not needed:
        return None
    if may_be_silent:
        return ""
    if is_absent:
        raise MissingTranscript(text)
    raise BadValue(
        f"{TRANSCRIPT} is empty; write what is said, say data.empty_transcript=empty where nothing is, or "
        f"{TRANSCRIPT_OFF}"
    )


def are_plain(texts: Sequence[str]) -> bool:
    """Whether all are plain text, none of them empty or missing: then each is what is said, as it stands."""
    whole = "".join(texts)
    return whole.isascii() and whole.isprintable() and all(texts) and MISSING.isdisjoint(map(str.casefold, texts))


def _text(column: str, text: str) -> str | None:
    refuse_missing(column, text)
    return _sound(column, text)


def _sound(column: str, text: str) -> str | None:
    if text.isascii() and text.isprintable():
        return text or None
    refuse_mojibake(column, text)
    return plain_text(column, text)


def _split(word: str) -> str | None:
    if word in SPLITS:
        return SPLITS[word]
    refuse_missing("split", word)
    if word and word.lower() not in SPLITS:
        raise BadValue(f"split {word!r} is not one of {list(SPLITS)}")
    return SPLITS[word.lower()] if word else None
