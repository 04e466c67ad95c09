"""The settings that decide how much memory a run needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.data.stores.manifest import Kept
from emolightning.models.parts.language import LanguageSettings
from emolightning.runs.estimate.estimating import engine_of, num_ranks
from emolightning.runs.estimate.memory import Engine


@dataclass(frozen=True)
class Load:
    """What a run asks of the machine."""

    output_dir: Path
    """Where its checkpoints are."""
    batch_size: int
    """Clips of a process and batch."""
    num_workers: int
    """Processes that read clips."""
    trainer: Mapping[str, Any]
    """The arguments of Lightning's trainer."""
    language: LanguageSettings | None
    image_size: int
    """Pixels of a frame, if a setting says so; else 0."""
    trained: Mapping[str, str]
    """Part -> how it trains."""
    precomputes_vision: bool
    """Whether a frozen vision tower sees each clip once, before the first step."""
    precompute_dtype: Kept | None = None
    """Type of what it sees on disk; None keeps the tower's."""

    @property
    def accumulated(self) -> int:
        """Batches of an optimizer step."""
        return self.trainer["accumulate_grad_batches"]

    @property
    def precision(self) -> str:
        """In which it computes, e.g. `bf16-mixed`."""
        return self.trainer["precision"]

    def engine(self, ranks: int | None = None) -> Engine:
        """What divides the model among so many processes; None counts those of the settings."""
        return engine_of(self.trainer, ranks or num_ranks(self.trainer) or 1)
