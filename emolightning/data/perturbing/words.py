"""Errors of words in what is said, as a recogniser of speech makes them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from emolightning.records.clips import Clip
from emolightning.records.corruptions import Corruption

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+(?:['’\-]\w+)*")
"""A word; of scripts that are written without spaces a character, which is how their errors are counted."""


def misheard(clips: Sequence[Clip], corruption: Corruption) -> list[Clip]:
    """The clips with errors in their transcripts; words that come instead are those of all clips."""
    known = sorted({word for clip in clips for word in WORD.findall(clip.transcript or "")})
    return [
        replace(clip, transcript=with_errors(clip.transcript, corruption.of_clip(clip.id), known))
        if clip.transcript
        else clip
        for clip in clips
    ]


def with_errors(text: str, corruption: Corruption, known: Sequence[str]) -> str:
    """A text in which words are replaced or left out; the words of a smaller share are among those of a larger one.

    Args:
        text: what is said.
        corruption: `words`, of this clip.
        known: words that come instead, at least one.
    """
    found = list(WORD.finditer(text))
    draws = corruption.draws("words").random((len(found), 3))
    parts, end = [], 0
    for word, (chance, kind, other) in zip(found, draws, strict=True):
        is_right = chance >= corruption.severity
        gap = text[end : word.start()]
        end = word.end()
        if is_right:
            parts += [gap, word[0]]
        elif kind < 0.5:
            parts += [gap, known[int(other * len(known))]]
        else:
            parts.append(gap.rstrip() if parts else "")
    return "".join([*parts, text[end:]]).strip()
