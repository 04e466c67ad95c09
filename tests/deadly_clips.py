"""A descriptor for tests whose clips kill their process; apart from tests, since every worker imports it."""

import os
import signal
import time

import numpy as np

from emolightning.data.stores.cache import Outcome
from emolightning.records.clips import Clip


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
