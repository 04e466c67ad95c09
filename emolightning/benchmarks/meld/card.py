"""MELD: dialogues of the series Friends, in English: one of seven emotions and one of three sentiments a clip."""

from emolightning.benchmarks.published.shared_protocols import HIT, LIGHT_MER, WHEELS
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.labels import SENTIMENT3

LABELS = ("angry", "happy", "sad", "neutral", "disgust", "fear", "surprise")
"""The order of MERBench's label file: anger, joy, sadness, neutral, disgust, fear, surprise."""

COLUMNS = frozenset({"Dialogue_ID", "Utterance_ID", "Emotion", "Sentiment"})
SIZES = {"train": 9989, "val": 1109, "test": 2610}
SOURCE = "MELD README and its three tables; MERTools MERBench/dataset, in which nothing is left out"


def _counts(*counts: int) -> Supports:
    return dict(zip(LABELS, counts, strict=True))


CARD = Card(
    title="MELD",
    about="Dialogues of an English series: one of seven emotions, or of three sentiments, for each utterance.",
    benchmarks=(
        Benchmark(
            name="meld",
            kind="classification",
            labels=LABELS,
            headline="weighted_f1",
            source=SOURCE,
            sizes=SIZES,
            supports={
                "train": _counts(1109, 1743, 683, 4710, 271, 268, 1205),
                "val": _counts(153, 163, 111, 470, 22, 40, 150),
                "test": _counts(345, 402, 208, 1256, 68, 50, 281),
            },
            read_by=("data=meld",),
            truth_columns=COLUMNS,
            truth_is_coded=True,
        ),
        Benchmark(
            name="meld_sentiment",
            kind="classification",
            labels=SENTIMENT3,
            headline="weighted_f1",
            source=SOURCE,
            sizes=SIZES,
            read_by=("data=meld data.target=sentiment data.labels=sentiment3",),
            truth_columns=COLUMNS,
            truth_is_coded=True,
        ),
    ),
    protocols=(
        Protocol("meld", "mer_unibench", HIT, conditions=WHEELS),
        Protocol("meld", "light_mer", LIGHT_MER, conditions=WHEELS),
    ),
)
