"""MER2026-FG: any number of emotion words a clip, chosen by people."""

from emolightning.records.benchmark import Benchmark, Card

CARD = Card(
    title="MER2026-FG",
    about="Chinese films and series: any number of emotion words a clip, chosen by people.",
    family="mer2026",
    benchmarks=(
        Benchmark(
            name="mer2026_fg",
            kind="open_vocabulary",
            headline="ew_f1_level1",
            source="MERTools MER2026 @ 89120b7, track2_train_human.csv",
            sizes={"test": 1532},
            read_by=("data=mer2026_fg",),
        ),
    ),
)
