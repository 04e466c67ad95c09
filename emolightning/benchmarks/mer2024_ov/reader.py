"""MER2024-OV: any number of emotion words for each of 332 clips, checked by people.

Source: MERTools `MER2024/ov_store/check-openset.csv`. The clips are labelled ones of MER2023 and MER2024.
"""

from typing import Any

from emolightning.benchmarks.open_words import OpenWordsData

TRANSCRIPTS = ("transcription_all_new.csv", "transcription_en_all.csv", "transcription-engchi-polish.csv")


class Mer2024OvData(OpenWordsData):
    """`data=mer2024_ov`.

    Args:
        **shared: arguments of OpenWordsData.
    """

    def __init__(self, **shared: Any):
        super().__init__(
            benchmark="mer2024_ov",
            official_truth=("check-openset.csv",),
            official_transcripts=TRANSCRIPTS,
            **shared,
        )
