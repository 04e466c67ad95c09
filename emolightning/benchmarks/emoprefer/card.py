"""EmoPrefer-Data: pairs of descriptions of a clip, of which people chose one; the third track of MER2026."""

from emolightning.records.benchmark import Benchmark, Card, Protocol
from emolightning.records.clip_digests import Digests

CARD = Card(
    title="EmoPrefer",
    about="Chinese films and series: which of two descriptions of a clip is better, as three people chose.",
    benchmarks=(
        Benchmark(
            name="emoprefer",
            kind="preference",
            headline="two_class_weighted_f1",
            source="AffectGPT EmoPrefer/dataset/preference_emoprefer.csv; MER2026 track3_emoprefer.csv",
            sizes={"test": 574},
            supports={"test": {"a1": 275, "a2": 288, "same": 11}},
            digests={"test": Digests("cf1ddbcf3b3bcca3", "aa8c3e145fcabfe0")},
            read_by=("data=emoprefer",),
        ),
    ),
    protocols=(
        Protocol(
            "emoprefer",
            "best_strategy",
            "574 pairs of descriptions, zero-shot: mean over runs of the strategy that is best on these pairs; "
            "whoever chooses the longer text has 79.57",
            conditions={"zero_shot": True},
        ),
    ),
)
