"""eNTERFACE'05: people of 14 nations say sentences in six emotions."""

from emolightning.benchmarks.published.shared_protocols import FIRST_LABEL, GPT4V
from emolightning.records.benchmark import Benchmark, Card, Protocol

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise")

CARD = Card(
    title="eNTERFACE'05",
    about="44 people say English sentences in six emotions, which the names of the files give.",
    benchmarks=(
        Benchmark(
            name="enterface05",
            kind="classification",
            labels=LABELS,
            headline="uar",
            source="Martin et al., ICDEW 2006; sizes differ between copies, so that none is official here",
            read_by=("data=enterface05",),
        ),
    ),
    protocols=(Protocol("enterface05", "gpt4v", GPT4V, conditions=FIRST_LABEL),),
)
