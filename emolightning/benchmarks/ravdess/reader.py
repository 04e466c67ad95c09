"""RAVDESS's files, called `03-01-06-01-02-01-12.wav`: modality, channel, emotion, intensity, sentence, take, actor."""

import re
from pathlib import Path
from typing import Any, Literal, NoReturn

from emolightning.benchmarks.name_codes import NameCodeData, NameCodes, no_label_file

NAMES = NameCodes(
    title="RAVDESS",
    benchmark="ravdess",
    pattern=re.compile(
        r"(?P<modality>0[123])-(?P<channel>0[12])-(?P<label>0[1-8])-0[12]-(?P<sentence>0[12])-0[12]-(?P<subject>\d\d)$"
    ),
    codes={
        **{"01": "neutral", "02": "calm", "03": "happy", "04": "sad"},
        **{"05": "angry", "06": "fear", "07": "disgust", "08": "surprise"},
    },
    form="01-01-06-01-02-01-12.mp4",
    folders=(".",),
    sentences={"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."},
)

MODALITIES = {"av": "01", "video": "02", "audio": "03"}
CHANNELS = {"speech": ("01",), "song": ("02",), "both": ("01", "02")}


class RavdessData(NameCodeData):
    """`data=ravdess`.

    Args:
        modality: picture and sound, or files of one of them alone.
        channel: spoken, sung, or both.
        **shared: arguments of NameCodeData.
    """

    def __init__(
        self,
        *,
        modality: Literal["av", "video", "audio"] = "av",
        channel: Literal["speech", "song", "both"] = "speech",
        **shared: Any,
    ):
        super().__init__(NAMES, wanted={"modality": (MODALITIES[modality],), "channel": CHANNELS[channel]}, **shared)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> NoReturn:
    """No label file belongs to it."""
    no_label_file(NAMES, path)
