"""The published benchmarks: labels, order of the question, sizes and supports of their official sets.

Numbers are those of the official files and papers named in `source`. Data modules, `doctor`, `score` and `reproduce`
read them here; data that differ are reported, not refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from emolightning.errors import UserError
from emolightning.instructions import prompt_order
from emolightning.labels import DFEW7, MER6, MER9

Supports = Mapping[str, int]


@dataclass(frozen=True)
class Benchmark:
    """One official set of clips and the score that ranks on it."""

    name: str
    kind: Literal["classification", "open_vocabulary", "reasoning"]
    labels: tuple[str, ...]
    """In the index order of the official code; empty where answers are free text."""
    prompt_order: tuple[str, ...]
    """What Emotion-LLaMA's question offers, in its order; empty where nothing is offered."""
    headline: str
    """The score that ranks: its name in `metrics.json`."""
    source: str
    """Where sizes and score are from."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Split -> clips; only splits that are official."""
    supports: Mapping[str, Supports] = field(default_factory=dict)
    """Split -> label -> clips, where known."""


MER_TRAIN = {"neutral": 871, "angry": 822, "happy": 689, "worried": 462, "sad": 383, "surprise": 146}
"""MER2023's Train&Val, 3373 clips; MER2023 has no official division into the two."""


def _mer(name: str, test: Supports, *, headline: str, source: str, offered: Sequence[str] = MER6) -> Benchmark:
    train = {"train+val": MER_TRAIN} if name.startswith("mer2023") else {}
    supports = {"test": test, **train}
    sizes = {split: sum(counts.values()) for split, counts in supports.items()}
    return Benchmark(
        name=name,
        kind="classification",
        labels=MER6,
        prompt_order=tuple(prompt_order(offered)),
        headline=headline,
        source=source,
        sizes=sizes,
        supports=supports,
    )


def _dfew(fold: int, test: int, train: int, *supports: Supports) -> Benchmark:
    return Benchmark(
        name=f"dfew_fold{fold}",
        kind="classification",
        labels=DFEW7,
        prompt_order=DFEW7,  # Upstream's zero-shot recipe; other orders cost up to 21 points of WAR.
        headline="war",
        source="DFEW README and split files; Emotion-LLaMA docs/evaluation/dfew-zero-shot.md",
        sizes={"test": test, "train+val": train},
        supports=dict(zip(("test", "train+val"), supports, strict=False)),
    )


def _dfew_counts(*counts: int) -> Supports:
    return dict(zip(DFEW7, counts, strict=True))


_FOLD_TEST = _dfew_counts(489, 379, 534, 435, 294, 29, 181)
_FOLD_TRAIN = _dfew_counts(1956, 1515, 2135, 1738, 1175, 116, 721)
"""Of folds 1 and 2; the others differ by at most one clip a class."""

_MER2023 = "MER2023 paper (arXiv 2304.08981), table 1 and equations 9 to 12"
_MER2024 = "MER2024 rules; counts of the scored subset"

_ALL = (
    _mer(
        "mer2023_semi",
        {"neutral": 166, "angry": 183, "happy": 169, "sad": 257, "worried": 45, "surprise": 14},
        headline="weighted_f1",
        source=_MER2023,
        offered=MER9,
    ),
    _mer(
        "mer2023_multi",
        {"neutral": 88, "angry": 105, "happy": 93, "sad": 50, "worried": 57, "surprise": 18},
        headline="weighted_f1",
        source=_MER2023,
        offered=MER9,
    ),
    _mer(
        "mer2023_noise",
        {"neutral": 123, "angry": 98, "happy": 87, "sad": 40, "worried": 52, "surprise": 12},
        headline="weighted_f1",
        source=_MER2023,
        offered=MER9,
    ),
    _mer(
        "mer2024_semi",
        {"neutral": 201, "angry": 163, "happy": 246, "sad": 317, "worried": 159, "surprise": 83},
        headline="weighted_f1",
        source=f"{_MER2024} (AffectGPT, arXiv 2501.16566, table 11)",
    ),
    _mer(
        "mer2024_noise",
        {"neutral": 232, "angry": 236, "happy": 233, "sad": 295, "worried": 119, "surprise": 55},
        headline="weighted_f1",
        source=f"{_MER2024} (Emotion-LLaMA issue 37)",
    ),
    Benchmark(
        name="mer2024_ov",
        kind="open_vocabulary",
        labels=(),
        prompt_order=(),
        headline="average",
        source="MER2024 rules and MERTools MER2024/main-ov.py",
        sizes={"test": 332},
    ),
    Benchmark(
        name="emer_v1",
        kind="reasoning",
        labels=(),
        prompt_order=(),
        headline="clue_overlap",
        source="AffectGPT repository, EMER/gt-eng.csv",
        sizes={"test": 100},
        supports={"test": {"angry": 36, "happy": 32, "worried": 17, "sad": 11, "surprise": 4}},
    ),
    Benchmark(
        name="emer_v2",
        kind="reasoning",
        labels=(),
        prompt_order=(),
        headline="clue_overlap",
        source="AffectGPT repository, EMER/final-EMER-reason.csv",
        sizes={"test": 332},
    ),
    Benchmark(
        name="dfew",
        kind="classification",
        labels=DFEW7,
        prompt_order=DFEW7,
        headline="war",
        source="DFEW README: the mean over the five folds' test sets, which are disjoint",
        sizes={"all": 11697},
    ),
    _dfew(1, 2341, 9356, _FOLD_TEST, _FOLD_TRAIN),
    _dfew(2, 2341, 9356, _FOLD_TEST, _FOLD_TRAIN),
    _dfew(3, 2340, 9357),
    _dfew(4, 2339, 9358),
    _dfew(5, 2336, 9361),
)

BENCHMARKS: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in _ALL}


def official_benchmark(name: str) -> Benchmark:
    """A benchmark by its name.

    Raises:
        UserError: none of that name.
    """
    if name not in BENCHMARKS:
        raise UserError(f"benchmark {name!r} is not one of {list(BENCHMARKS)}")
    return BENCHMARKS[name]


def differences(
    official: Benchmark, counts: Mapping[str, Mapping[str, int]], *, labels: Sequence[str], offered: Sequence[str]
) -> list[str]:
    """What data and question have other than the official set, one sentence each.

    Args:
        official: what is expected.
        counts: split -> label -> clips that were found; `None` as a word counts clips without label.
        labels: the vocabulary of the run, in index order.
        offered: the labels that the question names.

    >>> differences(BENCHMARKS["emer_v1"], {"test": {"angry": 36, "happy": 31}}, labels=[], offered=[])[0]
    'emer_v1, test: 67 clips, the official set has 100'
    """
    found = []
    for split in official.sizes:
        together = _together(counts, split)
        if not together:
            continue  # This run has not asked for that part.
        number = sum(together.values())
        if number != official.sizes[split]:
            found.append(f"{official.name}, {split}: {number} clips, the official set has {official.sizes[split]}")
        supports = official.supports.get(split, {})
        others = [f"{x} {together.get(x, 0)} ({number})" for x, number in supports.items() if together.get(x) != number]
        if others:
            found.append(f"{official.name}, {split}: clips (official) {', '.join(others)}")
    if official.labels and tuple(labels) != official.labels:
        found.append(f"{official.name}: labels {list(labels)}, the official order is {list(official.labels)}")
    if official.prompt_order and tuple(offered) != official.prompt_order:
        order = list(official.prompt_order)
        found.append(f"{official.name}: the question offers {list(offered)}, the published protocol {order}")
    return found


def _together(counts: Mapping[str, Mapping[str, int]], split: str) -> dict[str, int]:
    """Label -> clips of `train`, `train+val` or `all`."""
    parts = counts if split == "all" else split.split("+")
    sums: dict[str, int] = {}
    for part in parts:
        for label, number in counts.get(part, {}).items():
            sums[label] = sums.get(label, 0) + number
    return {label: number for label, number in sums.items() if number}
