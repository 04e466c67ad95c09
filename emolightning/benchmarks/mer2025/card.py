"""MER2025-SEMI and MER2026-Cross: one of six emotions a clip; the labels of their tests are not public."""

from emolightning.benchmarks.mer_labels import LABEL_COLUMNS
from emolightning.records.benchmark import Benchmark, Card
from emolightning.records.labels import MER6

SOURCE = "MERTools MER2025 and MER2026 @ 89120b7"


def _single(name: str, read_by: str, train: int) -> Benchmark:
    return Benchmark(
        name=name,
        kind="classification",
        labels=MER6,
        headline="weighted_f1",
        source=SOURCE,
        sizes={"train+val": train},
        read_by=(read_by,),
        truth_columns=LABEL_COLUMNS,
    )


CARD = Card(
    title="MER2025-SEMI and MER2026-Cross",
    about="Chinese films and series: one of six emotions a clip; the labels of the tests are not public.",
    scale=(-5.0, 5.0),
    benchmarks=(
        _single("mer2025_semi", "data=mer2025", 7369),
        _single("mer2026_cross", "data=mer2026", 9395),
    ),
)
