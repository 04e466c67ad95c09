"""eNTERFACE'05's files, called `s1_an_1.avi`: person, emotion, sentence; of one person `s_3_an_1.avi`."""

import re
from pathlib import Path
from typing import Any, NoReturn

from emolightning.benchmarks.name_codes import NameCodeData, NameCodes, no_label_file

NAMES = NameCodes(
    title="eNTERFACE'05",
    benchmark="enterface05",
    pattern=re.compile(r"(?:^|/)s_?(?P<subject>\d+)_(?P<label>an|di|fe|ha|sa|su)_(?P<number>\d)$"),
    codes={"an": "angry", "di": "disgust", "fe": "fear", "ha": "happy", "sa": "sad", "su": "surprise"},
    form="s1_an_1.avi",
    folders=("enterface database", "."),
    identity=lambda found: f"s{found['subject']}_{found['label']}_{found['number']}",
)


class Enterface05Data(NameCodeData):
    """`data=enterface05`.

    Args:
        **shared: arguments of NameCodeData.
    """

    def __init__(self, **shared: Any):
        super().__init__(NAMES, **shared)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> NoReturn:
    """No label file belongs to it."""
    no_label_file(NAMES, path)
