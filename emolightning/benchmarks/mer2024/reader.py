"""MER2024's two tracks with one label a clip: SEMI and NOISE, of which the organisers score a subset.

Sources: `reference-semi.csv` and `reference-noise.csv` (`name,discrete`), as others name the scored subsets;
Emotion-LLaMA's transcript table `transcription_all_new.csv`.
"""

from pathlib import Path
from typing import Any

from emolightning.benchmarks.mer_files import MerData, Track, read_mer_truths
from emolightning.config.problems import not_one_of
from emolightning.data.readers.label_files import LabelRow
from emolightning.errors import UserError

TRANSCRIPTS = ("transcription_all_new.csv", "transcription-engchi-polish.csv", "transcription_merge.csv")
TRACKS = {
    track: Track(truth=(f"reference-{track}.csv",), corpus=corpus, media=("video", f"MER2024_{track}"))
    for track, corpus in (("semi", "test1_corpus"), ("noise", None))
}
"""The array of SEMI is that of MERBench's and MER-UniBench's archive, `label-6way.npz`."""


class Mer2024Data(MerData):
    """`data=mer2024_semi`, `data=mer2024_noise`.

    Args:
        track: `semi` or `noise`.
        **shared: arguments of MerData.
    """

    def __init__(self, *, track: str, **shared: Any):
        if track not in TRACKS:
            raise UserError(f"data.track: {not_one_of(track, TRACKS)}")
        super().__init__(
            benchmark=f"mer2024_{track}", official_track=TRACKS[track], official_transcripts=TRANSCRIPTS, **shared
        )


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of a file for `score`; an archive has one set beside the training clips."""
    return read_mer_truths(path, problems, corpus=None, split=split)
