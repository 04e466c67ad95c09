"""CMU-MOSI and CMU-MOSEI as MMSA gives them: `label.csv` and `Raw/<video_id>/<clip_id>.mp4`."""

from typing import Any

from emolightning.benchmarks.sentiment_files import SentimentCorpus, SentimentData

MOSI = SentimentCorpus("CMU-MOSI", "cmu_mosi", 3.0, ("label.csv",))
MOSEI = SentimentCorpus("CMU-MOSEI", "cmu_mosei", 3.0, ("label.csv",))


class MosiData(SentimentData):
    """`data=cmu_mosi`.

    Args:
        **shared: arguments of SentimentData.
    """

    def __init__(self, **shared: Any):
        super().__init__(MOSI, **shared)


class MoseiData(SentimentData):
    """`data=cmu_mosei`.

    Args:
        **shared: arguments of SentimentData.
    """

    def __init__(self, **shared: Any):
        super().__init__(MOSEI, **shared)
