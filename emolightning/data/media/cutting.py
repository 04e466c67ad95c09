"""A piece of a long file becomes a file of its own, encoded again: H.264 and AAC, or WAV where there is no picture."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av

from emolightning.data.media.opening import MediaError, open_stream
from emolightning.data.media.pieces import sound_of_piece
from emolightning.data.media.upright import upright_pixels
from emolightning.data.media.video import each_frame
from emolightning.records.clips import Span

TICK = Fraction(1, 90_000)
"""Pictures keep their times, to which frames of any rate are near."""
X264 = {"preset": "veryfast", "crf": "17"}
"""Few can tell it from the original."""
AAC_BIT_RATE = 192_000
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OTHER_RATE = 48_000
"""The rate of sound whose own is none of these."""
DEFAULT_FPS = 25


def cut(video: Path, span: Span, out: Path, *, only_sound: bool) -> None:
    """Write the pictures and the sound of a piece: what a run would read of it, but for what encoding changes.

    Args:
        video: the long file.
        span: the piece.
        out: becomes an mp4, whatever it is called.
        only_sound: makes it a WAV of the sound instead.

    Raises:
        MediaError: the file cannot be read, or has neither picture nor sound in the piece.
    """
    kind = "wav" if only_sound else "mp4"
    with open_stream(video, "audio") as (container, stream), av.open(str(out), "w", format=kind) as made:
        heard = iter(()) if stream is None else sound_of_piece(container, stream, span)
        first = next(heard, None)
        # A file knows all of its streams before the first packet.
        sound = None if first is None else _sound_stream(made, first, kind)
        written = 0 if kind == "wav" else _write_pictures(made, video, span)
        if sound is not None:
            _write_sound(made, sound, chain([first], heard))
        if not written and sound is None:
            raise MediaError(video, f"there is neither picture nor sound in {span}")


def _write_pictures(made: Any, video: Path, span: Span) -> int:
    """The number of pictures."""
    stream, number = None, 0
    for seconds, frame in _pictures(video, span):
        pixels = upright_pixels(frame)
        height, width = (side - side % 2 for side in pixels.shape[:2])  # H.264 wants even sides.
        if stream is None:
            stream = made.add_stream("libx264", rate=DEFAULT_FPS, options=X264)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.time_base = TICK
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(stream.width, stream.height)
        picture.pts, picture.time_base = round(seconds / TICK), TICK
        made.mux(stream.encode(picture))
        number += 1
    if stream is not None:
        made.mux(stream.encode(None))
    return number


def _pictures(video: Path, span: Span) -> Iterator[tuple[float, av.VideoFrame]]:
    """Those of the piece; none of a file of sound."""
    with open_stream(video, "video") as (_, stream):
        has_pictures = stream is not None
    if has_pictures:
        yield from each_frame(video, span)


def _sound_stream(made: Any, first: av.AudioFrame, kind: str) -> Any:
    rate = first.sample_rate if kind == "wav" or first.sample_rate in AAC_RATES else OTHER_RATE
    layout = first.layout.name if first.layout.nb_channels <= 2 else "stereo"
    stream = made.add_stream("pcm_s16le" if kind == "wav" else "aac", rate=rate, layout=layout)
    if kind != "wav":
        stream.bit_rate = AAC_BIT_RATE
    return stream


def _write_sound(made: Any, stream: Any, frames: Iterator[Any]) -> None:
    context = stream.codec_context
    resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=context.sample_rate)
    position, tick = 0, Fraction(1, context.sample_rate)
    for frame in chain(frames, [None]):
        if frame is not None:
            frame.pts = None  # Samples are counted from the beginning of the piece.
        for part in resampler.resample(frame):
            part.pts, part.time_base = position, tick
            position += part.samples
            made.mux(stream.encode(part))
    made.mux(stream.encode(None))
