"""Rows about pieces of long videos: the columns `start` and `end`."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from emolightning.data.readers.values import BadValue, refuse_missing
from emolightning.records.clips import Clip, Span

START, END = "start", "end"


def read_span(values: Mapping[str, str]) -> Span | None:
    """What the columns `start` and `end` of a row say; None where both are empty: the row is about the whole video.

    Raises:
        BadValue: one of them alone, no seconds, or an end that is not after the start.
    """
    texts = {column: text for column in (START, END) if (text := values.get(column, ""))}
    if not texts:
        return None
    texts = {column: texts.get(column, "") for column in (START, END)}
    for column, text in texts.items():
        refuse_missing(column, text)
        if not text:
            other = END if column == START else START
            raise BadValue(
                f"{column} is empty and {other} is {texts[other]!r}: a piece of a video needs both, in seconds; where "
                "both are empty the row is about the whole video"
            )
    start, end = (_seconds(column, text) for column, text in texts.items())
    if end <= start:
        raise BadValue(f"end {texts[END]!r} is not after start {texts[START]!r}")
    return Span(start, end)


def piece_id(video: str, span: Span | None) -> str:
    """The id of a piece: that of its video with the times in milliseconds.

    >>> piece_id("talks/01", Span(1.5, 2.8)), piece_id("talks/01", None)
    ('talks/01_1500-2800ms', 'talks/01')
    """
    return video if span is None else f"{video}_{round(1000 * span.start)}-{round(1000 * span.end)}ms"


def overlaps(clips: Iterable[tuple[int, Clip]]) -> Iterator[tuple[int, str]]:
    """What is wrong with pieces that share a part of their video: the second of two rows, and why.

    Args:
        clips: each with its line; no two are about the whole of one video.
    """
    clips = list(clips)
    cut = {clip.video for _, clip in clips if clip.span is not None}
    of_video: dict[Path, list[tuple[Span, int]]] = defaultdict(list)
    for line, clip in clips if cut else ():
        if clip.video in cut:
            of_video[clip.video].append((clip.span or Span(0.0, math.inf), line))
    for pieces in of_video.values():
        pieces.sort(key=lambda piece: (piece[0].start, piece[1]))
        last, first = pieces[0]
        for span, line in pieces[1:]:
            if span.start < last.end:
                ends = "the whole video" if last.end == math.inf else str(last)
                here, there = max(line, first), min(line, first)
                yield here, f"overlaps line {there} in the same video ({span} and {ends}): no part may be in two clips"
            if span.end > last.end:
                last, first = span, line


def _seconds(column: str, text: str) -> float:
    try:
        seconds = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise BadValue(f"{column} {text!r} is not a number of seconds from 0 on, such as 62.5")
    return seconds
