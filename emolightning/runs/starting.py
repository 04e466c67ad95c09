"""What a training run starts from: what must not be, the line that says what is, and the memory it will take."""

import logging
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from emolightning.config.problems import not_one_of
from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.datamodule import num_batches
from emolightning.data.loading.examples import ClipDataset
from emolightning.data.loading.settings import Loading
from emolightning.errors import UserError
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.lora import start_from_base
from emolightning.models.sizes.activations import Lengths
from emolightning.prompt.batching import most_rows
from emolightning.prompt.processor import Processor, SequenceProcessor
from emolightning.prompt.questions import target_text
from emolightning.records.clips import Clip
from emolightning.runs.endings.out_of_memory import copies_weights, less_memory
from emolightning.runs.estimate.estimating import Effective, Estimator
from emolightning.runs.estimate.load import Load
from emolightning.runs.estimate.memory import Memory
from emolightning.runs.weights import load_weights
from emolightning.scoring.scoring import Scoring, require_comparable
from emolightning.training.engines.deepspeed_zero import require_float16
from emolightning.training.learner import EmotionLearner

log = logging.getLogger(__name__)

MEASURED = 16
"""Training clips whose sequences are made to know how long they are."""

GB = 1e9


ALWAYS_LOGGED = ("val/loss", "train/loss")
"""Scores that every run logs, whatever its scoring."""

SHARDING = ("Fsdp", "deepspeed_zero")
"""Last names of the strategies in `configs/trainer/` that cut things into pieces."""


LIGHTNINGS_OWN = ("deepspeed", "fsdp", "model_parallel")
"""Beginnings of the names of Lightning's sharding strategies."""


def require_something_to_train(
    parts: Mapping[str, str], *, fresh_parts: Collection[str] = ("projections",), has_weights: bool
) -> None:
    """Refuse a run that would learn nothing, or that would keep random parts.

    Args:
        parts: part -> how it trains.
        fresh_parts: those that have no base.
        has_weights: whether the run starts from trained weights.

    Raises:
        UserError: says which setting to change.
    """
    if set(parts.values()) == {"frozen"}:
        given = " ".join(f"model.train.{name}=frozen" for name in parts)
        raise UserError(f"nothing would train: {given}; set one to full, or vision or language to lora")
    for part in fresh_parts:
        if parts.get(part) == "frozen" and not has_weights:
            raise UserError(
                f"model.train.{part}=frozen would keep random {part}; start from trained ones with init_from=..., "
                f"or say model.train.{part}=full"
            )


def require_engine(
    strategy: Any,
    *,
    accumulation: str,
    quantization: str,
    precision: str = "32-true",
    accelerator: str = "auto",
    averages: bool = False,
    init: str = "default",
) -> None:
    """Refuse settings that an engine cannot keep, before anything is read.

    Args:
        strategy: `trainer.strategy`, a name or what has `_target_`.
        accumulation: `mean` or `sum`.
        quantization: of the language model.
        precision: `trainer.precision`.
        accelerator: `trainer.accelerator`.
        averages: whether weights are averaged over steps.
        init: where LoRA begins.

    Raises:
        UserError: says which setting to change.
    """
    if isinstance(strategy, str) and strategy.startswith(LIGHTNINGS_OWN):
        raise UserError(
            f"trainer.strategy={strategy}: Lightning's own writes checkpoints that only as many processes can read; "
            "say trainer=deepspeed_zero2 (or _zero1, _zero3) or trainer=fsdp, which write one file"
        )
    target = "" if isinstance(strategy, str) else str(strategy["_target_"]).rpartition(".")[2]
    if target not in SHARDING:
        return
    if accumulation == "sum":
        raise UserError(
            f"accumulation=sum with trainer.strategy={target}: sums of gradients are carried over into the next epoch, "
            "which this engine cannot do; say accumulation=mean, or trainer=ddp to keep accumulation=sum"
        )
    if averages:
        raise UserError(
            f"ema_decay with trainer.strategy={target}: this engine keeps weights in pieces of its own, which are not "
            "averaged; say trainer=ddp or trainer=single, or leave ema_decay out"
        )
    if init != "default":
        raise UserError(
            f"model.lora.init={init} with trainer.strategy={target}: this engine would cut the frozen adapter into "
            "pieces; say trainer=ddp or trainer=single, or model.lora.init=default"
        )
    if quantization != "none" and (target == "Fsdp" or strategy["stage"] == 3):
        raise UserError(
            f"model.language.quantization={quantization}: packed weights cannot be cut into pieces; say "
            "trainer=deepspeed_zero2 or trainer=ddp, or model.language.quantization=none"
        )
    if target == "deepspeed_zero" and precision == "16-mixed":
        require_float16(accelerator)


def require_batches(trainer: Any, corpus: Corpus, loading: Loading) -> None:
    """Refuse limits and an interval that no epoch of these data can keep, before a model is built.

    Args:
        trainer: Lightning's, before it starts.
        corpus: already read.
        loading: sizes of batches.

    Raises:
        UserError: says what would fit.
    """
    train, val = num_batches(corpus, loading, trainer.world_size)
    overfit = "overfit_batches" if getattr(trainer, "overfit_batches", 0) else None  # It takes the place of both.
    require_part(f"trainer.{overfit or 'limit_train_batches'}", trainer.limit_train_batches, train)
    require_part(f"trainer.{overfit or 'limit_val_batches'}", trainer.limit_val_batches, val)
    limit, interval = trainer.limit_train_batches, getattr(trainer, "val_check_interval", None)  # None by the clock.
    in_epoch = int(train * limit) if isinstance(limit, float) else min(train, limit)
    if isinstance(interval, int) and interval > in_epoch and trainer.check_val_every_n_epoch is not None:
        raise UserError(
            f"trainer.val_check_interval={interval}: an epoch has {in_epoch} batch(es); say at most {in_epoch}, or "
            "trainer.check_val_every_n_epoch=null to count the batches of all epochs"
        )


def require_labels_learned(targets: str | None, tasks: Collection[str]) -> None:
    """Refuse soft targets where no label is learned.

    Args:
        targets: `data.targets`; None of data that have no such setting.
        tasks: that are learned.

    Raises:
        UserError: says which setting to change.
    """
    if targets == "soft" and "emotion" not in tasks:
        raise UserError(
            f"data.targets=soft: votes are for labels, the answers of task emotion, and this run learns "
            f"{', '.join(tasks)}; leave it out, or learn emotion as well (prompt.tasks.emotion=1)"
        )


def require_logged(monitors: Mapping[str, str], scoring: Scoring, *, more: Sequence[str] = ()) -> None:
    """Refuse to follow a score that no validation of the run will have, before anything is read.

    Args:
        monitors: setting -> the logged score that it names.
        scoring: of the validations.
        more: logged scores that these data add.

    Raises:
        UserError: says which scores there are.
    """
    names = [*ALWAYS_LOGGED, *(f"val/{name}" for name in scoring.names), *more]
    for key, name in monitors.items():
        if name not in names:
            raise UserError(f"{key}: with this scoring {not_one_of(name, names)}")


def require_scores(monitors: Mapping[str, str], scoring: Scoring, clips: Sequence[Clip]) -> None:
    """Refuse a validation split that the followed score cannot be computed on.

    Without any label a run may still follow its loss.

    Raises:
        UserError: nothing can be compared, or some clips have what the scoring cannot compare with.
    """
    has_truth = any(scoring.truth(clip) is not None for clip in clips)
    if has_truth or not set(monitors.values()) <= set(ALWAYS_LOGGED):
        require_comparable(clips, scoring, "val")


def require_part(setting: str, limit: int | float, batches: int) -> None:
    """Refuse a share of the batches that is less than one of them.

    Raises:
        UserError: says what would fit.
    """
    if isinstance(limit, float) and limit > 0 and batches and int(batches * limit) == 0:
        least = math.ceil(1000 / batches) / 1000
        raise UserError(
            f"{setting}={limit}: of {batches} batches that is less than one; say at least {least}, or a number of "
            f"batches such as {setting}=1"
        )


def take_start(
    learner: EmotionLearner,
    parts: Mapping[str, str],
    *,
    base: str | None,
    resume_from: Path | None,
    initial: Path | None,
) -> str:
    """Load the weights of `init_from`; what a run resumes from is left to Lightning.

    Args:
        learner: to be filled.
        parts: part -> how it trains.
        base: folder of the language model; None is a random one.
        resume_from: a checkpoint of this run.
        initial: weights of an earlier one. A part that was frozen there starts fresh here.

    Returns:
        One line that says of each part what it starts from.
    """
    if resume_from:
        loaded = [name for name, how in parts.items() if how != "frozen" or name in learner.model.fresh_parts]
    else:
        loaded = load_weights(learner.model, initial, may_start_fresh=True) if initial else []
        for part, module in learner.model.named_children():
            if part not in loaded:
                start_from_base(module)
    return describe_start(learner.model, parts, base=base, loaded=loaded, source=resume_from or initial)


def describe_start(
    model: EmotionModel, parts: Mapping[str, str], *, base: str | None, loaded: Collection[str], source: Path | None
) -> str:
    """What the model is, and which parts start fresh, from trained weights, or stay as they are."""
    groups: dict[str, list[str]] = {}
    for part, how in parts.items():
        origin = f"from {source}" if part in loaded else _origin(part in model.fresh_parts, how)
        groups.setdefault(origin, []).append(f"LoRA of {part}" if how == "lora" else part)
    said = "; ".join(f"{origin}: {', '.join(names)}" for origin, names in groups.items())
    return f"start: {model.describe(base)}; {said}"


def _origin(is_fresh: bool, how: str) -> str:
    """Where a part without trained weights begins."""
    if how == "frozen":
        return "frozen"
    return "fresh" if how == "lora" or is_fresh else "from its base, all weights"


def describe_load(load: Load, corpus: Corpus, processor: Processor, learner: EmotionLearner, trainer: Any) -> str:
    """Effective batch size, engine, and the memory that a process will need; a warning where its GPU has less.

    Args:
        load: what the run asks of the machine.
        corpus: already read.
        processor: of the model.
        learner: with its weights, wherever they are.
        trainer: Lightning's, before it starts.
    """
    effective = Effective(load.batch_size, trainer.world_size, load.accumulated)
    engine = load.engine(trainer.world_size)
    towers, has_rows = learner.model.towers().values(), isinstance(processor, SequenceProcessor)
    estimator = Estimator(
        learner.model,
        {"language": asdict(load.language)} if load.language is not None else {},
        lengths=_longest(corpus, processor),
        rows=most_rows(corpus.clips_of("train"), load.batch_size) if has_rows else load.batch_size,
        sees_images=any(tower.is_trained or not load.precomputes_vision for tower in towers),
    )
    device = trainer.strategy.root_device
    is_gpu = device.type == "cuda"
    expected = estimator.memory(engine, load.precision, is_gpu=is_gpu)
    nodes = f" on {trainer.num_nodes} machines" if trainer.num_nodes > 1 else ""
    without = f" and activations, which are unknown ({estimator.unknown})" if estimator.unknown else ""
    said = f"load: {effective}{nodes}; {engine.name}, about {expected.device_total / GB:.3g} GB{without} a process"
    if not is_gpu:
        return said
    available = torch.cuda.get_device_properties(device).total_memory
    if expected.device_total > available:
        log.warning("%s", too_little(load, expected, available))
    elif copies_weights(load):
        log.warning("memory: %s", next(line for line in less_memory(load) if line.startswith("model.language.dtype")))
    return f"{said} of {available / GB:.3g} GB\n{_largest(expected)}"


def too_little(load: Load, expected: Memory, available: int) -> str:
    """The warning before a step that will probably not fit."""
    lines = [f"  {number}. {line}" for number, line in enumerate(less_memory(load), start=1)]
    needed, there = expected.device_total / GB, available / GB
    head = f"this run needs about {needed:.3g} GB of a GPU with {there:.3g} GB; settings that need less:"
    return "\n".join([head, *lines])


def _largest(expected: Memory) -> str:
    items = sorted(expected.device.items(), key=lambda item: -item[1])
    return "      " + ", ".join(f"{name} {size / GB:.2f}" for name, size in items if size >= 0.005 * GB) + " GB"


def _longest(corpus: Corpus, processor: Processor) -> Lengths:
    """The largest lengths among a few training clips, which are spread over the split."""
    if not isinstance(processor, SequenceProcessor):
        return Lengths(0, 0, {}, 0)
    dataset = ClipDataset(corpus, "train", processor=processor, training=True)
    step = max(1, len(dataset) // MEASURED)
    positions, answer, frames, streams = 0, 0, 1, Counter[str]()
    for index in range(0, len(dataset), step)[:MEASURED]:
        example = dataset[0, index]
        encoded = processor.encode(example, target_text(example.clip, example.task))
        streams |= Counter(processor.stream_lengths(example))  # Of two Counters, the larger of each count.
        positions = max(positions, len(encoded.context) + len(encoded.answer))
        answer = max(answer, len(encoded.answer))
        frames = max(frames, sum(pictures.shape[0] for pictures in example.images.values()))
    return Lengths(positions, answer, streams, frames)
