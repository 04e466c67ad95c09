"""The length of the gradient, before it is clipped."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from emolightning.training.lightning_internals import may_be_logged


class GradientNorm(pl.Callback):
    """Logs `train/grad_norm`, of all trained parameters together, each `trainer.log_every_n_steps` optimizer steps.

    DeepSpeed keeps gradients to itself and tells their norm after its step only.
    """

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        """Gradients are unscaled here, and not yet clipped."""
        if may_be_logged(trainer) and deepspeed_engine(trainer) is None:
            pl_module.log("train/grad_norm", gradient_norm(pl_module))

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """DeepSpeed's; it has none before the first step."""
        engine = deepspeed_engine(trainer) if may_be_logged(trainer) else None
        norm = engine.get_global_grad_norm() if engine is not None else None
        if norm is not None:
            pl_module.log("train/grad_norm", float(norm))


def gradient_norm(module: torch.nn.Module) -> float:
    """Square root of the sum of squares of all gradients; where they are sharded, all ranks must call this."""
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    whole = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
    sharded: list[Any] = [gradient for gradient in gradients if isinstance(gradient, DTensor)]
    norms = []
    if whole:
        norms.append(torch.nn.utils.get_total_norm(whole))
    if sharded:
        norm: Any = torch.nn.utils.get_total_norm(sharded)
        norms.append(norm.full_tensor() if isinstance(norm, DTensor) else norm)
    return math.hypot(*(_number(norm) for norm in norms))


def deepspeed_engine(trainer: pl.Trainer) -> Any:
    """The engine; None under every other strategy."""
    return getattr(trainer.strategy, "deepspeed_engine", None) if _is_deepspeed(trainer) else None


def _is_deepspeed(trainer: pl.Trainer) -> bool:
    from pytorch_lightning.strategies import DeepSpeedStrategy

    return isinstance(trainer.strategy, DeepSpeedStrategy)


def _number(value: Tensor) -> float:
    return float(value.item())
