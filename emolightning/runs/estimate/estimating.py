"""Settings and a model -> memory of a run: for the command `estimate`, and for a run before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.quantization import Quantization
from emolightning.models.sizes.activations import Lengths, Numbers, Options, adapters_of, kept_bytes, logit_bytes
from emolightning.models.sizes.flops import ModelSizes, UnknownSizes, sizes_of, training_flops
from emolightning.models.sizes.held import Held
from emolightning.models.sizes.inventory import cast_copies, held, residual_bytes
from emolightning.runs.estimate.memory import BUCKET_NUMBERS, DEVICE_OVERHEAD, Engine, Memory, memory, sent
from emolightning.training.engines.units import NUMBERS_OF_MB

COMPUTE = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}
"""First word of `trainer.precision` -> type of matrix products."""

MAX_LIVE = 1_000_000_000
"""DeepSpeed's default of stage3_max_live_parameters."""

NO_LANGUAGE = {"quantization": "none", "gradient_checkpointing": False, "attention": "sdpa"}
"""What a family without a language model has."""

COPIES = "autocast's copies of weights"


@dataclass(frozen=True)
class Effective:
    """How many clips an optimizer step sees."""

    batch_size: int
    ranks: int
    batches: int

    @property
    def total(self) -> int:
        """Clips of a step."""
        return self.batch_size * self.ranks * self.batches

    def __str__(self) -> str:
        return (
            f"effective batch size {self.total} = data.batch_size {self.batch_size} x {self.ranks} process(es) x "
            f"{self.batches} accumulated"
        )


def num_ranks(trainer: Mapping[str, Any]) -> int | None:
    """Processes of a trainer's settings; None where they depend on the machine."""
    devices = trainer["devices"]
    if isinstance(devices, list):
        devices = len(devices)
    if devices in ("auto", -1, "-1"):
        return 1 if trainer["accelerator"] == "cpu" else None
    return int(devices) * int(trainer["num_nodes"])


def engine_of(trainer: Mapping[str, Any], ranks: int) -> Engine:
    """What a trainer's settings divide among `ranks` processes.

    Args:
        trainer: the group of the configuration, resolved.
        ranks: number of processes.
    """
    strategy = trainer["strategy"]
    options: Mapping[str, Any] = strategy if isinstance(strategy, Mapping) else {}
    word = str(options.get("_target_", strategy)).rpartition(".")[2].lower()
    share: dict[str, Any] = {"ranks": ranks, "ranks_per_node": ranks // int(trainer["num_nodes"])}
    if "deepspeed" in word:
        return _deepspeed(options, share)
    if "fsdp" in word or "modelparallel" in word:
        shards: dict[str, Any] = {f"shards_{name}": True for name in ("optimizer", "gradients", "weights")}
        return Engine("FSDP2", kind="fsdp", **share, **shards)
    if ranks == 1:
        return Engine("one process", **share)
    return Engine("DDP", kind="single" if options.get("gradient_as_bucket_view") else "ddp", **share)


def _deepspeed(options: Mapping[str, Any], share: dict[str, Any]) -> Engine:
    stage, config = int(options.get("stage", 2)), options.get("config")
    zero = config.get("zero_optimization", {}) if isinstance(config, Mapping) else {}
    stage = int(zero.get("stage", stage))
    offloads_weights = bool(options.get("offload_parameters") or zero.get("offload_param"))
    offloads = bool(options.get("offload_optimizer") or zero.get("offload_optimizer"))
    bucket = zero.get("reduce_bucket_size", options.get("reduce_bucket_size", BUCKET_NUMBERS))
    if "bucket_mb" in options:  # Our own strategy.
        bucket = options["bucket_mb"] * NUMBERS_OF_MB
    overlaps = bool(zero.get("overlap_comm", options.get("overlap_comm", True)))
    offloaded = [name for name, is_so in (("optimizer", offloads), ("weights", offloads_weights)) if is_so]
    return Engine(
        f"DeepSpeed ZeRO-{stage}" + (f", {' and '.join(offloaded)} in main memory" if offloaded else ""),
        kind="deepspeed",
        shards_optimizer=stage >= 1,
        shards_gradients=stage >= 2,
        shards_weights=stage >= 3,
        offloads_optimizer=offloads,
        offloads_weights=offloads_weights,
        bucket=int(bucket),
        num_buckets=2 if overlaps and stage < 3 else 1,
        max_live=int(float(zero.get("stage3_max_live_parameters", MAX_LIVE))),
        **share,
    )


class Estimator:
    """Memory and operations of training one model.

    Args:
        model: with weights, or on meta.
        settings: its group of the configuration, resolved.
        lengths: of the longest sequence of a batch.
        rows: sequences of a process and step: its clips, each as often as it has answers to learn.
        sees_images: whether images go through the tower in each step.
    """

    def __init__(
        self,
        model: EmotionModel,
        settings: Mapping[str, Any],
        *,
        lengths: Lengths,
        rows: int,
        sees_images: bool,
    ):
        self.model = model
        self.language: Mapping[str, Any] = settings.get("language", NO_LANGUAGE)
        self.lengths = lengths
        self.rows = rows
        self.sees_images = sees_images
        self.sizes: ModelSizes | None = None
        """None where the formulas do not describe the language model; `unknown` says why."""
        self.unknown: str | None = None
        try:
            self.sizes = sizes_of(model)
        except UnknownSizes as error:
            self.unknown = str(error)
        # Weights that are loaded are counted as they are, and those on meta as they would be.
        is_planned = next(model.parameters()).device.type == "meta"
        self.planned: Quantization = self.language["quantization"] if is_planned else "none"
        self.held: Held = held(model, planned=self.planned)

    def memory(self, engine: Engine, precision: str, *, is_gpu: bool) -> Memory:
        """Memory of one process.

        Args:
            engine: what is divided.
            precision: as in `trainer.precision`.
            is_gpu: a GPU has an overhead of its own.
        """
        compute = COMPUTE[precision.partition("-")[0]]
        is_cast = engine.kind == "deepspeed" or precision.endswith("-true")
        owned = self._as_held(compute) if is_cast and engine.kind != "deepspeed" else self.held
        step = self._step(compute, is_cast=is_cast, mask=1 if is_gpu else 4)
        overhead = DEVICE_OVERHEAD if is_gpu else 0
        return memory(owned, engine, compute_bytes=compute.itemsize, step=step, overhead=overhead)

    def sent(self, engine: Engine, precision: str, *, batches: int) -> dict[str, int]:
        """Item -> bytes that one process sends in an optimizer step of so many batches."""
        compute = COMPUTE[precision.partition("-")[0]]
        owned = self._as_held(compute) if precision.endswith("-true") else self.held
        return sent(owned, engine, compute_bytes=compute.itemsize, batches=batches)

    def _as_held(self, compute: torch.dtype) -> Held:
        """What the model holds when all floating-point weights have one type; `32-true` leaves them as they are."""
        if compute == torch.float32:
            return self.held
        factor = compute.itemsize / max(1, self.held.frozen_bytes // max(1, self.held.frozen))
        return Held(
            **{
                **vars(self.held),
                "frozen_bytes": self.held.frozen * compute.itemsize,
                "trained_bytes": self.held.trained * compute.itemsize,
                "block_bytes": int(self.held.block_bytes * factor),
                "outside_bytes": int(self.held.outside_bytes * factor),
                "shared_bytes": int(self.held.shared_bytes * factor),
            }
        )

    def _step(self, compute: torch.dtype, *, is_cast: bool, mask: int) -> dict[str, int]:
        """Item -> bytes of one batch; of activations nothing where the sizes are unknown."""
        checkpointing = bool(self.language["gradient_checkpointing"])
        copies = 0
        if not is_cast and compute != torch.float32:
            copies = cast_copies(self.model, compute, checkpointing=checkpointing, planned=self.planned)
        if self.sizes is None:
            return {COPIES: copies}
        options = Options(
            checkpointing=checkpointing,
            eager=self.language["attention"] == "eager",
            num_heads=self.sizes.decoder.num_heads,
        )
        numbers = Numbers(compute.itemsize, residual_bytes(self.model, compute, is_cast=is_cast), mask)
        parts = {"vision": None, **self.model.parts()}
        widths: dict[str, int] = {name: layer.in_features for name, layer in parts["projections"].items()}  # type: ignore
        kept = kept_bytes(
            self.sizes,
            {name: adapters_of(part) for name, part in parts.items()},
            widths,
            lengths=self.lengths,
            numbers=numbers,
            options=options,
        )
        logits = logit_bytes(self.sizes, answer=self.lengths.answer, compute_bytes=compute.itemsize)
        return {
            "activations": self.rows * kept,
            "logits and loss": self.rows * logits,
            COPIES: copies,
        }

    def clip_flops(self) -> int | None:
        """Operations of one clip, forward and backward, and once more forward with gradient checkpointing.

        None where the sizes are unknown.
        """
        if self.sizes is None:
            return None
        lengths, decoder = self.lengths, self.sizes.decoder
        frames = lengths.frames if self.sees_images else 0
        flops = training_flops(
            self.sizes, positions=lengths.positions, answer=lengths.answer, streams=lengths.streams, frames=frames
        )
        if not self.language["gradient_checkpointing"]:
            return flops
        again = decoder.linear_flops(lengths.positions, 0) + decoder.attention_flops(lengths.positions**2)
        return flops + again + decoder.adapter_flops(lengths.positions)
