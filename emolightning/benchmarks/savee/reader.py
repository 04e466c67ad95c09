"""SAVEE's files, called `DC/sa01.avi`: speaker, emotion, number; in one folder also `DC_sa01.wav`."""

import re
from pathlib import Path
from typing import Any, NoReturn

from emolightning.benchmarks.name_codes import NameCodeData, NameCodes, no_label_file

NAMES = NameCodes(
    title="SAVEE",
    benchmark="savee",
    pattern=re.compile(r"(?P<subject>DC|JE|JK|KL)[/_](?P<label>sa|su|a|d|f|h|n)(?P<number>\d\d?)$"),
    codes={
        **{"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral"},
        **{"sa": "sad", "su": "surprise"},
    },
    form="DC/sa01.avi",
    folders=("AudioVisualClip", "AudioData", "ALL"),
    identity=lambda found: f"{found['subject']}_{found['label']}{int(found['number']):02}",
)


class SaveeData(NameCodeData):
    """`data=savee`.

    Args:
        **shared: arguments of NameCodeData.
    """

    def __init__(self, **shared: Any):
        super().__init__(NAMES, **shared)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> NoReturn:
    """No label file belongs to it."""
    no_label_file(NAMES, path)
