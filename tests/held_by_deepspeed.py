"""A program for test_estimate: one step of a small model under DeepSpeed, and the bytes that this rank then holds.

Started by torchrun with the stage of ZeRO; the first rank prints JSON: item of runs/estimate/memory.py -> bytes.
"""

import json
import os
import sys
from typing import Any

os.environ["DS_ACCELERATOR"] = "cpu"

import deepspeed
import torch
from model_factory import make_batch, make_examples, make_model
from torch import Tensor

from emolightning.training.optim.groups import parameter_groups


def bytes_of(tensors: list[Tensor]) -> int:
    """Each memory once, however many tensors look at it."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in tensors}
    return sum(storage.nbytes() for storage in storages.values())


def settings(stage: int) -> dict[str, Any]:
    """bfloat16, with buffers too small to count."""
    zero = {"stage": stage, "reduce_bucket_size": 1000, "stage3_param_persistence_threshold": 0}
    return {
        "train_micro_batch_size_per_gpu": 2,
        "bf16": {"enabled": True},
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }


def main(stage: int) -> None:
    """Step once."""
    deepspeed.init_distributed("gloo", verbose=False)
    model = make_model().train()
    batch = make_batch(model, make_examples(2))
    engine, optimizer, *_ = deepspeed.initialize(
        model=model, optimizer=torch.optim.AdamW(parameter_groups(model)), config=settings(stage)
    )
    engine.backward(engine(batch))
    engine.step()
    parameters: list[Any] = list(model.parameters())
    own = [(p.requires_grad, p.ds_tensor if stage == 3 else p.data) for p in parameters]
    masters = optimizer.fp32_partitioned_groups_flat if stage == 3 else optimizer.single_partition_of_fp32_groups
    states = optimizer.optimizer.state.values()
    moments = [tensor for state in states for name, tensor in state.items() if name != "step"]
    found = {
        "frozen weights": bytes_of([tensor for is_trained, tensor in own if not is_trained]),
        "trained weights": sum(tensor.nbytes for is_trained, tensor in own if is_trained),
        "float32 masters": bytes_of(list(masters)),
        "Adam's moments": bytes_of(moments),
    }
    if torch.distributed.get_rank() == 0:
        print("held: " + json.dumps(found), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
