"""`python -m emolightning estimate model=NAME trainer=NAME [key=value ...]`: memory, time and cost of a training run.

Takes all settings of train.py; needs no weights, no data and no GPU:
  python -m emolightning estimate model=emotion_llama_7b trainer=one_gpu data.batch_size=4 gpu=A100 num_clips=28618
Memory is a formula of numbers of parameters; lengths of texts, utilisation and the overhead of CUDA are assumptions,
and marked so. Where the language model's folder is absent its sizes are those of the settings: Llama-2-7b's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.corpora import corpora_of, has_corpora
from emolightning.config.families import family_of, require_trainable
from emolightning.config.places import CONFIG_DIR
from emolightning.config.problems import not_one_of
from emolightning.errors import UserError

if TYPE_CHECKING:
    from emolightning.records.inputs import Inputs
    from emolightning.runs.estimate.estimating import Estimator

GB = 1e9

LABELS = tuple(f"label{number}" for number in range(6))
"""Stand-ins for the vocabulary; a model that classifies has a number for each."""


def main(argv: list[str]) -> int:
    """Compose, check, work out."""
    return run(estimate, "estimate", argv)


def estimate(cfg: DictConfig) -> None:
    """Print the tables, write JSON if asked."""
    check_config(cfg)
    require_trainable(cfg.model)
    if family_of(cfg.model).weights == "folder":
        raise UserError(
            "model=chat/transformers: how many tokens a clip becomes is known to the model's own processor alone, so "
            "its memory and time are not estimated; try a step of training with trainer.fast_dev_run=1"
        )
    peak = _peak(cfg)
    from emolightning.files.writing import write_json
    from emolightning.runs.assembly import load_of
    from emolightning.runs.endings.out_of_memory import less_memory
    from emolightning.runs.estimate.estimating import num_ranks
    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    if num_ranks(_plain(cfg.trainer)) is None:
        raise UserError(
            f"trainer.devices={cfg.trainer.devices} depends on the machine: say how many, trainer.devices=N"
        )
    estimator, is_from_folder = _estimator(cfg)
    result = {
        "model": {"sizes from": str(cfg.model.language.path) if is_from_folder else _settings(cfg)},
        **_memory(cfg, cfg.trainer, estimator),
        "time": _time(cfg, estimator, peak),
        "unknown": estimator.unknown,
        "context": _context(cfg, estimator, is_from_folder=is_from_folder),
        "assumptions": _assumptions(cfg, answers=estimator.rows // cfg.data.batch_size),
        "engines": _engines(cfg, estimator) if cfg.compare else [],
        "less_memory": less_memory(load_of(cfg)),
    }
    print("\n".join(lines(result, cfg.gpu_memory_gb)))
    if cfg.output:
        write_json(Path(cfg.output), result)
        print(f"written: {cfg.output}")


def _settings(cfg: DictConfig) -> str:
    return "settings of model.language" if "language" in cfg.model else "settings of model"


def _plain(node: DictConfig) -> dict[str, Any]:
    from emolightning.runs.assembly_of_models import plain

    return plain(node)


def _peak(cfg: DictConfig) -> float | None:
    """TFLOP/s of one GPU.

    Raises:
        UserError: a GPU that the table does not have.
    """
    from emolightning.runs.estimate.gpus import PEAK_TFLOPS, known_gpu

    if cfg.device_peak_tflops is not None or cfg.gpu is None:
        return cfg.device_peak_tflops
    name = known_gpu(cfg.gpu)
    if name is None:
        raise UserError(f"gpu: {not_one_of(cfg.gpu, PEAK_TFLOPS)}; or say device_peak_tflops=...")
    return PEAK_TFLOPS[name]


def _estimator(cfg: DictConfig) -> "tuple[Estimator, bool]":
    """Return the estimator of a model on meta, and whether the sizes are those of the model's folder."""
    from emolightning.models.family import Sees
    from emolightning.models.sizes.activations import Lengths
    from emolightning.models.sizes.on_meta import build_on_meta, has_folder, without_weights
    from emolightning.prompt.processor import SequenceProcessor
    from emolightning.records.inputs import named
    from emolightning.runs.assembly_of_models import inputs_of
    from emolightning.runs.estimate.estimating import Estimator

    settings, inputs, family = _plain(cfg.model), inputs_of(cfg), family_of(cfg.model)
    features, is_from_folder = named(inputs, "vectors"), has_folder(settings)
    model = build_on_meta(
        family.build,
        settings,
        sees=Sees(tuple(inputs), dict.fromkeys(features, cfg.feature_width), LABELS),
        vocabulary_size=cfg.vocabulary_size,
        with_folder=is_from_folder,
    )
    frames = _frames(cfg, inputs)
    processor = family.processor(without_weights(settings), layout=family.layouts[0])
    streams = {**dict.fromkeys(features, 1), **processor.frame_streams(frames)}
    if isinstance(processor, SequenceProcessor):
        streams = processor.in_sequence(streams)
    seen = sum(frames.values())
    lengths = Lengths(sum(streams.values()) + cfg.text_tokens, cfg.answer_tokens, streams, seen)
    sees = any(tower.is_trained or not cfg.precompute_vision for tower in model.towers().values())
    rows = cfg.data.batch_size * (_answers(cfg) if isinstance(processor, SequenceProcessor) else 1)
    estimator = Estimator(model, settings, lengths=lengths, rows=rows, sees_images=sees)
    return estimator, is_from_folder


def _answers(cfg: DictConfig) -> int:
    """Most answers that a clip teaches: with soft targets as many as there are people, or labels."""
    from emolightning.records.labels import vocabulary

    datasets = corpora_of(cfg).values() if has_corpora(cfg) else [cfg.data]
    soft = [data for data in datasets if data.get("targets") == "soft"]
    return max([1, *(min(len(data["annotators"] or ()), len(vocabulary(data["labels"]))) for data in soft)])


def _frames(cfg: DictConfig, inputs: "Inputs") -> dict[str, int]:
    """Frame input -> frames of a clip."""
    from emolightning.data.media.choice import parse_frame_choice
    from emolightning.records.inputs import named

    # A key of data modules; not of one that somebody else wrote.
    chosen = str(cfg.data.get("frame", "middle"))
    found = {name: inputs[name].frame for name in named(inputs, "frames")}
    return {
        name: cfg.frames if fixed is None and cfg.frames is not None else parse_frame_choice(fixed or chosen).num_frames
        for name, fixed in found.items()
    }


def _memory(cfg: DictConfig, trainer: DictConfig, estimator: "Estimator") -> dict[str, Any]:
    """Bytes per item for one trainer."""
    from emolightning.runs.estimate.estimating import engine_of, num_ranks

    settings = _plain(trainer)
    ranks = num_ranks(settings) or 1
    engine, precision = engine_of(settings, ranks), settings["precision"]
    is_gpu = settings["accelerator"] != "cpu"
    found = estimator.memory(engine, precision, is_gpu=is_gpu)
    return {
        "engine": engine.name,
        "precision": precision,
        "ranks": ranks,
        "effective_batch_size": cfg.data.batch_size * ranks * trainer.accumulate_grad_batches,
        "batch_size": cfg.data.batch_size,
        "accumulated": trainer.accumulate_grad_batches,
        "device_bytes": dict(found.device),
        "host_bytes": dict(found.host),
        "sent_bytes": estimator.sent(engine, precision, batches=trainer.accumulate_grad_batches),
        "device_gb": found.device_total / GB,
        "host_gb": found.host_total / GB,
    }


def _engines(cfg: DictConfig, estimator: "Estimator") -> list[dict[str, Any]]:
    """The same for every trainer of configs/trainer, with the command line's own settings of it."""
    from hydra import compose
    from hydra.core.hydra_config import HydraConfig

    from emolightning.config.sources import option_files
    from emolightning.runs.estimate.estimating import num_ranks

    words = [word for word in HydraConfig.get().overrides.task if word.split("=")[0] != "trainer"]
    chosen, found = HydraConfig.get().runtime.choices.get("trainer"), []
    for path in option_files(CONFIG_DIR, "trainer"):
        name = f"trainer={path.stem}"
        own = compose("estimate", [name]).trainer
        is_alone = num_ranks(_plain(own)) == 1
        # One GPU stays one, however many the others have.
        kept = [
            word for word in words if not (is_alone and word.startswith(("trainer.devices=", "trainer.num_nodes=")))
        ]
        if path.stem != chosen:  # An engine's own settings are of that one alone.
            kept = [word for word in kept if not word.lstrip("+~").startswith("trainer.strategy")]
        trainer = compose("estimate", [*kept, name]).trainer
        if trainer.accelerator == "cpu" and cfg.trainer.accelerator != "cpu":
            continue
        found.append({"trainer": path.stem, **_memory(cfg, trainer, estimator)})
    return found


def _time(cfg: DictConfig, estimator: "Estimator", peak: float | None) -> dict[str, Any]:
    """Operations, and what follows from a peak, a number of clips and a price."""
    from emolightning.runs.estimate.estimating import num_ranks

    ranks = num_ranks(_plain(cfg.trainer)) or 1
    effective = cfg.data.batch_size * ranks * cfg.trainer.accumulate_grad_batches
    clips = cfg.num_clips
    per_epoch = cfg.data.get("batches_per_epoch")  # A key of data modules; not of one that somebody else wrote.
    if per_epoch:
        clips = per_epoch * cfg.data.batch_size * ranks
    flops = estimator.clip_flops()
    found: dict[str, Any] = {}
    if flops is not None:
        found |= {"gflop_per_clip": flops / 1e9, "tflop_per_step": flops * effective / 1e12}
    if clips:
        found |= {"clips_per_epoch": clips, "steps_per_epoch": -(-clips // effective)}
    if peak and flops is not None:
        seconds = flops / (peak * 1e12 * cfg.utilisation)
        found |= {"peak_tflops": peak, "seconds_per_step": seconds * effective / ranks}
        if clips:
            hours = clips * seconds / ranks / 3600
            found |= {"hours_per_epoch": hours, "hours": hours * max(1, cfg.trainer.max_epochs)}
            if cfg.price_per_gpu_hour is not None:
                found["cost"] = found["hours"] * ranks * cfg.price_per_gpu_hour
    return found


def _context(cfg: DictConfig, estimator: "Estimator", *, is_from_folder: bool) -> dict[str, Any]:
    """The assumed sequence beside the positions of the language model."""
    from emolightning.models.parts.context import context_of

    model: Any = estimator.model
    if "language" not in model.parts():
        return {}
    language, lengths = model.language, estimator.lengths
    path = cfg.model.language.path if is_from_folder else None
    source = f"{path}/config.json, max_position_embeddings" if path else "model.language.max_positions"
    context = context_of(language.config, model.tokenizer.hugging_face, source=source)
    streams = dict(lengths.streams)
    # A text ends with the answer that is learned; a validation may generate more.
    generated = max(0, cfg.evaluation.max_new_tokens - lengths.answer)
    return {
        "positions": lengths.positions + generated,
        "of_model": context.positions,
        "source": context.source,
        "streams": streams,
        "text": lengths.positions - sum(streams.values()) + generated,
        "frames": lengths.frames,
    }


def _context_lines(found: Mapping[str, Any]) -> list[str]:
    """What is assumed of a sequence; a problem where it does not fit."""
    if not found:
        return []
    parts = [f"{name} {number}" for name, number in found["streams"].items()] + [f"text and answer {found['text']}"]
    said = f"{found['positions']} positions a sequence: {', '.join(parts)}"
    if found["of_model"] is None:
        return [f"context: {said}; the language model has no limit"]
    if found["positions"] <= found["of_model"]:
        return [f"context: {said}; the language model has {found['of_model']}"]
    frames = f"fewer frames, data.frame=even:N (now {found['frames']}), " if found["frames"] > 1 else ""
    return [
        f"problem: {said}; the language model has {found['of_model']} ({found['source']}), and a run would be refused: "
        f"say {frames}fewer text_tokens=N, or a language model with more positions"
    ]


def _assumptions(cfg: DictConfig, *, answers: int) -> list[str]:
    """What no formula says.

    Args:
        cfg: of the command.
        answers: that a clip may teach.
    """
    from emolightning.runs.estimate.memory import DEVICE_OVERHEAD

    soft = (
        f"data.targets=soft: memory is of a batch in which each clip has {answers} answers, one for each label with "
        f"votes; time and cost are of one answer a clip, and up to {answers} times as much where people disagree"
    )
    return [
        *([soft] if answers > 1 else []),
        f"text_tokens={cfg.text_tokens} and answer_tokens={cfg.answer_tokens} of each clip, the longest that there is",
        f"CUDA and allocator: {DEVICE_OVERHEAD / GB:.1f} GB of a GPU, whatever the model",
        "activations: what autograd keeps; the layer at work needs up to 15 % more",
        "loading: the first process holds the whole model in main memory once, the others all but the language model; "
        "a quantised one all of it",
        f"utilisation={cfg.utilisation:g} of the peak; validation, reading and saving take no time",
    ]


def lines(result: Mapping[str, Any], sizes: Sequence[float]) -> list[str]:
    """What is printed."""
    batch, ranks, accumulated = result["batch_size"], result["ranks"], result["accumulated"]
    printed = [
        f"engine: {result['engine']}, {ranks} process(es), {result['precision']}; sizes from "
        f"{result['model']['sizes from']}",
        f"effective batch size {result['effective_batch_size']} = data.batch_size {batch} x {ranks} process(es) x "
        f"{accumulated} accumulated",
        "",
        f"{'one GPU or process':<32}{'GB':>10}",
    ]
    printed += _items(result["device_bytes"], result["device_gb"])
    printed += ["", f"{'main memory of one machine':<32}{'GB':>10}", *_items(result["host_bytes"], None), ""]
    if any(result["sent_bytes"].values()):
        printed += [f"{'sent by one in an optimizer step':<32}{'GB':>10}", *_items(result["sent_bytes"], None), ""]
    printed += _time_lines(result["time"], result["unknown"])
    printed += ["", *_context_lines(result["context"])]
    if result["engines"]:
        marks = "".join(f"{f'{size:g} GB':>8}" for size in sizes)
        printed += ["", f"{'trainer':<20}{'engine':<44}{'GPUs':>5}{'GB each':>9}{'GB main':>9}{'GB sent':>9}{marks}"]
        printed += [_engine_line(row, sizes) for row in result["engines"]]
    printed += ["", "what needs less, in this order", *(f"  {line}" for line in result["less_memory"])]
    return [*printed, "", "assumed, everything else is computed", *(f"  {line}" for line in result["assumptions"])]


def _items(found: Mapping[str, int], total: float | None) -> list[str]:
    rows = [f"  {name:<30}{size / GB:>10.3f}" for name, size in found.items() if size]
    return rows if total is None else [*rows, f"  {'together':<30}{total:>10.3f}"]


TIME = {
    "gflop_per_clip": "GFLOP a clip",
    "tflop_per_step": "TFLOP an optimizer step",
    "clips_per_epoch": "clips an epoch",
    "steps_per_epoch": "optimizer steps an epoch",
    "peak_tflops": "TFLOP/s, peak of a GPU",
    "seconds_per_step": "seconds an optimizer step",
    "hours_per_epoch": "hours an epoch",
    "hours": "hours of trainer.max_epochs",
    "cost": "cost at price_per_gpu_hour",
}
"""Key of the result -> words."""

HINTS = {
    "steps_per_epoch": "steps and hours: say num_clips=N",
    "peak_tflops": "seconds and hours: say gpu=A100, or device_peak_tflops=N",
}
"""Key that is absent -> what would bring it."""


def _time_lines(found: Mapping[str, Any], unknown: str | None) -> list[str]:
    rows = [f"  {TIME[name]:<30}{value:>12,.4g}" for name, value in found.items()]
    if unknown is not None:
        return ["time", *rows, f"  operations, activations and with them seconds and hours are unknown: {unknown}"]
    return ["time", *rows, *(f"  ({hint})" for name, hint in HINTS.items() if name not in found)]


def _engine_line(row: Mapping[str, Any], sizes: Sequence[float]) -> str:
    marks = "".join(f"{'fits' if row['device_gb'] <= size else '-':>8}" for size in sizes)
    sent = sum(row["sent_bytes"].values()) / GB
    numbers = f"{row['ranks']:>5}{row['device_gb']:>9.2f}{row['host_gb']:>9.2f}{sent:>9.2f}"
    return f"{row['trainer']:<20}{row['engine']:<44}{numbers}{marks}"
