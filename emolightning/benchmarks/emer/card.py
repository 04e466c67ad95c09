"""EMER: descriptions that lead from clues to emotions, graded by a judge."""

from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests


def _version(name: str, *, file: str, size: int, digests: Digests, supports: Supports | None = None) -> Benchmark:
    return Benchmark(
        name=f"emer_{name}",
        kind="reasoning",
        # A grade's name ends in its judge's: this is the default one's. Published grades are of models that are gone.
        headline="clue_overlap_offline",
        source=f"AffectGPT repository, EMER/{file}",
        sizes={"test": size},
        supports={"test": supports} if supports else {},
        digests={"test": digests},
        read_by=(f"data=emer data.version={name}",),
    )


CARD = Card(
    title="EMER",
    about="Clips of MER2023: a description of clues and of the emotion that they show.",
    benchmarks=(
        _version(
            "v1",
            file="gt-eng.csv",
            size=100,
            supports={"angry": 36, "happy": 32, "worried": 17, "sad": 11, "surprise": 4},
            digests=Digests("89673b1fc7b9fb37"),
        ),
        _version(  # MER2024-OV has the same clips.
            "v2", file="final-EMER-reason.csv", size=332, digests=Digests("71a789ba139028f5")
        ),
    ),
    protocols=(
        Protocol(
            "emer_v1",
            "gpt35_judge",
            "100 clips without neutral; graded from 1 to 10 by gpt-3.5-turbo-16k-0613 in Chinese, a label in three "
            "steps",
            never="gpt-3.5-turbo-16k-0613 gave these grades and is no longer served; another judge has a scale of its "
            "own",
        ),
    ),
)
