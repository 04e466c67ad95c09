"""The sets of MER-UniBench: each has a reader of its own, and `eval` takes one after the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from emolightning.benchmarks.official_data import OfficialData
from emolightning.benchmarks.registry import official_benchmark
from emolightning.errors import UserError
from emolightning.records.clips import Clip


class UniBenchData(OfficialData):
    """`data=unibench`, whose clips are those of nine datasets.

    Args:
        sets: name of a set -> settings of its data, e.g. `root`, or that alone; None leaves it out.
        **shared: arguments of OfficialData.
    """

    def __init__(self, *, sets: dict[str, Mapping[str, Any] | str | None], **shared: Any):
        super().__init__(benchmark="mer_unibench", **shared)
        self.sets = sets

    def read_clips(self) -> list[Clip]:
        """Refuses, for there is no one table of clips."""
        self._refuse()

    def media_folder(self) -> Path:
        """Refuses, for there are nine."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        parts = official_benchmark("mer_unibench").parts
        words = ", ".join(official_benchmark(part.benchmark).read_by[0] for part in parts)
        raise UserError(
            f"data=unibench is {len(parts)} datasets, which `eval` answers one after the other; here say one of them: "
            f"{words}"
        )
