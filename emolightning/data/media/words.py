"""What is said as a vector: counts of words in places that their letters choose. No vocabulary, any language."""

import hashlib
import re

import numpy as np

NUM_PLACES = 128

_WORD = re.compile(r"\w+")


def describe_words(text: str) -> np.ndarray:
    """Counts of the words of a text, of length one, (NUM_PLACES,) float32; words may share a place.

    >>> bool((describe_words("Oh, no!") == describe_words("no oh")).all()), float(describe_words("").sum())
    (True, 0.0)
    """
    counts = np.zeros(NUM_PLACES, dtype=np.float32)
    for word in _WORD.findall(text.casefold()):
        counts[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % NUM_PLACES] += 1
    length = float(np.linalg.norm(counts))
    return counts / length if length else counts
