"""A piece of a long file: sought in it and read up to its end, whatever comes before and after.

Times count from the beginning of the file, as those of players do. What is read equals what a lossless cut at the same
times holds: the frames with start <= time < end, and the samples from round(start * rate) on and before
round(end * rate). Decoders that make noise up from all that they have decoded (AAC, AC-3, the last bit of MP2) make up
other noise after a jump.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from emolightning.data.media.opening import MediaError, check_structure, is_sound, packets_of
from emolightning.records.clips import Span

END_SLACK_S = 0.5
"""Seconds that a piece may reach beyond the end of its file: annotations are rounded."""

LEAD_S = 1.0
"""Seconds of sound that are decoded before a piece: what a decoder remembers, e.g. the bit reservoir of mp3."""

FROM_START_S = 30.0
"""The sound of pieces that begin before is decoded from the beginning: that is quick, and the same to the last bit."""

_STEPS_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""Formats without an index are entered anywhere: so far before a piece a keyframe is looked for, then at the start."""

_BEHIND_S = 0.5
"""Packets are read so far behind the end of a piece: some formats have no times of presentation."""

_SAME_TIME_S = 1e-6
"""Containers round the time at which they begin to microseconds."""

NumberAt = Callable[[float, av.AudioFrame], int]
"""Time and frame -> number of its first sample since the beginning of the file."""


def packets_of_piece(container: InputContainer, stream: Any, span: Span, *, lead_s: float = 0.0) -> Iterator[av.Packet]:
    """The packets of a stream from a keyframe before a piece up to its end, without the empty ones that close it.

    Args:
        container: open, and nothing decoded that matters.
        stream: of which.
        span: the piece.
        lead_s: seconds before the piece that are wanted too.

    Raises:
        MediaError: cut short, or the piece reaches beyond the end of the file.
    """
    check_structure(container, stream)
    lasts = 0.0
    for packet in _from_keyframe(container, stream, span.start - lead_s):
        time = _time(packet, container)
        if packet.size and time is not None:
            lasts = max(lasts, time + float((packet.duration or 0) * packet.time_base))
        if packet.stream.index != stream.index or not packet.size or not is_sound(packet, container):
            continue
        decoded = _seconds(packet.dts if packet.dts is not None else packet.pts, packet, container)
        if decoded is not None and decoded >= span.end + _BEHIND_S:
            return
        yield packet
    if lasts < span.end - END_SLACK_S:
        where = f"{span} reaches beyond the end: the file lasts {lasts:.2f} s"
        remedy = "mend start and end; where the videos are cut already, take such columns out"
        raise MediaError(Path(container.name), f"{where}; {remedy}")


def frames_of_piece(container: InputContainer, stream: Any, span: Span) -> Iterator[av.VideoFrame]:
    """The pictures of a piece.

    Raises:
        MediaError: see `packets_of_piece`; or the file does not say when its pictures are shown.
    """
    for packet in chain(packets_of_piece(container, stream, span), [None]):
        for frame in stream.decode(packet):
            time = _required_time(frame, stream, span, container)
            if time >= span.end - _SAME_TIME_S:
                return
            if time >= span.start - _SAME_TIME_S:
                frame.time_base = stream.time_base  # The last ones come without.
                yield frame


def num_frames_of_piece(container: InputContainer, stream: Any, span: Span) -> int:
    """How many pictures a piece has, by its packets; by decoding it where these do not say when they are shown.

    Raises:
        MediaError: see `frames_of_piece`.
    """
    number, has_times = 0, True
    for packet in packets_of_piece(container, stream, span):
        time = _time(packet, container)
        has_times = has_times and time is not None
        is_inside = time is not None and span.start - _SAME_TIME_S <= time < span.end - _SAME_TIME_S
        number += is_inside and not packet.is_discard
    return number if has_times else sum(1 for _ in frames_of_piece(container, stream, span))


def sound_of_piece(container: InputContainer, stream: Any, span: Span) -> Iterator[av.AudioFrame]:
    """The sound of a piece, cut at its samples.

    Raises:
        MediaError: see `packets_of_piece`; or the file does not say when its sound is heard.
    """
    jumps = span.start > FROM_START_S
    number_at = _sample_numbers(container, stream, span) if jumps else _rounded
    position, is_counted = 0, False
    for packet in chain(packets_of_piece(container, stream, span, lead_s=LEAD_S if jumps else span.start), [None]):
        for frame in _decoded(stream, packet, span, container):
            first, last = (round(time * frame.sample_rate) for time in (span.start, span.end))
            if not is_counted:
                position = number_at(_required_time(frame, stream, span, container), frame)
                # As in a whole file, samples are counted from the beginning, or else from the beginning of the piece.
                is_counted = not jumps or position + frame.samples > first
            if position >= last:
                return
            if position + frame.samples > first:
                yield _cut(frame, max(0, first - position), min(frame.samples, last - position))
            position += frame.samples


def _decoded(stream: Any, packet: av.Packet | None, span: Span, container: InputContainer) -> list[av.AudioFrame]:
    """The frames of a packet; one before the piece may need what was jumped over."""
    try:
        return list(stream.decode(packet))
    except av.error.InvalidDataError:
        time = None if packet is None else _time(packet, container)
        if time is None or time >= span.start:
            raise
        return []


def _cut(frame: av.AudioFrame, start: int, end: int) -> av.AudioFrame:
    if start == 0 and end == frame.samples:
        return frame
    step = 1 if frame.format.is_planar else frame.layout.nb_channels
    samples = frame.to_ndarray()[:, start * step : end * step].copy()
    part = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    part.sample_rate = frame.sample_rate
    return part


def _sample_numbers(container: InputContainer, stream: Any, span: Span) -> NumberAt:
    """How samples are numbered after a jump.

    Many containers round times to milliseconds, which is dozens of samples. Frames of sound are equally long, so the
    first two say where all others begin.
    """
    sizes: list[int] = []
    begins, tick = 0.0, float(stream.time_base)
    for packet in packets_of(container, stream):
        for frame in stream.decode(packet):
            begins = begins if sizes else _required_time(frame, stream, span, container)
            sizes.append(frame.samples)
        if len(sizes) > 1 or not packet.size:
            break

    def number_at(time: float, frame: av.AudioFrame) -> int:
        rate = frame.sample_rate
        if len(sizes) < 2 or tick * rate <= 1:
            return _rounded(time, frame)
        second = round(begins * rate) + sizes[0]
        regular = second + sizes[1] * round((time * rate - second) / sizes[1])
        return regular if abs(regular - time * rate) <= 1.5 * tick * rate else _rounded(time, frame)

    return number_at


def _rounded(time: float, frame: av.AudioFrame) -> int:
    return round(time * frame.sample_rate)


def _from_keyframe(container: InputContainer, stream: Any, wanted: float) -> Iterator[av.Packet]:
    """The packets of all streams from a keyframe of one on, which is not after the wanted time where there is such."""
    for step in (*_STEPS_BACK_S, None):
        is_start = step is None or wanted <= step
        if not is_start or step != 0:  # Seeking to the beginning of a fresh file may lose what it says there.
            _seek(container, stream, None if is_start else wanted - (step or 0.0))
        packets = packets_of(container)
        if is_start:
            return packets
        for packet in packets:
            if packet.stream.index == stream.index and packet.size and packet.is_keyframe:
                time = _time(packet, container)
                if time is not None and time <= wanted + _SAME_TIME_S:
                    return chain([packet], packets)
                break
    raise AssertionError("The last step back is the start.")


def _seek(container: InputContainer, stream: Any, seconds: float | None) -> None:
    """To a keyframe at or before a time, or to the beginning. A file that cannot be sought in stays where it is."""
    try:
        if seconds is None:
            container.seek(min(0, container.start_time or 0), backward=True)
        else:
            ticks = int((_beginning(container) + seconds) / stream.time_base)
            container.seek(ticks, stream=stream, backward=True)
    except av.error.FFmpegError:
        return


def _beginning(container: InputContainer) -> float:
    """When the file begins by its own clock; what it has before zero, e.g. of an encoder's delay, is not shown."""
    return max(0, container.start_time or 0) / av.time_base


def _required_time(frame: Any, stream: Any, span: Span, container: InputContainer) -> float:
    time = _seconds(frame.pts, stream, container)
    if time is None:
        reason = f"its frames have no times, {span} cannot be found; convert it, e.g. with ffmpeg -i OLD NEW"
        raise MediaError(Path(container.name), reason)
    return time


def _time(packet: av.Packet, container: InputContainer) -> float | None:
    """When what is in it is shown or heard."""
    return _seconds(packet.pts, packet, container)


def _seconds(ticks: int | None, clock: Any, container: InputContainer) -> float | None:
    if ticks is None or clock.time_base is None:
        return None
    return float(ticks * clock.time_base) - _beginning(container)
