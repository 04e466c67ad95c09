"""Strategies that shard the model, made to write the same single file as the others."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.strategies import Strategy


class SingleFileCheckpoints:
    """Put before a sharding strategy of Lightning: its own checkpoints are folders that no other engine can read.

    The learner gathers weights and optimizer state by name (`EmotionLearner.on_save_checkpoint`) and puts them back;
    the strategy only has to write what it is given, and to do nothing of its own.
    """

    @property
    def restore_checkpoint_after_setup(self) -> bool:
        """Weights can be put back only where they are sharded already."""
        return True

    @property
    def lightning_restore_optimizer(self) -> bool:
        """The learner does."""
        return False

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The learner gathers it."""
        return {}

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """The learner gathers it."""
        return {}

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """One file, written by the first rank."""
        Strategy.save_checkpoint(self, checkpoint, filepath, storage_options)  # type: ignore[arg-type]

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """The file, on every rank."""
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only=True)  # type: ignore[arg-type]

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """The learner did."""

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """The learner does."""
