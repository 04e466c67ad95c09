"""Checkpoints that are whole or not there: written beside the target, flushed to disk, then renamed over it."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from emolightning.files.writing import written_whole


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's single-file checkpoints, safe against a crash in the middle of writing."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write `path`; until the last moment the previous file stays in place.

        Raises:
            CannotWrite: the previous file is still there.
        """
        with written_whole(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = None) -> Any:
        """Read tensors and plain values only: a checkpoint from elsewhere cannot run code."""
        return torch.load(path, map_location=map_location or "cpu", weights_only=True)
