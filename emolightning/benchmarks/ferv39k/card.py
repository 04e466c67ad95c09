"""FERV39k: faces in videos of 22 scenes, seven classes, one official partition."""

from emolightning.benchmarks.published.shared_protocols import FIRST_LABEL, GPT4V
from emolightning.records.benchmark import Benchmark, Card, Protocol
from emolightning.records.labels import DFEW7

CARD = Card(
    title="FERV39k",
    about="Faces in videos of 22 scenes: one of seven emotions a clip; there are no transcripts and no sound.",
    benchmarks=(
        Benchmark(
            name="ferv39k",
            kind="classification",
            labels=DFEW7,
            headline="war",
            source="FERV39k (Wang et al., CVPR 2022), setup All_scenes",
            sizes={"train+val": 31088, "test": 7847},
            read_by=("data=ferv39k",),
        ),
    ),
    protocols=(Protocol("ferv39k", "gpt4v", GPT4V, conditions=FIRST_LABEL),),
)
