"""Rows about pieces of long videos: the columns `start` and `end`."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from emolightning.data.readers.values import BadValue, refuse_missing
from emolightning.records.clips import Clip, Span

START, END = "start", "end"


def read_span(start: str, end: str) -> Span | None:
    """What the columns `start` and `end` of a row say; None where both are empty: the row is about the whole video.

    Raises:
        BadValue: one of them alone, no seconds, or an end that is not after the start.
    """
    if not start and not end:
        return None
    first, last = _seconds(start), _seconds(end)
    if not 0 <= first < last < math.inf:
        _refuse(start, end)
    return Span(first, last)


def _refuse(start: str, end: str) -> NoReturn:
    """Say what is wrong with the two."""
    texts = {START: start, END: end}
    for column, text in texts.items():
        refuse_missing(column, text)
        if not text:
            other = END if column == START else START
            raise BadValue(
                f"{column} is empty and {other} is {texts[other]!r}: a piece of a video needs both, in seconds; where "
                "both are empty the row is about the whole video"
            )
    for column, text in texts.items():
        if not 0 <= _seconds(text) < math.inf:
            raise BadValue(f"{column} {text!r} is not a number of seconds from 0 on, such as 62.5")
    raise BadValue(f"end {end!r} is not after start {start!r}")


def _seconds(text: str) -> float:
    """The number, and nan where there is none."""
    try:
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan


def piece_id(video: str, span: Span | None) -> str:
    """The id of a piece: that of its video with the times in milliseconds.

    >>> piece_id("talks/01", Span(1.5, 2.8)), piece_id("talks/01", None)
    ('talks/01_1500-2800ms', 'talks/01')
    """
    return video if span is None else f"{video}_{round(1000 * span.start)}-{round(1000 * span.end)}ms"


def overlaps(lines: Sequence[int], clips: Sequence[Clip]) -> Iterator[tuple[int, str]]:
    """What is wrong with pieces that share a part of their video: the second of two rows, and why.

    Args:
        lines: of the clips.
        clips: no two are about the whole of one video.
    """
    if not any(clip.span for clip in clips):
        return
    import numpy as np

    whole, places = Span(0.0, math.inf), dict[Path, int]()
    spans = [clip.span or whole for clip in clips]
    videos = np.array([places.setdefault(clip.video, len(places)) for clip in clips])
    starts, ends = np.array([span.start for span in spans]), np.array([span.end for span in spans])
    order = np.lexsort((np.array(lines), starts, videos))
    videos, starts, ends = videos[order], starts[order], ends[order]
    # Where no piece begins before the end of the one in front of it, none begins before the end of any.
    shared = np.unique(videos[1:][(videos[1:] == videos[:-1]) & (starts[1:] < ends[:-1])])
    for begin, end in zip(np.searchsorted(videos, shared), np.searchsorted(videos, shared + 1), strict=True):
        last, first = whole, 0
        for place in order[begin:end].tolist():
            span, line = spans[place], lines[place]
            if first and span.start < last.end:
                before = "the whole video" if last.end == math.inf else str(last)
                here, there = max(line, first), min(line, first)
                yield (
                    here,
                    f"overlaps line {there} in the same video ({span} and {before}): no part may be in two clips",
                )
            if not first or span.end > last.end:
                last, first = span, line
