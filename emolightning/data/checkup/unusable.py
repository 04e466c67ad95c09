"""What is wrong with the rows and files of a dataset: collected first, told together, decided once, recorded.

A row of the annotations that says something wrong is always an error. A clip whose file is missing or cannot be used is
one with `data.on_error=stop`, and is left out, counted and listed with `data.on_error=skip`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from emolightning.errors import InputErrors
from emolightning.records.clips import Clip

OnError = Literal["stop", "skip"]

NO_MEDIA = "no media file"
UNDECODABLE = "media that cannot be decoded"
NO_PEAK = "no peak frame"
NO_SOUND = "no sound"
NO_FACE = "no face"
NO_TRANSCRIPT = "no transcript"
NO_VECTORS = "no feature vectors"
BROKEN_VECTORS = "feature vectors that cannot be used"

_LINE = re.compile(r"((?:lines?|clips?) \d[^:]*): (.*)", re.DOTALL)
NAMED = 3
"""Clips that a sentence names; lists name all."""


@dataclass(frozen=True)
class Fault:
    """Why a file of a clip cannot be used."""

    kind: str
    """One of the words above, which are counted."""
    reason: str
    """The file, and what is wrong with it."""
    remedy: str = ""


Faults = Mapping[str, Sequence[Fault]]
"""Clip id -> what is wrong with its files."""


@dataclass(frozen=True)
class Skipped:
    """A clip that a run does without."""

    id: str
    split: str | None
    kind: str
    reason: str


class RowErrors(InputErrors):
    """What is wrong with the rows of annotation files.

    Args:
        files: path of each file and its problems, `line 7: ...`.
        clips: what the rows say as far as they can be read: their files are looked at as well.
    """

    def __init__(self, files: Sequence[tuple[str, Sequence[str]]], clips: Sequence[Clip] = ()):
        self.files = list(files)
        self.clips = list(clips)
        if len(self.files) == 1:
            super().__init__(*self.files[0])
        else:
            super().__init__("annotation files", [f"{path}, {text}" for path, texts in self.files for text in texts])


class Findings:
    """Everything that is wrong with a dataset, each row and clip once.

    Args:
        group: of the settings `on_error` and `max_skipped`, as messages name them; empty if they are in none.
    """

    def __init__(self, group: str = "data.") -> None:
        self.group = group
        self.errors: list[InputErrors] = []
        """What no clip can be blamed for, and wrong rows: these are never skipped."""
        self.faults: dict[str, list[Fault]] = {}

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note what is raised, and go on."""
        try:
            yield
        except InputErrors as error:
            self.errors.append(error)

    def add(self, faults: Faults) -> None:
        """Note what is wrong with files; a file that two readers find broken in the same way counts once."""
        for clip_id, found in faults.items():
            known = self.faults.setdefault(clip_id, [])
            known += [fault for fault in found if fault not in known]

    def skipped(self, clips: Iterable[Clip]) -> list[Skipped]:
        """The clips with faults as they are recorded, in the order of the annotations."""
        return [
            Skipped(
                clip.id, clip.split, self.faults[clip.id][0].kind, "; ".join(f.reason for f in self.faults[clip.id])
            )
            for clip in clips
            if clip.id in self.faults
        ]

    def row_problems(self) -> list[str]:
        """One sentence for each row that is wrong, and for whatever no clip can be blamed for."""
        return [_sentence(place, texts) for place, texts in self._places((), with_faults=False).items()]

    def file_problems(self, clips: Iterable[Clip]) -> list[str]:
        """One sentence for each clip of which a file cannot be used, in the order of the annotations."""
        of_files = Findings()
        of_files.faults = self.faults
        return [_sentence(place, texts) for place, texts in of_files._places(clips).items()]

    def _places(self, clips: Iterable[Clip], *, with_faults: bool = True) -> dict[tuple[str, str], list[str]]:
        """(File, line) -> what is wrong there, in the order of the files; what has no place comes first."""
        found: dict[tuple[str, str], list[str]] = {}
        for error in self.errors:
            files = error.files if isinstance(error, RowErrors) else []
            for path, texts in files:
                for text in texts:
                    match = _LINE.fullmatch(text)
                    found.setdefault((path, match[1] if match else ""), []).append(match[2] if match else text)
            for problem in error.problems if not files else ():
                found[("", f"{error.subject}: {problem}")] = []
        rest = dict(self.faults) if with_faults else {}
        for clip in clips:
            if faults := rest.pop(clip.id, None):
                path, _, where = clip.source.rpartition(", ")
                found.setdefault((path, where), []).append(_said(clip.id, faults))
        for clip_id, faults in rest.items():
            found[("", _said(clip_id, faults))] = []
        files_in_order = list(dict.fromkeys(path for path, _ in found))
        return dict(sorted(found.items(), key=lambda item: (files_in_order.index(item[0][0]), _number(item[0][1]))))

    def decide(self, name: str, clips: Sequence[Clip], *, on_error: OnError, max_skipped: float) -> None:
        """Whether a run goes on with the clips that are left.

        Raises:
            InputErrors: rows are wrong; or files are, and are not to be skipped, or too many of them are.
        """
        skips = on_error == "skip"
        too_many = self.faults and skips and self._too_many(clips, max_skipped)
        nothing_left = self.faults and skips and len(self.faults) == len(clips)
        reasons = {fault.kind for faults in self.faults.values() for fault in faults}
        if self.faults and len(self.faults) == len(clips) and reasons == {NO_MEDIA}:
            why = "no video was found at all: say where they are with data.media=FOLDER (a benchmark's with data.root)"
        elif self.faults and not skips:
            why = f"{self.group}on_error=skip goes on without such clips, and counts and lists them"
            if self._too_many(clips, max_skipped):
                needed = math.ceil(100 * len(self.faults) / len(clips)) / 100
                why += f"; so many need {self.group}max_skipped={needed:g} as well"
            why += "; wrong rows have to be mended" if self.errors else ""
        elif too_many or nothing_left:
            why = too_many or "no clip is left"
        elif self.errors:
            raise self.refusal(name, clips, why="", with_faults=False)
        else:
            return
        raise self.refusal(name, clips, why=why)

    def _too_many(self, clips: Sequence[Clip], max_skipped: float) -> str | None:
        return refusal_of_share(len(self.faults), len(clips), max_skipped, setting=f"{self.group}max_skipped")

    def refusal(self, name: str, clips: Sequence[Clip], *, why: str, with_faults: bool = True) -> InputErrors:
        """One error that names everything.

        Args:
            name: of the dataset.
            clips: all of them.
            why: what is said of clips whose files cannot be used, after how many they are.
            with_faults: False leaves them out, where they would be skipped.
        """
        if len(self.errors) == 1 and not (self.faults and with_faults):
            return self.errors[0]
        places = self._places(clips, with_faults=with_faults)
        files = {path for path, _ in places}
        one = files.pop() if len(files) == 1 else ""
        problems = [_sentence((path if not one else "", where), texts) for (path, where), texts in places.items()]
        note = f"{counted(self.skipped(clips), len(clips))}; {why}" if self.faults and with_faults else ""
        return InputErrors(one or f"data={name}", problems, note=note)


def _sentence(place: tuple[str, str], texts: Sequence[str]) -> str:
    """`clips.csv: line 7: what is wrong; what else`."""
    return ": ".join(part for part in (*place, "; ".join(texts)) if part)


def _said(clip_id: str, faults: Sequence[Fault]) -> str:
    remedies = dict.fromkeys(fault.remedy for fault in faults if fault.remedy)
    return f"{clip_id}: {'; '.join([*(fault.reason for fault in faults), *remedies])}"


def _number(where: str) -> int:
    found = re.search(r"\d+", where)
    return int(found[0]) if found else 0


def counted(skipped: Sequence[Skipped], total: int) -> str:
    """`2 of 9 clips cannot be used (1 no media file, 1 no sound)`."""
    kinds = Counter(clip.kind for clip in skipped)
    reasons = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{len(skipped)} of {total} clips cannot be used ({reasons})"


def described(skipped: Sequence[Skipped], total: int) -> str:
    """The same with the first names, for a warning; what is left out is listed in the files of the run."""
    names = ", ".join(clip.id for clip in skipped[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    return f"{counted(skipped, total)} and are skipped: {names}{more}"


def record(skipped: Sequence[Skipped]) -> dict[str, Any]:
    """What files of a run say of skipped clips: their number, the number of each kind, and each with its reason."""
    kinds = Counter(clip.kind for clip in skipped)
    return {"num_skipped": len(skipped), "skipped": dict(kinds), "skipped_clips": [asdict(clip) for clip in skipped]}


def refusal_of_share(number: int, total: int, max_skipped: float, *, setting: str = "data.max_skipped") -> str | None:
    """Why so many clips may not be skipped; None where they may."""
    if number <= max_skipped * total + 1e-9:
        return None
    return f"{setting}={max_skipped:g} allows {int(max_skipped * total + 1e-9)} of {total} to be skipped"
