"""MER2024's tracks with one label a clip: SEMI and NOISE, of which the organisers score a subset."""

from emolightning.benchmarks.mer_labels import LABEL_COLUMNS
from emolightning.benchmarks.published.shared_protocols import DOCUMENTATION_PAGE, HIT, LIGHT_MER, WHEELS
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests
from emolightning.records.labels import MER6

OFFERED = ("happy", "sad", "neutral", "angry", "worried", "surprise")


def _track(name: str, test: Supports, *, source: str, digests: Digests | None = None) -> Benchmark:
    return Benchmark(
        name=f"mer2024_{name}",
        kind="classification",
        labels=MER6,
        prompt_order=OFFERED,
        headline="weighted_f1",
        source=f"MER2024 rules; counts of the scored subset ({source})",
        sizes={"test": sum(test.values())},
        supports={"test": test},
        digests={"test": digests} if digests else {},
        read_by=(f"data=mer2024_{name}",),
        truth_columns=LABEL_COLUMNS,
    )


CARD = Card(
    title="MER2024-SEMI and MER2024-NOISE",
    about="Chinese films and series: one of six emotions a clip, in the scored part of two tracks.",
    scale=(-5.0, 5.0),
    benchmarks=(
        _track(
            "semi",
            {"neutral": 201, "angry": 163, "happy": 246, "sad": 317, "worried": 159, "surprise": 83},
            source="AffectGPT, arXiv 2501.16566, table 11",
            digests=Digests("b8bb92fda68a6083", "5a350e5eaeece322"),
        ),
        _track(
            "noise",
            {"neutral": 232, "angry": 236, "happy": 233, "sad": 295, "worried": 119, "surprise": 55},
            source="Emotion-LLaMA issue 37",
        ),
    ),
    protocols=(
        Protocol(
            "mer2024_semi", "mer_unibench", f"called MER2024 there: the scored SEMI clips. {HIT}", conditions=WHEELS
        ),
        Protocol("mer2024_semi", "light_mer", LIGHT_MER, conditions=WHEELS),
        Protocol("mer2024_noise", "challenge", "the 1170 scored clips of the challenge's NOISE track"),
        Protocol("mer2024_noise", "documentation_page", DOCUMENTATION_PAGE),
    ),
)
