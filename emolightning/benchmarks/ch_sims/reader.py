"""CH-SIMS and CH-SIMS v2: `label.csv` or `meta.csv`, and `Raw/<video_id>/<clip_id>.mp4`."""

from typing import Any

from emolightning.benchmarks.sentiment_files import SentimentCorpus, SentimentData

SIMS = SentimentCorpus("CH-SIMS", "ch_sims", 1.0, ("label.csv",), digits=4)
SIMS_V2 = SentimentCorpus("CH-SIMS v2", "ch_sims_v2", 1.0, ("meta.csv", "label.csv"))


class ChSimsData(SentimentData):
    """`data=ch_sims`.

    Args:
        **shared: arguments of SentimentData.
    """

    def __init__(self, **shared: Any):
        super().__init__(SIMS, **shared)


class ChSimsV2Data(SentimentData):
    """`data=ch_sims_v2`.

    Args:
        **shared: arguments of SentimentData.
    """

    def __init__(self, **shared: Any):
        super().__init__(SIMS_V2, **shared)
