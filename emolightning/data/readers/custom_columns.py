"""The columns of a custom annotation file: other names for them, and those that change what a row means."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

from emolightning.data.readers.pieces import END, START
from emolightning.data.readers.values import LABEL, NAME
from emolightning.errors import quoted_override
from emolightning.files.names import composed
from emolightning.records.score_names import DIMENSIONS

TRANSCRIPT = "transcription"
COLUMNS = (NAME, LABEL, TRANSCRIPT)
OPTIONAL_COLUMNS = ("split", "reason", "subject", *DIMENSIONS, START, END)
TRANSCRIPT_OFF = "switch the transcript off with inputs.transcript=false"

OTHER_NAMES = {
    NAME: ("name", "names", "video", "video_id", "video_path", "file", "filename", "file_name", "path", "clip", "id"),
    LABEL: ("label", "labels", "emotion", "emotions", "discrete", "category", "class", "sentiment"),
    TRANSCRIPT: ("transcript", "transcripts", "text", "sentence", "utterance", "subtitle", "subtitles", "words"),
}
"""What others call the columns that are needed: proposed, never taken."""

_ENDS = {"start", "begin", "onset", "end", "stop", "offset", "from", "to", "timestamp", "interval"}
_UNITS = {"", "t", "s", "sec", "secs", "second", "seconds", "ms", "time", "timestamp", "frame", "frames", "utterance"}
_UNITS |= {"segment", "clip", "video", "in", "at"}
_PIECE_WORDS = re.compile("|".join(sorted({*_ENDS, *_UNITS} - {""}, key=len, reverse=True)))
"""A name made of an end of a piece, and units or what is cut, says that a row is a piece: `start_frame`, `t_end`."""

_PEOPLE = re.compile(r"(?:annotator|annotation|rater|evaluator|worker|coder|labell?er|vote)s?")
_LABELS = re.compile(r"(?:emotion)?_?labels?|emotions?")
_NUMBERED = re.compile(r"[ _-]?(?:\d+|[a-z]|id|name|no|number)?(?:[ _-]?(?:label|emotion)s?)?")


class CustomColumns:
    """Which column of a file is which of ours.

    Args:
        given: our name -> the name in the file, or None for our own; case does not count.
        people: names in the file of the columns of several people's labels.
    """

    def __init__(self, given: Mapping[str, str | None], people: Sequence[str] = ()):
        own = {name: name for name in (*COLUMNS, *OPTIONAL_COLUMNS)}
        self.given = {name: plain_name(theirs) for name, theirs in given.items() if theirs is not None}
        self.names = own | self.given
        self._people = [plain_name(name) for name in people]
        self._orders: dict[tuple[str, ...], list[tuple[str, str]]] = {}

    def faults(self, found: Sequence[str], required: Collection[str]) -> list[str]:
        """What is wrong with the columns of a table, or with the keys of an object."""
        names = [plain_name(name) for name in found]
        wanted = dict.fromkeys([*required, *self.given])
        faults = [self._missing(column, names) for column in wanted if self.names[column] not in names]
        faults += [f"no column {name!r}, which data.annotators names; columns found: {names}" for name in self._people
                   if name not in names]  # fmt: skip
        faults += _one_of_two([name for name in (START, END) if self.names[name] in names])
        faults += [f"column {column!r} is there twice" for column in sorted({c for c in names if names.count(c) > 1})]
        others = [name for name in names if name not in (*self.names.values(), *self._people)]
        return faults + _other_meanings(others)

    def of_people(self) -> list[str]:
        """Our names of the columns of people."""
        ours = {theirs: name for name, theirs in self.names.items()}
        return [ours.get(name, name) for name in self._people]

    def order(self, found: tuple[str, ...]) -> Sequence[tuple[str, str]]:
        """Our name of each column, or its own where it is none of ours, and its name in the file.

        Args:
            found: names of the file's columns, or keys of an object.
        """
        if found not in self._orders:
            theirs = {plain_name(name): name for name in found}
            ours = {name: theirs.pop(column) for name, column in self.names.items() if column in theirs}
            others = {name: column for name, column in theirs.items() if name not in ours}
            self._orders[found] = list((others | ours).items())
        return self._orders[found]

    def _missing(self, column: str, found: list[str]) -> str:
        name = self.names[column]
        near = [other for other in OTHER_NAMES.get(column, ()) if other in found]
        near = near or difflib.get_close_matches(name, found, n=1, cutoff=0.5)
        say = quoted_override(f"data.columns.{column}", near[0]) if near else ""
        hint = f"; is it {near[0]!r}? then say {say}" if near else ""
        rest = "" if near else f"; data.columns.{column}=NAME says which it is"
        off = f"; or {TRANSCRIPT_OFF}" if column == TRANSCRIPT else ""
        named = f", which data.columns.{column} names" if column in self.given else ""
        return f"no column {name!r}{named}; columns found: {found}{hint}{off}{rest}"


def _one_of_two(found: Sequence[str]) -> list[str]:
    if len(found) != 1:
        return []
    other = END if found == [START] else START
    return [f"there is a column {found[0]} and no column {other}: a piece of a video needs both, in seconds"]


def plain_name(name: str) -> str:
    """How a column is called, whatever its case."""
    return composed(name.strip().lower())


def _other_meanings(names: Sequence[str]) -> list[str]:
    """Columns that change what a row means: to put them aside would train on something else."""
    pieces = [name for name in names if _is_end(name)]
    people = [name for name in names if _is_of_one_person(name)]
    faults = []
    if pieces:
        faults.append(
            f"{_listed(pieces)} that a row is about a piece of a video: the columns start and end do, in seconds; say "
            "data.columns.start=NAME data.columns.end=NAME where these hold seconds, else convert them; where the "
            "videos are cut already, take such columns out"
        )
    if people:
        faults.append(
            f"{_listed(people)} that several people have judged a clip: where each has a column of labels, say "
            f"{quoted_override('data.annotators', [*people, 'OTHER'][: max(2, len(people))])}; else vote first, so "
            "that each clip has one row and one label, then take the column out"
        )
    return faults


def _is_end(name: str) -> bool:
    """Whether a name is an end of a piece with nothing but units around it."""
    letters = re.sub(r"[\W\d_]", "", name)
    found = _PIECE_WORDS.findall(letters)
    return "".join(found) == letters and bool(_ENDS & set(found))


def _is_of_one_person(name: str) -> bool:
    """Whether a name is that of a person who judged, `rater_a`, or of one label among several, `emotion_label_2`."""
    if found := _PEOPLE.match(name):
        return bool(_NUMBERED.fullmatch(name[found.end() :]))
    found = _LABELS.match(name)
    return bool(found and re.fullmatch(r"[ _-]?\d+", name[found.end() :]))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names))
    return f"column {shown} says" if len(names) == 1 else f"columns {shown} say"
