"""Which frames of a clip an encoder looks at, by name. The tables that published features were made with are tested."""

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from emolightning.errors import UserError

STRIDE = 4
"""MER2024's windows take every fourth frame."""

Positions = Callable[[int], list[int]]
"""Number of frames of a clip, at least 1 -> positions, in order."""


def parse_positions(text: str) -> Positions:
    """One of these rules.

    `every`: all frames. `first`: the first one. `uniform:N`: N evenly spaced ones. `ends:N`: two windows of N, of
    every fourth frame. `pairs:N`: N pairs of neighbours. `window:N:SEED`: N consecutive ones.

    Raises:
        UserError: anything else.
    """
    if text in ("every", "first"):
        return _every if text == "every" else _first
    found = re.fullmatch(r"(uniform|ends|pairs|window):([1-9]\d{0,3})(?::(\d{1,9}))?", str(text))
    if found is None or (found[3] is not None) != (found[1] == "window"):
        rules = "every, first, uniform:N, ends:N, pairs:N, window:N:SEED"
        raise UserError(f"frames={text!r} is no rule for frames; say one of {rules}, e.g. uniform:16 or window:16:42")
    count = int(found[2])
    if found[1] == "window":
        seed = int(found[3])
        return partial(_seeded_window, count=count, seed=seed)
    rule = {"uniform": uniform, "ends": both_ends, "pairs": pairs}[found[1]]
    return partial(rule, count=count)  # It travels to worker processes.


def _every(num_frames: int) -> list[int]:
    return list(range(num_frames))


def _first(num_frames: int) -> list[int]:
    return [0]


def _seeded_window(num_frames: int, count: int, seed: int) -> list[int]:
    # A stream of its own for each clip: upstream has one for all, so its windows depend on the order of files.
    return window(num_frames, count, np.random.RandomState(seed))


def uniform(num_frames: int, count: int) -> list[int]:
    """The beginnings of `count` equal parts; a shorter clip gives all its frames, and repeats the last.

    Source: MERBench's `resample_frames_uniform`; AffectGPT's choice of 8 is the same.
    """
    parts = min(num_frames, count)
    return _filled([part * num_frames // parts for part in range(parts)], count)


def both_ends(num_frames: int, count: int) -> list[int]:
    """The first `count` of every fourth frame, then the last `count` of them.

    Source: the second sampling of MER2024's VideoMAE; a clip of fewer gives the same window twice.
    """
    sparse = list(range(0, num_frames, STRIDE))
    return _filled(sparse[:count], count) + _filled(sparse[-count:], count)


def pairs(num_frames: int, count: int) -> list[int]:
    """A frame and the next one in the middle of each of `count` equal parts; short clips give their first pair.

    Source: `feature_extract` of Emotion-LLaMA, where a clip is short up to 9 frames.
    """
    if num_frames <= count + 1:
        return [0, min(1, num_frames - 1)] * count
    tick = (num_frames - 1) / count
    starts = [int(tick / 2 + tick * part) for part in range(count)]
    return [position for start in starts for position in (start, start + 1)]


def window(num_frames: int, count: int, random: np.random.RandomState) -> list[int]:
    """`count` consecutive frames at a random place; a clip of no more gives evenly spaced ones, with repeats.

    Source: the extraction of Emotion-LLaMA-v2.
    """
    if num_frames <= count:
        return np.linspace(0, num_frames - 1, count).astype(int).tolist()
    end = int(random.randint(count, num_frames))
    return np.linspace(end - count, end, count).astype(int).clip(max=end - 1).tolist()


def _filled(positions: list[int], count: int) -> list[int]:
    return positions + positions[-1:] * (count - len(positions))
