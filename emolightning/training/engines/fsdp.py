"""FSDP2: each rank keeps a piece of every layer, and gathers a layer when it runs."""

from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

from emolightning.training.engines.sharing import decoder_layers, share_weights
from emolightning.training.engines.single_file import SingleFileCheckpoints

STEPS = ("training_step", "validation_step", "test_step")


class Fsdp(SingleFileCheckpoints, ModelParallelStrategy):
    """Lightning's strategy with data-parallel ranks only, also on CPUs, and with checkpoints in one file.

    Args:
        timeout_s: seconds that a rank waits for the others before the run ends.
    """

    def __init__(self, *, timeout_s: float = 1800):
        super().__init__(
            tensor_parallel_size=1, save_distributed_checkpoint=False, timeout=timedelta(seconds=timeout_s)
        )

    @property
    def root_device(self) -> torch.device:
        """The device of this rank; CPU ranks share one."""
        assert self.parallel_devices is not None
        device = self.parallel_devices[self.local_rank]
        return torch.device("cpu") if device.type == "cpu" else device

    def setup_environment(self) -> None:
        """All ranks are data-parallel."""
        self._data_parallel_size = self.num_processes * self.num_nodes
        super().setup_environment()

    def shard(self, learner: Any) -> None:
        """Hand the first rank's weights out layer by layer, so that no other rank ever holds all of them."""
        mesh = self.device_mesh["data_parallel"]
        for layer in decoder_layers(learner.model):
            share_weights(layer, self.root_device)
            fully_shard(layer, mesh=mesh)
        share_weights(learner.model, self.root_device)
        fully_shard(learner, mesh=mesh)
        for name in STEPS:
            register_fsdp_forward_method(learner, name)
        learner.model.is_synced = True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Nothing, as with all of these; but first the outermost pieces, which a step leaves gathered, are let go."""
        assert self.lightning_module is not None
        for module in self.lightning_module.modules():
            if isinstance(module, FSDPModule):
                module.reshard()
        return {}
