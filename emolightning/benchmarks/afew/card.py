"""AFEW: scenes of films in seven emotions, the audio-visual challenge of EmotiW."""

from emolightning.records.benchmark import Benchmark, Card

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

CARD = Card(
    title="AFEW",
    about="Scenes of films: one of seven emotions a clip, which its folder says; there are no transcripts.",
    benchmarks=(
        Benchmark(
            name="afew",
            kind="classification",
            labels=LABELS,
            headline="war",
            source="EmotiW 2016 and later, counts of its release; albanie/mcnDatasets afew3.0/README.md",
            sizes={"train+val": 773, "test": 383},
            supports={
                "train+val": dict(zip(LABELS, (133, 74, 81, 150, 144, 117, 74), strict=True)),
                "test": dict(zip(LABELS, (64, 40, 46, 63, 63, 61, 46), strict=True)),
            },
            read_by=("data=afew",),
        ),
    ),
)
