"""OV-MERD+: `ovlabel.csv` with `name,openset`, `subtitle_eng.csv` with `name,sentence`."""

from typing import Any

from emolightning.benchmarks.open_words import OpenWordsData

TRUTH = ("ovlabel.csv", "ovmerdplus_532_check-result-openset-chi-translate.csv")


class OvMerdPlusData(OpenWordsData):
    """`data=ovmerd_plus`.

    Args:
        **shared: arguments of OpenWordsData.
    """

    def __init__(self, **shared: Any):
        super().__init__(
            benchmark="ovmerd_plus",
            official_truth=TRUTH,
            official_transcripts=("subtitle_eng.csv",),
            empty_word="neutral",
            **shared,
        )
