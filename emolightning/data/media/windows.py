"""How long a file lasts, and the pieces of it that a timeline is made of."""

from pathlib import Path

import av

from emolightning.data.media.opening import MediaError, open_stream, packets_of
from emolightning.records.clips import Span

SHORTEST = 0.2
"""Seconds of a last piece; less is left out."""


def seconds_of(path: Path) -> float:
    """When the picture ends, or the sound of a file without one; every packet is looked at, none is decoded.

    Raises:
        MediaError: not a media file, or nothing in it.
    """
    for kind in ("video", "audio"):
        with open_stream(path, kind) as (container, stream):
            packets = packets_of(container, stream) if stream is not None else ()
            ends = [(p.pts + (p.duration or 0)) * p.time_base for p in packets if p.size and p.pts is not None]
            if ends:
                return float(max(ends)) - (container.start_time or 0) / av.time_base
    raise MediaError(path, "there is neither picture nor sound in it")


def windows(seconds: float, *, window: float, step: float) -> list[Span]:
    """Pieces of equal length, the last one cut at the end; a shorter file is one piece.

    >>> [str(piece) for piece in windows(4.5, window=2, step=1.5)]
    ['the piece from 0 to 2 s', 'the piece from 1.5 to 3.5 s', 'the piece from 3 to 4.5 s']
    """
    pieces, shortest = [Span(0.0, round(min(window, seconds), 3))], min(SHORTEST, window)
    while pieces[-1].end < seconds - shortest:
        start = round(len(pieces) * step, 3)
        end = round(min(start + window, seconds), 3)
        if round(end - start, 3) < shortest:
            break
        pieces.append(Span(start, end))
    return pieces
