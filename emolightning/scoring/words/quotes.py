"""Words of the clip that an answer quotes: they are what was heard, and not what was felt."""

from collections.abc import Sequence

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.items import OTHER, Item
from emolightning.scoring.words.subjects import is_no_person

CLOSES = {'"': '"', "\u201c": "\u201d", "\u300c": "\u300d", "\u00ab": "\u00bb", "'": "'", "\u2018": "\u2019"}
"""Opening sign -> closing sign."""

NEAR = 5
"""The items after `says` among which a quotation opens."""


def with_quoted(items: Sequence[Item]) -> list[Item]:
    """The same items, where what somebody is quoted to say, or a film is called, names no emotion.

    A label alone in quotes is none of it.
    """
    read = list(items)
    for place, item in enumerate(items):
        is_thing = item.cue is Cue.ABOUT and is_no_person(item.word)
        is_turn = item.cue is Cue.COLON and place > 0 and items[place - 1].cue in (Cue.WORD, Cue.PERSON)
        if item.cue not in (Cue.SPEAKS, Cue.ASKS) and not is_thing and not is_turn:
            continue
        near = range(place + 1, min(place + (2 if is_turn else NEAR), len(read)))
        start = next((at for at in near if _opens(read[at])), None)
        if start is None:
            continue
        closes = CLOSES[read[start].word]
        end = next((at for at in range(start + 1, len(read)) if read[at].word == closes), start)
        is_title = is_thing and start == place + 1
        if is_title or len([one for one in read[start + 1 : end] if one.cue is not Cue.SIGN]) > 1:
            read[start + 1 : end] = [
                one._replace(cue=Cue.QUOTED) if one.cue is Cue.LABEL else OTHER for one in read[start + 1 : end]
            ]
            if is_turn and end < len(items):  # What follows is no part of what was said.
                read[end] = items[end]._replace(cue=Cue.STOP)
    return read


def _opens(item: Item) -> bool:
    return item.cue is Cue.SIGN and item.word in CLOSES
