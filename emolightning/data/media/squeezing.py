"""A decoded frame at a square size as decord gives it, which AffectGPT's vectors were made from."""

from fractions import Fraction

import av
import numpy as np


def squeezed_by_decoder(frame: av.VideoFrame, size: int) -> np.ndarray:
    """(size, size, 3) uint8 RGB: bilinear while the frame still is in the colours of its codec, aspect ignored.

    One graph of FFmpeg's filters does both steps; `VideoFrame.reformat` gives values that are 1 to 3 levels off.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    scale = graph.add("scale", f"{size}:{size}:flags=bilinear")
    graph.link_nodes(source, scale, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    graph.push(frame)
    small = graph.pull()
    assert isinstance(small, av.VideoFrame)
    return small.to_ndarray(format="rgb24")
