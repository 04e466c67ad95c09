"""MER2023's three evaluation sets, from the organisers' files, MERBench's archive, or Emotion-LLaMA's row files.

Sources: MERTools `MERBench/dataset/mer2023-dataset-process` (archive, transcripts, folder names), Emotion-LLaMA
`relative_test3_NCEV.txt` and `transcription_en_all.csv`.
"""

from typing import Any

from emolightning.benchmarks.mer.reader import MerData, Track
from emolightning.config.problems import not_one_of
from emolightning.errors import UserError

ARCHIVE = "label-6way.npz"
TRANSCRIPTS = ("transcription_en_all.csv", "transcription-engchi-polish.csv")


def _track(number: int, *rows: str) -> Track:
    files = (f"test{number}-label.csv", f"test-labels/test{number}-label.csv")
    return Track(truth=(*rows, ARCHIVE, *files), corpus=f"test{number}_corpus", media=("video", f"test{number}"))


TRACKS = {"semi": _track(3, "relative_test3_NCEV.txt"), "multi": _track(1), "noise": _track(2)}
"""SEMI, MULTI and NOISE are the organisers' test3, test1 and test2."""


class Mer2023Data(MerData):
    """`data=mer2023`.

    Args:
        track: `semi`, `multi` or `noise`.
        **shared: arguments of MerData.
    """

    def __init__(self, *, track: str = "semi", **shared: Any):
        if track not in TRACKS:
            raise UserError(f"data.track: {not_one_of(track, TRACKS)}")
        super().__init__(
            benchmark=f"mer2023_{track}", official_track=TRACKS[track], official_transcripts=TRANSCRIPTS, **shared
        )
