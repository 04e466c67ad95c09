"""CREMA-D's files, called `1001_DFA_ANG_XX.flv`: actor, sentence, emotion, intensity."""

import re
from pathlib import Path
from typing import Any, NoReturn

from emolightning.benchmarks.name_codes import NameCodeData, NameCodes, no_label_file

NAMES = NameCodes(
    title="CREMA-D",
    benchmark="crema_d",
    pattern=re.compile(r"(?P<subject>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<label>[A-Z]{3})_(?:LO|MD|HI|XX?)$"),
    codes={"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"},
    form="1001_DFA_ANG_XX.flv",
    folders=("VideoFlash", "AudioWAV", "AudioMP3"),
    sentences={
        "IEO": "It's eleven o'clock.",
        "TIE": "That is exactly what happened.",
        "IOM": "I'm on my way to the meeting.",
        "IWW": "I wonder what this is about.",
        "TAI": "The airplane is almost full.",
        "MTI": "Maybe tomorrow it will be cold.",
        "IWL": "I would like a new alarm clock.",
        "ITH": "I think I have a doctor's appointment.",
        "DFA": "Don't forget a jacket.",
        "ITS": "I think I've seen this before.",
        "TSI": "The surface is slick.",
        "WSI": "We'll stop in a couple of minutes.",
    },
)


class CremaDData(NameCodeData):
    """`data=crema_d`.

    Args:
        **shared: arguments of NameCodeData.
    """

    def __init__(self, **shared: Any):
        super().__init__(NAMES, **shared)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> NoReturn:
    """No label file belongs to it."""
    no_label_file(NAMES, path)
