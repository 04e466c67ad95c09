"""A data module that is a published benchmark: its clips are compared with the official ones."""

from typing import Any

from emolightning.benchmarks.differences import differences
from emolightning.benchmarks.registry import official_benchmark
from emolightning.data.loading.datamodule import SPLITS, ClipDataModule


class OfficialData(ClipDataModule):
    """Clips of a published benchmark. A difference from the official set is reported, not refused.

    Args:
        benchmark: name of the official set, e.g. `mer2023_semi`.
        **shared: of ClipDataModule.
    """

    def __init__(self, *, benchmark: str, **shared: Any):
        super().__init__(official=official_benchmark(benchmark), **shared)

    def official_differences(self) -> list[str]:
        """What differs from the published benchmark: sizes, supports, clips, order of labels, those of the question."""
        assert self.official is not None
        clips = {split: {c.id: str(c.label) for c in self.clips if c.split == split} for split in SPLITS}
        return differences(self.official, self.classes(), labels=self.labels, offered=self.offered, clips=clips)
