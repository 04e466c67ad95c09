"""MER2026-FG: `track2_train_human.csv` with `name,openset`, words that people have chosen."""

from typing import Any

from emolightning.benchmarks.open_words import OpenWordsData


class Mer2026FgData(OpenWordsData):
    """`data=mer2026_fg`.

    Args:
        **shared: arguments of OpenWordsData.
    """

    def __init__(self, **shared: Any):
        super().__init__(
            benchmark="mer2026_fg",
            official_truth=("track2_train_human.csv",),
            official_transcripts=("subtitle_chieng.csv", "subtitle_eng.csv"),
            empty_word="neutral",
            **shared,
        )
