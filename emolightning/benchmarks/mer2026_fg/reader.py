"""MER2025-FG and MER2026-FG: a table `name,openset` of words that people have chosen, among the training files."""

from typing import Any

from emolightning.benchmarks.open_words import OpenWordsData

TRANSCRIPTS = ("subtitle_chieng.csv", "subtitle_eng.csv")


class Mer2025FgData(OpenWordsData):
    """`data=mer2025_fg`.

    Args:
        **shared: arguments of OpenWordsData.
    """

    def __init__(self, **shared: Any):
        super().__init__(
            benchmark="mer2025_fg",
            official_truth=("track2_train_ovmerd.csv",),
            official_transcripts=TRANSCRIPTS,
            empty_word="neutral",
            **shared,
        )


class Mer2026FgData(OpenWordsData):
    """`data=mer2026_fg`.

    Args:
        **shared: arguments of OpenWordsData.
    """

    def __init__(self, **shared: Any):
        super().__init__(
            benchmark="mer2026_fg",
            official_truth=("track2_train_human.csv",),
            official_transcripts=TRANSCRIPTS,
            empty_word="neutral",
            **shared,
        )
