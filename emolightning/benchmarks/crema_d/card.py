"""CREMA-D: 91 actors say twelve sentences in six emotions."""

from emolightning.records.benchmark import Benchmark, Card

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad")

CARD = Card(
    title="CREMA-D",
    about="91 actors say twelve English sentences in six emotions, which the names of the files give.",
    benchmarks=(
        Benchmark(
            name="crema_d",
            kind="classification",
            labels=LABELS,
            headline="uar",
            source="CheyneyComputerScience/CREMA-D README",
            sizes={"all": 7442},
            supports={"all": dict(zip(LABELS, (1271, 1271, 1271, 1271, 1087, 1271), strict=True))},
            read_by=("data=crema_d",),
        ),
    ),
)
