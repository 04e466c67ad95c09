"""Descriptors for tests, one of clips that kill their process; apart from tests, since every worker imports them."""

import os
import signal
import time

import numpy as np

from emolightning.data.stores.cache import Outcome
from emolightning.errors import UserError
from emolightning.records.clips import Clip


def describe_size(clip: Clip, names: tuple[str, ...]) -> Outcome:
    """Stands for a descriptor: fails on empty files, has no `second` for a file of one byte."""
    size = clip.video.stat().st_size
    if size == 0:
        raise UserError(f"{clip.video}: empty")
    arrays = {name: np.array([size]) for name in names if not (name == "second" and size == 1)}
    return Outcome(arrays, absent={} if size > 1 or "second" not in names else {"second": "too short"})


def count_bytes(clip: Clip, names: tuple[str, ...]) -> Outcome:
    """Stands for a descriptor of a clip that kills, hangs or fills its process, as the clip's content says."""
    content = clip.video.read_text()
    name, _, once = content.partition(" ")
    seen = clip.video.with_suffix(".seen")
    if name.startswith("SIG") and not seen.exists():
        if once:
            seen.touch()
        os.kill(os.getpid(), signal.Signals[name])
    elif content == "exit":
        os._exit(3)
    elif content == "hang":
        time.sleep(60)
    elif content == "memory":
        raise MemoryError
    return Outcome({name: np.array([len(content)]) for name in names})
