"""A picture of the answers about the pieces of one clip: how likely each label is, and what was answered, over time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from emolightning.errors import shown
from emolightning.records.clips import Span

COLOURS = {
    "neutral": "#a3adb8",
    "angry": "#c8453b",
    "happy": "#efb83d",
    "sad": "#3f74b5",
    "worried": "#7d5ba6",
    "surprise": "#35a39a",
    "fear": "#4d4a86",
    "disgust": "#6b8f3c",
    "contempt": "#8c6a56",
}
"""Label -> colour; the same in all pictures."""
OTHER_COLOURS = ("#d67ab1", "#1f6f5c", "#b98b2e", "#5fb0de", "#94414f", "#9fbf6b", "#705d3c", "#d98a5b")
"""Colours of other labels, in their order and over again."""
ABBREVIATED = {"anger": "angry", "sadness": "sad", "happiness": "happy", "joy": "happy", "surprised": "surprise"}
"""Other names of a label that has a colour."""

LEFT, TOP, WIDTH, HEIGHT = 66, 66, 720, 250
"""The area that curves are in."""
STEPS_OF_AXIS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
MOST_TICKS = 12
NOTHING = "no answer"
LETTER = 7.5
"""Width of a letter of the names in the row of answers."""
LONGEST_NAME = 70


@dataclass(frozen=True)
class Piece:
    """A piece of a clip, and what the model says about it."""

    span: Span
    label: str | None
    """What it answered; None where that names no single label."""
    probabilities: Mapping[str, float]
    """Empty where there is no answer."""

    @property
    def middle(self) -> float:
        """Seconds."""
        return (self.span.start + self.span.end) / 2


@dataclass(frozen=True)
class Band:
    """What one label or answer covers; a band of answers has a left end and a width."""

    label: str
    colour: str
    points: str = ""
    left: float = 0
    width: float = 0


def drawn(name: str, pieces: Sequence[Piece]) -> str:
    """The picture as SVG; everything of files is text in it.

    Args:
        name: of the clip.
        pieces: in the order of their time, at least one with an answer.
    """
    labels = list(next(piece.probabilities for piece in pieces if piece.probabilities))
    colours, end = colours_of(labels), pieces[-1].span.end
    failed = sum(not piece.probabilities for piece in pieces)
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    return environment.get_template("timeline.svg.jinja").render(
        name=shown(name, longest=LONGEST_NAME),
        said=_said(pieces, failed),
        area=(LEFT, TOP, WIDTH, HEIGHT),
        bands=[band for run in _runs(pieces, end) for band in _bands(run, labels, colours, end)],
        answers=list(_answers(pieces, colours, end)),
        ticks=[(_x(tick, end), f"{tick:g}") for tick in ticks_of(end)],
        legend=[
            *((shown(label, longest=18), colours[label]) for label in labels),
            *([(NOTHING, "")] if failed else []),
        ],
        letter=LETTER,
    )


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """Label -> colour.

    >>> colours_of(["sad", "odd"])
    {'sad': '#3f74b5', 'odd': '#d67ab1'}
    """
    known = {label: COLOURS.get(ABBREVIATED.get(label, label)) for label in labels}
    others = [label for label in labels if known[label] is None]
    return {label: colour or OTHER_COLOURS[others.index(label) % len(OTHER_COLOURS)] for label, colour in known.items()}


def ticks_of(end: float) -> list[float]:
    """Seconds that the axis names.

    >>> ticks_of(3.2), ticks_of(65)
    ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0], [0, 10, 20, 30, 40, 50, 60])
    """
    step = next((step for step in STEPS_OF_AXIS if end / step <= MOST_TICKS), end)
    return [round(number * step, 3) for number in range(int(end / step) + 1)]


def file_name(name: str) -> str:
    """A name for the picture of a clip, which names no folder.

    >>> file_name("../talks/01 a"), file_name("...")
    ('talks_01_a', 'clip')
    """
    return re.sub(r"[^\w.-]+", "_", name)[-LONGEST_NAME:].strip("._") or "clip"


def _said(pieces: Sequence[Piece], failed: int) -> str:
    lengths = {round(piece.span.end - piece.span.start, 3) for piece in pieces}
    steps = {round(two.span.start - one.span.start, 3) for one, two in zip(pieces, pieces[1:], strict=False)}
    every = f", one every {max(steps):g} s" if steps else ""
    without = f", {failed} without an answer" if failed else ""
    plural = "s" if len(pieces) > 1 else ""
    return f"{len(pieces)} piece{plural} of {max(lengths):g} s{every}{without}"


def _x(seconds: float, end: float) -> float:
    return round(LEFT + WIDTH * seconds / end, 1)


def _edges(pieces: Sequence[Piece], end: float) -> list[float]:
    """Where one piece ends to count and the next begins: half way between their middles."""
    middles = [piece.middle for piece in pieces]
    return [0.0, *((one + two) / 2 for one, two in zip(middles, middles[1:], strict=False)), end]


def _runs(pieces: Sequence[Piece], end: float) -> Iterator[list[tuple[float, Piece]]]:
    """Pieces that follow each other and have answers, each at the times of its curve; between runs there is a gap."""
    edges = _edges(pieces, end)
    numbered = groupby(enumerate(pieces), key=lambda pair: bool(pair[1].probabilities))
    for has_answers, group in numbered:
        members = list(group)
        if has_answers:
            inner = [(piece.middle, piece) for _, piece in members]
            (first, opening), (last, closing) = members[0], members[-1]
            yield [(edges[first], opening), *inner, (edges[last + 1], closing)]


def _bands(
    run: Sequence[tuple[float, Piece]], labels: Sequence[str], colours: Mapping[str, str], end: float
) -> Iterator[Band]:
    """Stacked areas, the first label on top as in the legend."""
    below = [1.0] * len(run)
    for label in labels:
        above, below = (
            below,
            [height - piece.probabilities[label] for height, (_, piece) in zip(below, run, strict=True)],
        )
        if label == labels[-1]:
            below = [0.0] * len(run)
        corners = [(at, height) for (at, _), height in zip(run, above, strict=True)]
        corners += [(at, height) for (at, _), height in reversed(list(zip(run, below, strict=True)))]
        points = " ".join(f"{_x(at, end)},{round(TOP + HEIGHT * (1 - height), 1)}" for at, height in corners)
        yield Band(shown(label), colours[label], points)


def _answers(pieces: Sequence[Piece], colours: Mapping[str, str], end: float) -> Iterator[Band]:
    """The row of answers; equal ones that follow each other are one."""
    edges = _edges(pieces, end)
    answered = [NOTHING if not piece.probabilities else piece.label or "no label" for piece in pieces]
    for label, group in groupby(range(len(pieces)), key=answered.__getitem__):
        numbers = list(group)
        left, right = _x(edges[numbers[0]], end), _x(edges[numbers[-1] + 1], end)
        yield Band(shown(label), colours.get(label, ""), left=left, width=round(right - left, 1))
