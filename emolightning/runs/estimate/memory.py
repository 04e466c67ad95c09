"""Memory of a training run, from numbers of parameters alone: what each process holds, under each engine.

Formulas of the ZeRO paper (Rajbhandari et al. 2020, section 3), with one difference: only what trains has gradients,
masters and moments. Engines differ in what they divide among the processes and in what they keep in main memory.
All sizes are bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from emolightning.models.sizes.held import Held

FLOAT32 = 4
MOMENTS = 2
"""Adam's numbers for each weight: running means of the gradient and of its square."""

BUCKET_NUMBERS = 200_000_000
"""Lightning's default of reduce_bucket_size."""


DEVICE_OVERHEAD = 1_500_000_000
"""Assumed: CUDA's context, kernels and communication buffers, and what the allocator cannot use."""


@dataclass(frozen=True)
class Engine:
    """What processes divide among themselves, and what they leave in main memory."""

    name: str
    ranks: int = 1
    """Processes, one a GPU."""
    ranks_per_node: int = 1
    kind: str = "single"
    """`single`, `ddp`, `deepspeed` or `fsdp`."""
    shards_optimizer: bool = False
    shards_gradients: bool = False
    shards_weights: bool = False
    offloads_optimizer: bool = False
    """Masters, moments and gradients in main memory."""
    offloads_weights: bool = False
    bucket: int = 0
    """DeepSpeed: numbers of one buffer for gradients on their way."""
    num_buckets: int = 1
    max_live: int = 0
    """ZeRO-3: most numbers of gathered weights at a time."""


@dataclass(frozen=True)
class Memory:
    """Item -> bytes."""

    device: Mapping[str, int]
    """Bytes of one GPU."""
    host: Mapping[str, int]
    """Bytes of one machine's main memory."""

    @property
    def device_total(self) -> int:
        """Bytes of one GPU."""
        return sum(self.device.values())

    @property
    def host_total(self) -> int:
        """Bytes of one machine: of loading and training, whichever needs more."""
        loading = self.host["loading the weights"]
        return max(loading, sum(self.host.values()) - loading)


def memory(held: Held, engine: Engine, *, compute_bytes: int, step: Mapping[str, int], overhead: int) -> Memory:
    """What a process of this engine holds at the height of a training step.

    Args:
        held: the model.
        engine: what is divided among how many processes.
        compute_bytes: of a number in matrix products: 4, or 2 in half precision.
        step: item -> bytes of activations and whatever else a batch needs; nothing of it is divided.
        overhead: of the device, 0 on a CPU.
    """
    fixed = _deepspeed(held, engine, compute_bytes) if engine.kind == "deepspeed" else _torch(held, engine)
    offloaded = [name for name in fixed if _is_offloaded(name, engine)]
    device = {name: size for name, size in fixed.items() if name not in offloaded}
    device |= {"gathered weights": gathered(held, engine, compute_bytes), "buffers of gradients": buffers(held, engine)}
    if engine.kind == "deepspeed":
        device["buffers of gradients"] = engine.bucket * engine.num_buckets * compute_bytes
    on_host = {name: fixed[name] * engine.ranks_per_node for name in offloaded}
    whole = held.frozen_bytes + held.quantized_bytes + held.trained_bytes
    loading = whole + (whole - held.shared_bytes) * (engine.ranks_per_node - 1)
    return Memory(
        device={**device, **step, "CUDA and allocator": overhead},
        host={**on_host, "loading the weights": loading},
    )


FROZEN, TRAINED, GRADIENTS, MASTERS, ADAM = (
    "frozen weights",
    "trained weights",
    "gradients",
    "float32 masters",
    "Adam's moments",
)


def _torch(held: Held, engine: Engine) -> dict[str, int]:
    """Single process, DDP and FSDP2: weights, gradients and moments in one type; no masters beside them."""
    return {
        FROZEN: _share(held.frozen_bytes + held.quantized_bytes, engine, engine.shards_weights),
        TRAINED: _share(held.trained_bytes, engine, engine.shards_weights),
        GRADIENTS: _share(held.trained_bytes, engine, engine.shards_gradients),
        ADAM: _share(MOMENTS * held.trained_bytes, engine, engine.shards_optimizer),
    }


def _deepspeed(held: Held, engine: Engine, compute_bytes: int) -> dict[str, int]:
    """DeepSpeed casts all weights to the type of the computation, and steps on float32 copies of its share."""
    offloaded = engine.offloads_optimizer and engine.shards_gradients
    gradient_bytes = FLOAT32 if offloaded else compute_bytes
    return {
        FROZEN: _share(held.frozen * compute_bytes + held.quantized_bytes, engine, engine.shards_weights),
        TRAINED: _share(held.trained * compute_bytes, engine, engine.shards_weights),
        GRADIENTS: _share(held.trained * gradient_bytes, engine, engine.shards_gradients),
        MASTERS: _share(held.trained * FLOAT32, engine, engine.shards_optimizer),
        ADAM: _share(held.trained * FLOAT32 * MOMENTS, engine, engine.shards_optimizer),
    }


def _is_offloaded(item: str, engine: Engine) -> bool:
    if item in (FROZEN, TRAINED):
        return engine.offloads_weights
    return engine.offloads_optimizer and (item != GRADIENTS or engine.shards_gradients)


def _share(size: int, engine: Engine, is_divided: bool) -> int:
    """The share of one process, rounded up."""
    return -(-size // engine.ranks) if is_divided else size


def gathered(held: Held, engine: Engine, compute_bytes: int) -> int:
    """Whole weights that a process has for the moment.

    Of ZeRO-3 at most `max_live` numbers; of FSDP2 the layer at work, the next one, and what is in no layer.
    """
    if not engine.shards_weights or (engine.ranks == 1 and not engine.offloads_weights):
        return 0
    if engine.kind == "deepspeed":
        return min(held.frozen + held.trained, engine.max_live) * compute_bytes
    return 2 * held.block_bytes + held.outside_bytes


def sent(held: Held, engine: Engine, *, compute_bytes: int, batches: int = 1) -> dict[str, int]:
    """Item -> bytes that one GPU sends to others in an optimizer step.

    In a ring of N each sends (N - 1) / N of what is gathered or scattered, and twice that of what is summed for all. So
    more GPUs do not send more each; what counts is the engine. Validations and checkpoints are not in it.

    Args:
        held: the model.
        engine: what is divided among how many processes.
        compute_bytes: of a number in matrix products.
        batches: accumulated in a step; DDP and ZeRO-1 send gradients once, the others after each batch.
    """
    is_deepspeed = engine.kind == "deepspeed"
    trained = held.trained * compute_bytes if is_deepspeed else held.trained_bytes
    frozen = held.frozen * compute_bytes if is_deepspeed else held.frozen_bytes
    gradients = _of_ring(trained, engine)
    if not engine.shards_optimizer:
        return {GRADIENTS: 2 * gradients}
    if engine.shards_weights:  # Gathered for the forward pass and again for the backward pass.
        weights = 2 * batches * _of_ring(frozen + held.quantized_bytes + trained, engine)
        return {GRADIENTS: batches * gradients, "gathered weights": weights}
    return {GRADIENTS: (batches if engine.shards_gradients else 1) * gradients, TRAINED: gradients}


def _of_ring(size: int, engine: Engine) -> int:
    return size * (engine.ranks - 1) // engine.ranks


def buffers(held: Held, engine: Engine) -> int:
    """DDP keeps a second copy of all gradients, in the buckets that it sends."""
    return held.trained_bytes if engine.kind == "ddp" else 0
