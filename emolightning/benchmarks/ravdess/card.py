"""RAVDESS: 24 actors say two sentences in eight emotions."""

from emolightning.benchmarks.published.shared_protocols import FIRST_LABEL, GPT4V
from emolightning.records.benchmark import Benchmark, Card, Protocol

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")

CARD = Card(
    title="RAVDESS",
    about="24 actors say two English sentences in eight emotions, which the names of the files give.",
    benchmarks=(
        Benchmark(
            name="ravdess",
            kind="classification",
            labels=LABELS,
            headline="uar",
            source="RAVDESS (Livingstone and Russo, PLOS ONE 2018): speech with picture and sound",
            sizes={"all": 1440},
            supports={"all": dict(zip(LABELS, (96, *[192] * 7), strict=True))},
            read_by=("data=ravdess",),
        ),
    ),
    protocols=(
        Protocol("ravdess", "r1_omni", "not trained on RAVDESS", conditions={"zero_shot": True}),
        Protocol("ravdess", "gpt4v", GPT4V, conditions=FIRST_LABEL),
    ),
)
