"""MER2023: SEMI, MULTI and NOISE are the organisers' test3, test1 and test2."""

from emolightning.benchmarks.mer_labels import LABEL_COLUMNS
from emolightning.benchmarks.published.shared_protocols import (
    DOCUMENTATION_PAGE,
    FIRST_LABEL,
    GPT4V,
    HIT,
    LIGHT_MER,
    WHEELS,
)
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests
from emolightning.records.labels import MER6
from emolightning.records.score_names import COMBINED

TRAIN = {"neutral": 871, "angry": 822, "happy": 689, "worried": 462, "sad": 383, "surprise": 146}
"""Train&Val, 3373 clips; there is no official division into the two."""

OFFERED = ("happy", "sad", "neutral", "angry", "worried", "surprise", "fear", "contempt", "doubt")
"""Emotion-LLaMA's question offers nine labels, of which six are scored."""


def _track(name: str, test: Supports, *, headline: str, digests: Digests) -> Benchmark:
    supports = {"test": test, "train+val": TRAIN}
    return Benchmark(
        name=f"mer2023_{name}",
        kind="classification",
        labels=MER6,
        prompt_order=OFFERED,
        headline=headline,
        source="MER2023 paper (arXiv 2304.08981), table 1 and equations 9 to 12",
        sizes={split: sum(counts.values()) for split, counts in supports.items()},
        supports=supports,
        digests={"test": digests, "train+val": Digests("a59ef541916e0c0b", "53ec19ddd63a3b6b")},
        read_by=(f"data=mer2023 data.track={name}",),
        truth_columns=LABEL_COLUMNS,
    )


CARD = Card(
    title="MER2023",
    about="Chinese films and series: one of six emotions a clip, in three evaluation sets.",
    scale=(-5.0, 5.0),
    benchmarks=(
        _track(
            "semi",
            {"neutral": 166, "angry": 183, "happy": 169, "sad": 257, "worried": 45, "surprise": 14},
            headline="weighted_f1",
            digests=Digests("822ea1ab5d009dec", "9a5043e5d775b644"),
        ),
        _track(
            "multi",
            {"neutral": 88, "angry": 105, "happy": 93, "sad": 50, "worried": 57, "surprise": 18},
            headline=COMBINED,
            digests=Digests("7a132c0d1071d20b", "946df49416afcbf4"),
        ),
        _track(
            "noise",
            {"neutral": 123, "angry": 98, "happy": 87, "sad": 40, "worried": 52, "surprise": 12},
            headline=COMBINED,
            digests=Digests("4f6f4c9216c26e0e", "1217f1995f88e092"),
        ),
    ),
    protocols=(
        Protocol(
            "mer2023_semi",
            "challenge",
            "test3, 834 clips picked by confidence; trained on Train&Val, Emotion-LLaMA on MERR as well; its answers "
            "are read by their last word, else as neutral",
        ),
        Protocol("mer2023_semi", "documentation_page", DOCUMENTATION_PAGE),
        Protocol(
            "mer2023_multi", "challenge", "test1, 411 clips; combined = weighted F1 - 0.25 x squared error of valence"
        ),
        Protocol("mer2023_multi", "gpt4v", GPT4V, conditions=FIRST_LABEL),
        Protocol("mer2023_multi", "mer_unibench", f"called MER2023 there: test1. {HIT}", conditions=WHEELS),
        Protocol("mer2023_multi", "light_mer", LIGHT_MER, conditions=WHEELS),
        Protocol("mer2023_noise", "challenge", "test2, 412 clips with added noise; combined as on MULTI"),
    ),
)
