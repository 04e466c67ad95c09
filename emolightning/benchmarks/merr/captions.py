"""Answers as upstream trains on them: its `blip_caption` text processor, which labels and explanations go through."""

import re

MAX_WORDS = 200


def blip_caption(text: str) -> str:
    """Lower case, without `.!"()*#:;~`, runs of white space made one space, at most 200 words.

    Source: `BlipCaptionProcessor` of the released code (`minigpt4/processors/blip_processors.py`).

    >>> blip_caption('Visual: frown; (slight). Audio: "low" tone!')
    'visual frown slight audio low tone'
    """
    plain = re.sub(r'[.!"()*#:;~]', " ", text.lower())
    squeezed = re.sub(r"\s{2,}", " ", plain).rstrip("\n").strip(" ")
    return " ".join(squeezed.split(" ")[:MAX_WORDS])
