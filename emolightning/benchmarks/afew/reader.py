"""AFEW: folders say part and emotion, `Train_AFEW/Angry/000046280.avi`; EmotiW's test has no public labels.

What EmotiW validates on, `Val_AFEW`, is what papers report, and the test here.
"""

import re
from pathlib import Path
from typing import Any, NoReturn

from emolightning.benchmarks.name_codes import NameCodeData, NameCodes, no_label_file
from emolightning.data.readers.labelled_clips import take_val
from emolightning.records.clips import Clip, in_splits

NAMES = NameCodes(
    title="AFEW",
    benchmark="afew",
    pattern=re.compile(
        r"(?P<part>Train|Val)(?:_AFEW)?/(?:VIDEO/)?(?P<label>Angry|Disgust|Fear|Happy|Neutral|Sad|Surprise)/(?P<name>[^/]+)$"
    ),
    codes={},
    form="Train_AFEW/Angry/000046280.avi",
    folders=(".",),
    identity=lambda found: f"{found['part'].lower()}_{found['name']}",
    others=("part",),
)


class AfewData(NameCodeData):
    """`data=afew`.

    Args:
        val_fraction: share of the training clips that training picks its checkpoint on.
        **shared: arguments of NameCodeData.
    """

    def __init__(self, *, val_fraction: float, **shared: Any):
        super().__init__(NAMES, val_fraction=val_fraction, **shared)

    def with_splits(self, clips: list[Clip]) -> list[Clip]:
        """`Train` and `Val` are the official parts; what is validated on comes out of the first."""
        parts = {"Train": "train", "Val": "test"}
        given = in_splits(clips, (parts[clip.attributes["part"]] for clip in clips))
        return take_val(given, fraction=self.val_fraction, seed=self.seed)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> NoReturn:
    """No label file belongs to it."""
    no_label_file(NAMES, path)
