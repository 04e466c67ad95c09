"""CMU-MOSI and CMU-MOSEI: people who talk to a camera in English, and how positive they are, from -3 to 3."""

from emolightning.benchmarks.published.shared_protocols import LIGHT_MER, SENTIMENT_WORDS, UNIBENCH_SENTIMENT
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests
from emolightning.records.labels import SENTIMENT3

SOURCE = "thuiar/MMSA label.csv; MERTools MERBench/dataset, in which nothing is left out"


def _counts(*counts: int) -> Supports:
    return dict(zip(SENTIMENT3, counts, strict=True))


CARD = Card(
    title="CMU-MOSI and CMU-MOSEI",
    about="People who talk to a camera in English: how positive they are, a number from -3 to 3.",
    scale=(-3.0, 3.0),
    benchmarks=(
        Benchmark(
            name="cmu_mosi",
            kind="sentiment",
            sentiment="mosi",
            labels=SENTIMENT3,
            headline="f1_non0",
            source=SOURCE,
            sizes={"train": 1284, "val": 229, "test": 686},
            supports={"train": _counts(679, 53, 552), "val": _counts(124, 13, 92), "test": _counts(277, 30, 379)},
            digests={
                "train": Digests("22098323b786de7c", "d78b236d28b2b119"),
                "val": Digests("a1ac193b070e45cd", "8abdf93224fcb654"),
                "test": Digests("65c75a6016b8b3f4", "b1a68c28eb19bb67"),
            },
            read_by=("data=cmu_mosi",),
        ),
        Benchmark(
            name="cmu_mosei",
            kind="sentiment",
            sentiment="mosi",
            labels=SENTIMENT3,
            headline="f1_non0",
            source=SOURCE,
            sizes={"train": 16326, "val": 1871, "test": 4659},
            supports={"test": _counts(2284, 1025, 1350)},
            read_by=("data=cmu_mosei",),
        ),
    ),
    protocols=tuple(
        Protocol(name, way, about, conditions=SENTIMENT_WORDS)
        for name in ("cmu_mosi", "cmu_mosei")
        for way, about in (("mer_unibench", UNIBENCH_SENTIMENT), ("light_mer", LIGHT_MER))
    ),
)
