"""MER2023's three evaluation sets, from the organisers' files, MERBench's archive, or Emotion-LLaMA's row files.

Sources: MERTools `MERBench/dataset/mer2023-dataset-process` (archive, transcripts, folder names), Emotion-LLaMA
`relative_test3_NCEV.txt` and `transcription_en_all.csv`.
"""

from pathlib import Path
from typing import Any

from emolightning.benchmarks.mer_files import MerData, Track, read_mer_truths
from emolightning.config.problems import not_one_of
from emolightning.data.readers.label_files import LabelRow
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


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of a file for `score`; of an archive those of the benchmark's set, or of its training clips."""
    corpora = {f"mer2023_{name}": track.corpus for name, track in TRACKS.items()}
    return read_mer_truths(path, problems, corpus=corpora[benchmark], split=split)
