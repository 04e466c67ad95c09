"""The published benchmarks: labels, order of the question, sizes and supports of their official sets.

Numbers are those of the official files and papers named in `source`. Data modules, `doctor`, `score` and `reproduce`
read them here; data that differ are reported, not refused.
"""

from collections.abc import Iterable, Mapping, Sequence

from emolightning.errors import UserError
from emolightning.prompt.instructions import prompt_order
from emolightning.records.benchmark import Benchmark, Supports
from emolightning.records.clip_digests import Digests, digest
from emolightning.records.labels import DFEW7, MER6, MER9
from emolightning.records.score_names import COMBINED

MER_TRAIN = {"neutral": 871, "angry": 822, "happy": 689, "worried": 462, "sad": 383, "surprise": 146}
"""MER2023's Train&Val, 3373 clips; MER2023 has no official division into the two."""


_MER_DIGESTS = {
    "mer2023_semi": Digests("822ea1ab5d009dec", "9a5043e5d775b644"),
    "mer2023_multi": Digests("7a132c0d1071d20b", "946df49416afcbf4"),
    "mer2023_noise": Digests("4f6f4c9216c26e0e", "1217f1995f88e092"),
    "mer2024_semi": Digests("b8bb92fda68a6083", "5a350e5eaeece322"),
}
_MER_TRAIN_DIGESTS = Digests("a59ef541916e0c0b", "53ec19ddd63a3b6b")
_OPEN_DIGESTS = {"test": Digests("71a789ba139028f5")}
"""MER2024-OV and the second EMER have the same 332 clips."""


def _mer(name: str, test: Supports, *, headline: str, source: str, offered: Sequence[str] = MER6) -> Benchmark:
    train = {"train+val": MER_TRAIN} if name.startswith("mer2023") else {}
    supports = {"test": test, **train}
    sizes = {split: sum(counts.values()) for split, counts in supports.items()}
    digests = {"test": _MER_DIGESTS[name]} if name in _MER_DIGESTS else {}
    return Benchmark(
        name=name,
        kind="classification",
        labels=MER6,
        prompt_order=tuple(prompt_order(offered)),
        headline=headline,
        source=source,
        sizes=sizes,
        supports=supports,
        digests=digests | ({"train+val": _MER_TRAIN_DIGESTS} if train else {}),
    )


_DFEW_DIGESTS = {
    1: {
        "test": Digests("f8c737254d753a9d", "fabb3f5bc07af047"),
        "train+val": Digests("44c65a9151f9a384", "af65151cc0c7d624"),
    },
    2: {
        "test": Digests("6854ef05f0dac9ce", "1428e33810af34a0"),
        "train+val": Digests("450ae984b680119f", "d6c95b314271b408"),
    },
}


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
        digests=_DFEW_DIGESTS.get(fold, {}),
    )


def _dfew_counts(*counts: int) -> Supports:
    return dict(zip(DFEW7, counts, strict=True))


_FOLD_TEST = _dfew_counts(489, 379, 534, 435, 294, 29, 181)
_FOLD_TRAIN = _dfew_counts(1956, 1515, 2135, 1738, 1175, 116, 721)
"""Of folds 1 and 2; the others differ by at most one clip a class."""

_MER2023 = "MER2023 paper (arXiv 2304.08981), table 1 and equations 9 to 12"
_MER2024 = "MER2024 rules; counts of the scored subset"

_CLUE_OVERLAP = "clue_overlap_offline"
"""A grade's name ends in its judge's: this is the default one's. Published grades are of models no longer served."""

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
        headline=COMBINED,
        source=_MER2023,
        offered=MER9,
    ),
    _mer(
        "mer2023_noise",
        {"neutral": 123, "angry": 98, "happy": 87, "sad": 40, "worried": 52, "surprise": 12},
        headline=COMBINED,
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
        digests=_OPEN_DIGESTS,
    ),
    Benchmark(
        name="emer_v1",
        kind="reasoning",
        labels=(),
        prompt_order=(),
        headline=_CLUE_OVERLAP,
        source="AffectGPT repository, EMER/gt-eng.csv",
        sizes={"test": 100},
        supports={"test": {"angry": 36, "happy": 32, "worried": 17, "sad": 11, "surprise": 4}},
        digests={"test": Digests("89673b1fc7b9fb37")},
    ),
    Benchmark(
        name="emer_v2",
        kind="reasoning",
        labels=(),
        prompt_order=(),
        headline=_CLUE_OVERLAP,
        source="AffectGPT repository, EMER/final-EMER-reason.csv",
        sizes={"test": 332},
        digests=_OPEN_DIGESTS,
    ),
    Benchmark(
        name="dfew",
        kind="classification",
        labels=DFEW7,
        prompt_order=DFEW7,
        headline="war",
        source="DFEW README: the mean over the five folds' test sets, which are disjoint",
        sizes={"all": 11697},
        digests={"all": Digests("2c14a1b92f6c49e9", "1b91549bd21c41ff")},
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


def owners(clips: Iterable[str]) -> list[str]:
    """Names of the benchmarks of which some official split has exactly these clips."""
    found = digest(clips)
    return [name for name, each in BENCHMARKS.items() if any(found == known.ids for known in each.digests.values())]


def differences(
    official: Benchmark,
    counts: Mapping[str, Mapping[str, int]],
    *,
    labels: Sequence[str],
    offered: Sequence[str],
    clips: Mapping[str, Mapping[str, str]] | None = None,
) -> list[str]:
    """What data and question have other than the official set, one sentence each.

    Args:
        official: what is expected.
        counts: split -> label -> clips that were found; `None` as a word counts clips without label.
        labels: the vocabulary of the run, in index order.
        offered: the labels that the question names.
        clips: split -> id -> label, to tell sets of equal counts apart; None compares counts alone.

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
        if clips is not None:
            found += _other_clips(
                official, split, _merged(clips, split), same_counts=_has_counts(official, split, together)
            )
    if official.labels and tuple(labels) != official.labels:
        found.append(f"{official.name}: labels {list(labels)}, the official order is {list(official.labels)}")
    if official.prompt_order and tuple(offered) != official.prompt_order:
        order = list(official.prompt_order)
        found.append(f"{official.name}: the question offers {list(offered)}, the published protocol {order}")
    return found


def _other_clips(official: Benchmark, split: str, clips: Mapping[str, str], *, same_counts: bool) -> list[str]:
    """Whose clips these are, where they are not those of the split; or that labels were exchanged."""
    expected, here = official.digests.get(split), f"{official.name}, {split}"
    if expected is None or digest(clips) != expected.ids:
        others = [name for name in owners(clips) if name != official.name]
        if others:
            return [f"{here}: these are the clips of {' or '.join(others)}"]
        return [f"{here}: the ids of the clips are not those of the official set"] if expected and same_counts else []
    if expected.labelled and same_counts and digest(clips, clips) != expected.labelled:
        return [f"{here}: the clips are the official ones, but some have another label than there"]
    return []


def _has_counts(official: Benchmark, split: str, counts: Mapping[str, int]) -> bool:
    supports = official.supports.get(split)
    return sum(counts.values()) == official.sizes[split] and (supports is None or dict(supports) == dict(counts))


def _merged(clips: Mapping[str, Mapping[str, str]], split: str) -> dict[str, str]:
    parts = clips if split == "all" else split.split("+")
    return {clip: label for part in parts for clip, label in clips.get(part, {}).items()}


def _together(counts: Mapping[str, Mapping[str, int]], split: str) -> dict[str, int]:
    """Label -> clips of `train`, `train+val` or `all`."""
    parts = counts if split == "all" else split.split("+")
    sums: dict[str, int] = {}
    for part in parts:
        for label, number in counts.get(part, {}).items():
            sums[label] = sums.get(label, 0) + number
    return {label: number for label, number in sums.items() if number}
