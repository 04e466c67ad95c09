"""Chosen frames of a file from one reading of it: packets are counted, kept, and decoded as far as needed.

Pictures that no other picture refers to are not decoded unless they are chosen, where the decoder can leave them out
and the packets say when their pictures are shown. What is decoded is the same to the last bit.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer

from emolightning.data.media.opening import HELD, check_index, check_structure, in_time, is_sound, packets_of

MOST_BYTES = 64 << 20
"""Larger files are read twice instead: their packets are not kept."""

LEAVE_OUT = ("h264", "hevc")
"""Decoders that leave out such pictures by what each packet says of itself."""


def fits(path: Path) -> bool:
    """Whether the packets of a file may be kept."""
    return path.stat().st_size <= MOST_BYTES


def kept_packets(container: InputContainer, stream: av.VideoStream) -> tuple[list[av.Packet], int]:
    """All packets of a stream, the closing empty one included, and how many pictures are shown.

    Raises:
        MediaError: cut short, as `complete_packets` says.
    """
    check_structure(container, stream)
    kept, total = [], 0
    for packet in packets_of(container, stream if container is HELD.get() else None):  # Of that all were looked at.
        is_whole = is_sound(packet, container)
        if packet.stream.index == stream.index:
            kept.append(packet)
            total += is_whole and packet.size > 0 and not packet.is_discard
    check_index(container, container.streams)
    return kept, total


def picked(
    container: InputContainer, stream: av.VideoStream, packets: Sequence[av.Packet], positions: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """The frames at some positions, in the order in which they are shown, and perhaps others.

    Args:
        container: of the stream, nothing of it decoded.
        stream: whose packets are decoded.
        packets: all of them.
        positions: of the wanted frames.

    Yields:
        Position and frame. It ends early where pictures left out confused the decoder, or packets gave no picture: then
        a wanted position is missing, and all frames have to be decoded from the beginning.

    Raises:
        MediaError: reading takes too long.
    """
    decoder, shown = stream.codec_context, _order(stream, packets)
    number_at: dict[int | None, int] = {time: number for number, time in enumerate(shown)}
    wanted, last, number = {shown[position] for position in positions if position < len(shown)}, max(positions), -1
    if wanted:
        packets = packets[: 1 + max(place for place, packet in enumerate(packets) if packet.pts in wanted)]
    is_first = True
    for packet in chain(in_time(packets, container.name), [None] if wanted else []):
        if shown:
            decoder.skip_frame = "DEFAULT" if packet is None or packet.pts in wanted else "NONREF"
        # Asked without a packet it gives what it still holds, so the wanted ones need not be followed by others.
        for frame in stream.decode(packet):
            number = number_at.get(frame.pts, -1) if shown else number + 1
            # Half of an interlaced picture may be in the next packet.
            if number < 0 or (is_first and number > 0) or (shown and frame.interlaced_frame):
                return
            is_first = False
            yield number, frame
            if number >= last:
                return


def _order(stream: av.VideoStream, packets: Sequence[av.Packet]) -> list[int]:
    """The times of all pictures as they are shown; empty where pictures cannot be left out."""
    full = [packet for packet in packets if packet.size]
    times = [packet.pts for packet in full if packet.pts is not None]
    if stream.codec_context.name not in LEAVE_OUT or not full or len(set(times)) < len(full):
        return []
    if any(packet.is_discard or packet.is_corrupt for packet in full) or not full[0].is_keyframe:
        return []
    return sorted(times) if times[0] == min(times) else []
