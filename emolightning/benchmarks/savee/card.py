"""SAVEE: four men say sentences in seven emotions."""

from emolightning.records.benchmark import Benchmark, Card

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

CARD = Card(
    title="SAVEE",
    about="Four Englishmen say sentences in seven emotions, which the names of the files give.",
    benchmarks=(
        Benchmark(
            name="savee",
            kind="classification",
            labels=LABELS,
            headline="uar",
            source="SAVEE database (Haq and Jackson, University of Surrey)",
            sizes={"all": 480},
            supports={"all": dict(zip(LABELS, (60, 60, 60, 60, 120, 60, 60), strict=True))},
            read_by=("data=savee",),
        ),
    ),
)
