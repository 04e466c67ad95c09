"""MER2025-SEMI and MER2026-Cross: a table `name,discrete` to train on, and one to test on if you have its labels."""

from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.mer_files import MerData, Track, read_mer_truths
from emolightning.data.readers.label_files import LabelRow

TRANSCRIPTS = ("subtitle_chieng.csv", "subtitle_eng.csv")
NO_PUBLIC_TRUTH = Track(truth=(), corpus=None, media=("video",))


class ChallengeData(MerData):
    """`data=mer2025`, `data=mer2026`.

    Args:
        benchmark: the track.
        **shared: arguments of MerData; its training table has an official name in each YAML file.
    """

    def __init__(self, *, benchmark: Literal["mer2025_semi", "mer2026_cross"], **shared: Any):
        super().__init__(
            benchmark=benchmark, official_track=NO_PUBLIC_TRUTH, official_transcripts=TRANSCRIPTS, **shared
        )


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of a table for `score`."""
    return read_mer_truths(path, problems, corpus=None, split=split)
