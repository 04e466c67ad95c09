"""Aff-Wild2: a text file for each person of a film, one line a frame, below a header.

`EXPR_.../Train_Set/video59_right.txt` has the names of the expressions in its header and the number of one in each
line, -1 for none; `VA_.../Train_Set/` has `valence,arousal` and two numbers, -5 for none. Frames become clips by
windows of some seconds: the expression of most of a window's frames, or the mean of their numbers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.aff_wild2.card import SCALE
from emolightning.benchmarks.corpus_files import CorpusData, Entry, Part, number_on
from emolightning.data.media.opening import MAX_SECONDS, MediaError
from emolightning.data.media.video import DEFAULT_FPS, frame_rate
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.pieces import piece_id
from emolightning.data.readers.tables import read_text
from emolightning.data.readers.values import BadValue
from emolightning.errors import UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES, VIDEO_SUFFIXES
from emolightning.records.clips import Clip, Span

FOLDERS = {
    "expression": ("EXPR_Recognition_Challenge", "EXPR_Classification_Challenge", "EXPR_Set"),
    "valence_arousal": ("VA_Estimation_Challenge", "VA_Set"),
}
"""Target -> how the years of the challenge call its folder."""
PARTS = {"Train_Set": "train", "Validation_Set": "test"}
"""The labels of its test are not public: what it validates on is what papers report, and the test here."""

PEOPLE = ("_left", "_right")
"""Ends of names that say which of two people of a film is meant."""

LENGTHS, RATES = (0.01, MAX_SECONDS), (1, 1000)
"""Seconds of a window, and frames a second: least and most."""

NO_EXPRESSION, NO_NUMBER = -1, -5.0
LEAST = 0.5
"""Share of a window's frames that must have a label."""

Values = Sequence[tuple[float, ...] | None]
"""What each frame has: the number of an expression, or two numbers; None where it has none."""


class AffWild2Data(CorpusData):
    """`data=aff_wild2`.

    Args:
        root: the folder of the annotations and of the films.
        target: `expression`, or `valence_arousal` as numbers, without labels.
        seconds: length of a window.
        fps: frames a second of all films; None reads it of each.
        train: False reads the tested part alone.
        truth: folder of the two parts; None looks for the official names.
        media: folder of the films, or of folders of them.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        target: Literal["expression", "valence_arousal"] = "expression",
        seconds: float = 2.0,
        fps: float | None = None,
        train: bool = True,
        truth: str | None = None,
        media: str = ".",
        **shared: Any,
    ):
        for setting, value, (least, most) in (("seconds", seconds, LENGTHS), ("fps", fps, RATES)):
            if value is not None and not least <= value <= most:  # Not a number is nowhere between two numbers.
                raise UserError(f"data.{setting}={value}: must be {least:g} to {most:g}")
        shared["name"] = f"{shared['name']}_{target}"
        self.target, self.seconds, self.fps = target, seconds, fps
        self._films: dict[str, list[str]] | None = None
        self._num_windows: Counter[str] = Counter()
        films = Expected("folder of the films", "data.media", (Path(root) / media,), is_folder=True)
        names = (truth,) if truth else FOLDERS[target]
        parts = [
            Part(
                expect(Path(root), f"annotations of {name}", "data.truth", given=None,
                       official=[f"{folder}/{name}" for folder in names], is_folder=True),
                films, split, self._read_part,
            )
            for name, split in PARTS.items()
            if train or split == "test"
        ]  # fmt: skip
        super().__init__(title="Aff-Wild2", benchmark=None, parts=parts, **shared)

    def read_clips(self) -> list[Clip]:
        """The windows that have a label, film by film; what is left out is counted."""
        self._films, self._num_windows = None, Counter()
        clips = super().read_clips()
        if left_out := {why: number for why, number in self._num_windows.items() if why != "taken"}:
            each = ", ".join(f"{why} {number}" for why, number in sorted(left_out.items()))
            self.remarks.append(
                f"Aff-Wild2: windows of {self.seconds:g} s are clips; {sum(left_out.values())} of "
                f"{self._num_windows.total()} are left out ({each})"
            )
        return clips

    def _read_part(self, folder: Path, problems: list[str]) -> list[Entry]:
        files = sorted(path for path in folder.glob("*.txt") if not path.name.startswith("."))
        if not files:
            problems.append(
                "there is no .txt file in the folder; it needs one for each film, such as video59_right.txt"
            )
        found = [entry for path in files for entry in self._windows_of(path, problems)]
        if not found and not problems:
            problems.append(f"no window of data.seconds={self.seconds:g} has labels for half of its frames; say less")
        return found

    def _windows_of(self, path: Path, problems: list[str]) -> Iterator[Entry]:
        try:
            header, values = read_frames_of(path, is_expression=self.target == "expression")
            film = self._film_of(path.stem)
        except BadValue as error:
            problems.append(f"{path.name}, {error}")
            return
        fps = self.fps or self._rate_of(film)
        size = max(1, round(self.seconds * fps))
        for start in range(0, len(values), size):
            frames = values[start : start + size]
            there = [value for value in frames if value is not None]
            if len(frames) < LEAST * size or len(there) < LEAST * len(frames):
                self._num_windows["without enough labelled frames"] += 1
                continue
            span = Span(start / fps, (start + len(frames)) / fps)
            entry = self._entry(path.stem, film, span, header, there)
            self._num_windows["taken" if entry else "with two expressions alike"] += 1
            if entry:
                yield entry

    def _entry(
        self, name: str, film: str, span: Span, header: Sequence[str], there: Sequence[tuple[float, ...]]
    ) -> Entry | None:
        label, numbers = None, [sum(column) / len(there) for column in zip(*there, strict=True)]
        if self.target == "expression":
            (first, most), *others = Counter(int(value) for (value,) in there).most_common()
            if others and others[0][1] == most:
                return None
            label, numbers = header[first], []
        return Entry(
            name=piece_id(name, span),
            media=film,
            where=f"{name}.txt, {span}",
            label=label,
            subject=_without_person(name),
            valence=numbers[0] if numbers else None,
            arousal=numbers[1] if numbers else None,
            span=span,
        )

    def _film_of(self, name: str) -> str:
        """The file of a film below the media folder; the name itself where there is none, which is told later.

        Raises:
            BadValue: it may be one of several.
        """
        if self._films is None:
            root = self.media_folder()
            self._films = defaultdict(list)
            for path in sorted(path for path in root.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES):
                self._films[path.stem].append(path.relative_to(root).as_posix())
        there = self._films.get(name) or self._films.get(_without_person(name)) or [name]
        films = [film for film in there if film.lower().endswith(VIDEO_SUFFIXES)] or there
        if len(films) > 1:
            raise BadValue(
                f"the film of {name!r} may be any of {films} in {self.media_folder()}; take the others out, or set "
                "data.media to a folder that has one"
            )
        return films[0]

    def _rate_of(self, film: str) -> float:
        try:
            return frame_rate(self.media_folder() / film)
        except MediaError:  # It is told with all other clips that cannot be used.
            return DEFAULT_FPS


def _without_person(name: str) -> str:
    return next((name.removesuffix(end) for end in PEOPLE if name.endswith(end)), name)


def read_frames_of(path: Path, *, is_expression: bool) -> tuple[list[str], Values]:
    """The words of the header, and what each frame has.

    Raises:
        BadValue: a line that is none of such a file; the text begins with its number.
    """
    first, *lines = read_text(path).rstrip().splitlines() or [""]  # A blank line before the end is no frame.
    header = [word.strip() for word in first.split(",")]
    if not is_expression and [word.lower() for word in header] != ["valence", "arousal"]:
        raise BadValue(f"line 1: {first[:60]!r} is not valence,arousal; expressions are data.target=expression")
    if is_expression and (len(header) < 2 or header[0].lower() != "neutral"):
        raise BadValue(f"line 1: {first[:60]!r} is not Neutral,Anger,...; numbers are data.target=valence_arousal")
    read = _expression if is_expression else _numbers
    values: list[tuple[float, ...] | None] = []
    for number, line in enumerate(lines, start=2):
        try:
            values.append(read(line, header))
        except BadValue as error:
            raise BadValue(f"line {number}: {error}") from None
    if not values:
        raise BadValue("line 1: there is no frame below the header")
    return header, values


def _expression(line: str, header: Sequence[str]) -> tuple[float, ...] | None:
    text = line.strip()
    code = int(text) if re.fullmatch(r"-?\d+", text) else len(header)
    if not NO_EXPRESSION <= code < len(header):
        raise BadValue(f"{text[:40]!r} is not -1, or 0 to {len(header) - 1} ({', '.join(header)})")
    return None if code == NO_EXPRESSION else (float(code),)


def _numbers(line: str, header: Sequence[str]) -> tuple[float, ...] | None:
    texts = [text.strip() for text in line.split(",")]
    if len(texts) != len(header):
        raise BadValue(f"{line[:40]!r} is not two numbers, valence and arousal")
    values = [number_on((NO_NUMBER, SCALE[1]), column, text) for column, text in zip(header, texts, strict=True)]
    if NO_NUMBER in values:
        return None
    return tuple(number_on(SCALE, column, text) for column, text in zip(header, texts, strict=True))
