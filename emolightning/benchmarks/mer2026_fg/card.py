"""MER2025-FG and MER2026-FG: any number of emotion words a clip, chosen by people."""

from emolightning.records.benchmark import Benchmark, Card


def _set(name: str, headline: str, clips: int, source: str) -> Benchmark:
    return Benchmark(
        name=name,
        kind="open_vocabulary",
        headline=headline,
        source=f"MERTools @ 89120b7, {source}",
        sizes={"test": clips},
        read_by=(f"data={name}",),
    )


CARD = Card(
    title="MER2025-FG and MER2026-FG",
    about="Chinese films and series: any number of emotion words a clip, chosen by people.",
    family="mer2026",
    benchmarks=(
        _set("mer2025_fg", "ew_f1", 332, "MER2025 track2_train_ovmerd.csv"),
        _set("mer2026_fg", "ew_f1_level1", 1532, "MER2026 track2_train_human.csv"),
    ),
)
