"""What a set of clips has other than an official one, and whose clips they are."""

from collections.abc import Iterable, Mapping, Sequence

from emolightning.benchmarks.registry import official_benchmarks
from emolightning.records.benchmark import Benchmark
from emolightning.records.clip_digests import digest


def owners(clips: Iterable[str]) -> list[str]:
    """Names of the benchmarks of which some official split has exactly these clips."""
    found = digest(clips)
    return [
        name
        for name, each in official_benchmarks().items()
        if any(found == known.ids for known in each.digests.values())
    ]


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

    >>> official = official_benchmarks()["emer_v1"]
    >>> differences(official, {"test": {"angry": 36, "happy": 31}}, labels=[], offered=[])[0]
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
