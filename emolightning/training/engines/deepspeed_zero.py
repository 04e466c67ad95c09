"""DeepSpeed ZeRO-1, 2 and 3 on GPUs, and on CPU ranks for tests and laptops."""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, Literal

import torch
from pytorch_lightning.strategies import DDPStrategy, DeepSpeedStrategy
from torch import Tensor

from emolightning.errors import UserError
from emolightning.training.engines.sharing import decoder_layers, share_weights
from emolightning.training.engines.single_file import SingleFileCheckpoints
from emolightning.training.engines.units import NUMBERS_OF_MB
from emolightning.training.lightning_internals import accumulates


def deepspeed_zero(
    *,
    stage: Literal[1, 2, 3],
    accelerator: str = "auto",
    offload_optimizer: bool = False,
    offload_parameters: bool = False,
    bucket_mb: int = 200,
    persistence_threshold: int = 100_000,
    loss_scale_window: int = 1000,
    timeout_s: float = 1800,
) -> "DeepSpeedZero":
    """The strategy for one stage.

    Args:
        stage: 1 shards the optimizer's state, 2 gradients as well, 3 also the weights.
        accelerator: `trainer.accelerator`; `cpu` makes DeepSpeed use the CPU where there is a GPU as well.
        offload_optimizer: the optimizer's state is kept in, and stepped from, host memory.
        offload_parameters: with stage 3, pieces of the weights lie in host memory.
        bucket_mb: megabytes (of float32) that ranks exchange at once; of memory, several times as much is taken.
        persistence_threshold: with stage 3, parameters of fewer elements are kept whole on every rank once gathered.
        loss_scale_window: in float16, steps without an overflow after which the loss is scaled twice as much.
        timeout_s: seconds that a rank waits for the others before the run ends.

    Raises:
        UserError: DeepSpeed is not installed.
    """
    on_gpu = torch.cuda.is_available() and accelerator != "cpu"
    import_deepspeed(on_gpu=on_gpu)
    zero: dict[str, Any] = {
        "stage": stage,
        "contiguous_gradients": True,
        "overlap_comm": on_gpu,
        "reduce_bucket_size": bucket_mb * NUMBERS_OF_MB,
        "allgather_bucket_size": bucket_mb * NUMBERS_OF_MB,
    }
    if stage == 3:
        zero["stage3_param_persistence_threshold"] = persistence_threshold
    if offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": on_gpu}
    if offload_parameters:
        zero["offload_param"] = {"device": "cpu", "pin_memory": on_gpu}
    config = {
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        # The configured optimizer steps in host memory too: DeepSpeed's own there has to be compiled first.
        "zero_force_ds_cpu_optimizer": False,
    }
    return DeepSpeedZero(
        config=config,
        timeout=timedelta(seconds=timeout_s),
        loss_scale_window=loss_scale_window,
        logging_level=logging.ERROR,
    )


def require_float16(accelerator: str) -> None:
    """Refuse `trainer.precision=16-mixed` where DeepSpeed cannot compute in it.

    Raises:
        UserError: on a CPU or GPU without float16, as DeepSpeed finds it.
    """
    import_deepspeed(on_gpu=torch.cuda.is_available() and accelerator != "cpu")
    from deepspeed.accelerator import get_accelerator

    if not get_accelerator().is_fp16_supported():
        raise UserError(
            f"trainer.precision=16-mixed: DeepSpeed has no float16 on {get_accelerator().device_name()}; say "
            "trainer.precision=bf16-mixed or 32-true"
        )


def import_deepspeed(*, on_gpu: bool) -> None:
    """Import it for the first time, for GPUs or for the CPU; it cannot change its mind later.

    Raises:
        UserError: it is not installed.
    """
    if not on_gpu:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # Read when DeepSpeed is imported.
    try:
        from deepspeed import ops
    except ImportError as error:
        raise UserError(f"DeepSpeed is not there ({error}): pip install -e '.[deepspeed]'") from error
    if not on_gpu:
        # Else each machine would compile an operator at the start of its first run, for up to minutes and for inference
        # only; killed meanwhile it leaves a lock that all later runs wait for.
        ops.__compatible_ops__ = {}


class DeepSpeedZero(SingleFileCheckpoints, DeepSpeedStrategy):
    """Lightning's strategy, also on CPUs, with checkpoints in one file."""

    @property
    def root_device(self) -> torch.device:
        """The device of this rank; DeepSpeed asks for an index even of a CPU."""
        device = super().root_device
        return torch.device("cpu", 0) if device.type == "cpu" else device

    def setup_environment(self) -> None:
        """Lightning's without its insistence on CUDA."""
        DDPStrategy.setup_environment(self)

    def setup_distributed(self) -> None:
        """Lightning's without its look at GPU numbers, which CPUs do not have."""
        if self.root_device.type != "cpu":
            super().setup_distributed()
            return
        self._process_group_backend = "gloo"
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    @property
    def handles_gradient_accumulation(self) -> bool:
        """Lightning does: it also steps at the end of an epoch, where DeepSpeed would count on."""
        return False

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Tell DeepSpeed whether a step follows this batch."""
        assert self.lightning_module is not None
        is_last = not accumulates(self.lightning_module.trainer)
        self.model.set_gradient_accumulation_boundary(is_last)  # type: ignore[union-attr,operator]
        return super().training_step(*args, **kwargs)

    def block_backward_sync(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Nothing to block: DeepSpeed knows from `training_step` when to exchange gradients."""
        return nullcontext()

    def backward(self, closure_loss: Tensor, optimizer: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Not divided by the number of accumulated batches once more: Lightning has done so."""
        return super().backward(closure_loss, optimizer, *args, scale_wrt_gas=False, **kwargs)

    def shard(self, learner: Any) -> None:
        """Hand the first rank's weights out; with stage 3 layer by layer, each cut up before the next arrives."""
        if self.zero_stage_3:
            from deepspeed.runtime.zero import Init

            self._init_config_if_needed()
            for part in [*decoder_layers(learner.model), learner.model]:
                share_weights(part, self.root_device, dtype=self._dtype)
                Init(module=part, config_dict_or_path=self.config)
            learner.model.is_synced = True
        else:
            share_weights(learner.model, self.root_device)

    @property
    def _dtype(self) -> torch.dtype | None:
        """What the engine would make of all weights, once it is too late under stage 3."""
        assert isinstance(self.config, dict)
        enabled = {name: self.config.get(name, {}).get("enabled") for name in ("bf16", "fp16")}
        return torch.bfloat16 if enabled["bf16"] else torch.float16 if enabled["fp16"] else None
