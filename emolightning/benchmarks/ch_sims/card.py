"""CH-SIMS and CH-SIMS v2: Chinese films, series and talks, and how positive they are, from -1 to 1."""

from emolightning.benchmarks.published.shared_protocols import LIGHT_MER, SENTIMENT_WORDS, UNIBENCH_SENTIMENT
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests
from emolightning.records.labels import SENTIMENT3

SOURCE = "thuiar/MMSA label.csv, thuiar/ch-sims-v2 meta.csv; MERTools MERBench/dataset, in which nothing is left out"


def _counts(*counts: int) -> Supports:
    return dict(zip(SENTIMENT3, counts, strict=True))


CARD = Card(
    title="CH-SIMS",
    about="Chinese films, series and talks: how positive they are, a number from -1 to 1.",
    scale=(-1.0, 1.0),
    benchmarks=(
        Benchmark(
            name="ch_sims",
            kind="sentiment",
            sentiment="sims",
            labels=SENTIMENT3,
            headline="f1",
            source=SOURCE,
            sizes={"train": 1368, "val": 456, "test": 457},
            supports={"train": _counts(419, 207, 742), "val": _counts(139, 69, 248), "test": _counts(140, 69, 248)},
            digests={
                "train": Digests("bd7db9340db3241e", "7007a5aa17aafe42"),
                "val": Digests("6699b76d6c88f2b8", "4593c27154d34278"),
                "test": Digests("92d069bcce29042b", "264ad5265a8cc251"),
            },
            read_by=("data=ch_sims",),
        ),
        Benchmark(
            name="ch_sims_v2",
            kind="sentiment",
            sentiment="sims",
            labels=SENTIMENT3,
            headline="f1",
            source=SOURCE,
            sizes={"train": 2722, "val": 647, "test": 1034},
            supports={"test": _counts(423, 123, 488)},
            read_by=("data=ch_sims_v2",),
        ),
    ),
    protocols=tuple(
        Protocol(name, way, about, conditions=SENTIMENT_WORDS)
        for name in ("ch_sims", "ch_sims_v2")
        for way, about in (("mer_unibench", UNIBENCH_SENTIMENT), ("light_mer", LIGHT_MER))
    ),
)
