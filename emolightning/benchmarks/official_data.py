"""A dataset that is a published benchmark: its clips are compared with the official ones."""

from collections.abc import Sequence
from typing import Any

from emolightning.benchmarks.differences import differences
from emolightning.benchmarks.registry import official_benchmark
from emolightning.data.loading.corpus import class_counts
from emolightning.data.readers.source import SPLITS, ClipSource
from emolightning.records.clips import Clip


class OfficialData(ClipSource):
    """Clips of a published benchmark. A difference from the official set is reported, not refused.

    Args:
        benchmark: name of the official set, e.g. `mer2023_semi`; None for files in such a form that are no benchmark.
        **shared: of ClipSource.
    """

    def __init__(self, *, benchmark: str | None, **shared: Any):
        super().__init__(official=None if benchmark is None else official_benchmark(benchmark), **shared)

    def official_differences(self, clips: Sequence[Clip], *, offered: Sequence[str]) -> list[str]:
        """What differs from the published benchmark: sizes, supports, clips, order of labels, those of the question."""
        if self.official is None:
            return []
        known = {split: {c.id: str(c.label) for c in clips if c.split == split} for split in SPLITS}
        return differences(self.official, class_counts(clips), labels=self.labels, offered=offered, clips=known)
