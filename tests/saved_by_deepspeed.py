"""A program for test_consolidate: one step under each stage of ZeRO, saved by DeepSpeed itself and by name.

Started by torchrun with a folder; it gets `stage<n>` with all parameters, `stage<n>_trained` without frozen ones, and
`stage<n>.pt`, the trained parameters as DeepSpeed gives them out, one by one.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ["DS_ACCELERATOR"] = "cpu"

import deepspeed
import torch
from deepspeed.utils import safe_get_full_fp32_param
from model_factory import LANGUAGE, make_batch, make_examples, make_model
from torch import Tensor, nn

from emolightning.model.emotion_llama import EmotionLlama
from emolightning.model.parameters import base_fingerprints
from emolightning.records import Batch
from emolightning.training.optimizer import parameter_groups

FROZEN = "projections.speech."
"""A projection that does not train, as by a configuration of somebody's own."""


def odd_model() -> EmotionLlama:
    """Some of its parameters cannot be halved."""
    model = make_model(language=replace(LANGUAGE, mlp_width=49), r=3)
    for name, parameter in model.named_parameters():
        if name.startswith(FROZEN):
            parameter.requires_grad_(False)
    return model


class Holder(nn.Module):
    """Calls the model what a learner calls it."""

    def __init__(self, model: EmotionLlama):
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        """The loss."""
        return self.model(batch)


def train(stage: int, folder: Path) -> None:
    """Step once, save."""
    model = odd_model().train()
    batch = make_batch(model, make_examples(2))
    beside = {"global_step": 1, "epoch": 0, "base_fingerprints": base_fingerprints(model)}
    holder = Holder(model)
    settings = {
        "train_micro_batch_size_per_gpu": 2,
        "zero_optimization": {"stage": stage, "stage3_param_persistence_threshold": 0},
        "zero_allow_untested_optimizer": True,
    }
    optimizer = torch.optim.AdamW(parameter_groups(holder), lr=0.1)
    engine, *_ = deepspeed.initialize(model=holder, optimizer=optimizer, config=settings)
    engine.backward(engine(batch))
    engine.step()
    for name, is_small in (("", False), ("_trained", True)):
        target = str(folder / f"stage{stage}{name}")
        engine.save_checkpoint(target, "checkpoint", client_state=beside, exclude_frozen_parameters=is_small)
    trained = {name: p for name, p in holder.named_parameters() if p.requires_grad}
    whole = {name: safe_get_full_fp32_param(p).clone() for name, p in trained.items()}
    if torch.distributed.get_rank() == 0:
        torch.save(whole, folder / f"stage{stage}.pt")


if __name__ == "__main__":
    deepspeed.ops.__compatible_ops__ = {}  # Else it would compile one.
    deepspeed.init_distributed("gloo", verbose=False)
    for number in (1, 2, 3):
        train(number, Path(sys.argv[1]))
