"""When memory is too small: which settings need less, and an end with words instead of a traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from emolightning.errors import UserError
from emolightning.runs.estimate.load import Load
from emolightning.runs.ranks import kill_started_ranks
from emolightning.training.run_folder import LAST, RunFolder

SAYS_SO = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
"""What torch, its CPU allocator, cuBLAS and DeepSpeed say in a plain RuntimeError."""

LOST_WORKER = re.compile(r"DataLoader worker .*(killed by signal|exited unexpectedly)")
"""What torch says in a plain RuntimeError; the usual reason is that the system is out of memory."""

SMALLER_IMAGE = 224
"""EVA-CLIP's own size; Emotion-LLaMA's weights were trained at 448."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the GPU or the machine, is what lacked."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(SAYS_SO.search(str(error)))


def has_lost_worker(error: BaseException) -> bool:
    """Whether a process that reads clips was ended from outside."""
    return isinstance(error, RuntimeError) and bool(LOST_WORKER.search(str(error)))


@contextmanager
def explained_out_of_memory(load: Load, trainer: Any = None, *, trains: bool = True) -> Iterator[None]:
    """Turn such an error into a UserError that says what to change; processes that this one started are ended.

    The loss of a worker that reads clips is such an error, too.

    Args:
        load: what the run asks of the machine.
        trainer: Lightning's, where there is one already: it knows the step.
        trains: False for an evaluation.

    Raises:
        UserError: memory ran out, or a worker is gone.
    """
    try:
        yield
    except Exception as error:
        if not (is_out_of_memory(error) or has_lost_worker(error)):
            raise
        kill_started_ranks(trainer)
        explain = explanation_of_loss if has_lost_worker(error) else explanation
        raise UserError(explain(error, load, trainer, trains=trains)) from error


def explanation_of_loss(error: BaseException, load: Load, trainer: Any = None, *, trains: bool = True) -> str:
    """Which worker is gone, and how to do with fewer or none."""
    number = load.num_workers
    fewer = "data.num_workers=0" if number == 1 else f"data.num_workers=0 (now {number}), or fewer of them"
    said = " ".join(str(error).split()).rstrip(".")[:300]
    return f"{said}; the system perhaps ran out of memory: say {fewer}\n{_kept(load, trains=trains)}"


def explanation(error: BaseException, load: Load, trainer: Any = None, *, trains: bool = True) -> str:
    """What was asked for, when, what to change, and how far the run is."""
    when = "while the model was loaded" if trainer is None else f"in optimizer step {trainer.global_step + 1}"
    if not trains:
        when = "in an evaluation"
    asked = ascii(" ".join(str(error).split())[:300])[1:-1] or type(error).__name__
    steps = [f"  {number}. {line}" for number, line in enumerate(less_memory(load, trains=trains), start=1)]
    said = [f"out of memory {when}: {asked}", "what needs less, in this order (`python -m emolightning estimate`):"]
    if not trains:
        said[1] = "what needs less, in this order:"
    return "\n".join([*said, *steps, _kept(load, trains=trains)])


def _kept(load: Load, *, trains: bool) -> str:
    """What there is to go on from."""
    if not trains:
        return "answers so far are kept"
    last = RunFolder(load.output_dir).checkpoints / LAST
    if not last.exists():
        return "no checkpoint was written yet"
    return (
        f"last checkpoint: {last}; resume=auto goes on from it with another trainer, a new run with other settings "
        f"starts from it with init_from={load.output_dir}"
    )


def less_memory(load: Load, *, trains: bool = True) -> list[str]:
    """Settings that would need less memory, the cheapest first, each with its present value."""
    language, found = load.language, []
    batch, accumulated = load.batch_size, load.accumulated
    if batch > 1:
        fewer = next(size for size in range(batch // 2, 0, -1) if batch % size == 0)
        keeps = f" trainer.accumulate_grad_batches={accumulated * batch // fewer}" if trains else ""
        same = f" and {accumulated}: the effective batch size stays" if trains else ""
        found.append(f"data.batch_size={fewer}{keeps} (now {batch}{same})")
    if language is not None and copies_weights(load):
        found.append(
            f"model.language.dtype=bfloat16 (now {language.dtype}: with trainer.precision={load.precision} "
            "autocast keeps a copy of each frozen matrix, 13 GB of Llama-2-7b)"
        )
    if trains:
        found += _slower(load)
    found += _quantized(load)
    if trains:
        found += _engines(load)
    if load.image_size > SMALLER_IMAGE:
        found.append(
            f"model.vision.image_size={SMALLER_IMAGE} (now {load.image_size}; a quarter of the visual "
            "tokens, but not what Emotion-LLaMA's weights were trained with)"
        )
    return found or ["a smaller model, or a machine with more memory: every setting is at its smallest"]


def _quantized(load: Load) -> list[str]:
    language = load.language
    if language is None or language.path is None or language.quantization == "nf4" or _trains_in_full(load):
        return []
    smaller = "int8 or nf4" if language.quantization == "none" else "nf4"
    return [f"model.language.quantization={smaller} (now {language.quantization}; needs bitsandbytes; not with ZeRO-3)"]


def _trains_in_full(load: Load) -> bool:
    return load.trained.get("language") == "full"


def copies_weights(load: Load) -> bool:
    """Whether autocast computes in another type than the frozen language model has; DeepSpeed casts it once."""
    is_deepspeed = load.engine().kind == "deepspeed"
    computes = {"bf16-mixed": "bfloat16", "16-mixed": "float16"}.get(load.precision)
    if load.language is None or is_deepspeed or _trains_in_full(load):
        return False
    return computes == "bfloat16" and load.language.dtype != "bfloat16"


def _slower(load: Load) -> list[str]:
    found = []
    if load.language is not None and not load.language.gradient_checkpointing:
        found.append("model.language.gradient_checkpointing=true (now false; about a third slower)")
    if not load.precomputes_vision and load.trained.get("vision") == "frozen":
        found.append("precompute_vision=true (now false)")
    return found


def _engines(load: Load) -> list[str]:
    """Trainers that divide more than the present one, or leave it in main memory."""
    engine = load.engine()
    found = []
    if not engine.shards_gradients:
        found.append(
            f"trainer=deepspeed_zero2 (now {engine.name}; divides gradients and optimizer state), then "
            "trainer=deepspeed_zero3 or trainer=fsdp (weights too), with trainer.devices=N"
        )
    elif not engine.shards_weights:
        found.append(f"trainer=deepspeed_zero3 or trainer=fsdp (now {engine.name}; divides the weights too)")
    if not engine.offloads_weights:
        found.append(
            f"trainer=zero2_offload or zero3_offload (now {engine.name}; optimizer state, or weights too, in main "
            "memory; slow)"
        )
    return found
