"""Names of before: a run folder keeps those that were true when it was written, and users type what they learned."""

from collections.abc import Iterable
from typing import Any

from emolightning.config.sources import override_key

MODULES = {
    "callbacks.best_checkpoint": "emolightning.training.checkpoints.best_checkpoint",
    "callbacks.confusion_matrix": "emolightning.callbacks.confusion_matrix",
    "callbacks.early_stopping": "emolightning.training.stopping.early_stopping",
    "callbacks.graceful_stop": "emolightning.training.stopping.graceful_stop",
    "callbacks.gradient_norm": "emolightning.callbacks.gradient_norm",
    "callbacks.last_checkpoint": "emolightning.training.checkpoints.last_checkpoint",
    "callbacks.predictions": "emolightning.callbacks.predictions",
    "callbacks.sample_answers": "emolightning.callbacks.sample_answers",
    "callbacks.throughput": "emolightning.callbacks.throughput",
    "callbacks.trainable_parameters": "emolightning.callbacks.trainable_parameters",
    "emolightning.data.custom": "emolightning.data.readers.custom",
    "emolightning.data.dfew": "emolightning.benchmarks.dfew.reader",
    "emolightning.data.emer": "emolightning.benchmarks.emer.reader",
    "emolightning.data.features": "emolightning.data.stores.features",
    "emolightning.data.mer2023": "emolightning.benchmarks.mer2023.reader",
    "emolightning.data.mer2024": "emolightning.benchmarks.mer2024.reader",
    "emolightning.data.mer2024_ov": "emolightning.benchmarks.mer2024_ov.reader",
    "emolightning.data.synthetic.datamodule": "emolightning.benchmarks.synthetic.reader",
    "emolightning.data.upstream_rows": "emolightning.benchmarks.merr.reader",
    "emolightning.evaluation.judge_offline": "emolightning.scoring.judges.offline",
    "emolightning.evaluation.judge_openai": "emolightning.scoring.judges.server",
    "emolightning.evaluation.judge_original": "emolightning.scoring.judges.server",
    "emolightning.evaluation.open_vocabulary": "emolightning.scoring.open_vocabulary",
    "emolightning.evaluation.reasoning": "emolightning.scoring.reasoning",
    "emolightning.evaluation.scoring": "emolightning.scoring.classification",
    "emolightning.evaluation.synonym_judge": "emolightning.scoring.judges.server",
    "emolightning.model.build": "emolightning.models.emotion_llama.build",
    "emolightning.model.language": "emolightning.models.parts.language",
    "emolightning.model.lora": "emolightning.models.parts.lora",
    "emolightning.model.trained_parts": "emolightning.models.parts.trained_parts",
    "emolightning.model.vision": "emolightning.models.parts.vision",
    "emolightning.scoring.judges.openai": "emolightning.scoring.judges.server",
    "emolightning.scoring.judges.original": "emolightning.scoring.judges.server",
    "emolightning.scoring.judges.synonym_judge": "emolightning.scoring.judges.server",
    "emolightning.scoring.scoring": "emolightning.scoring.classification",
    "emolightning.training.csv_log": "emolightning.training.loggers.csv_log",
    "emolightning.training.deepspeed_zero": "emolightning.training.engines.deepspeed_zero",
    "emolightning.training.fsdp": "emolightning.training.engines.fsdp",
    "emolightning.training.schedule": "emolightning.training.optim.schedule",
    "emolightning.training.tensorboard": "emolightning.training.loggers.tensorboard",
    "emolightning.training.tracking": "emolightning.training.loggers.tracking",
}
"""Module of a `_target_` up to version 0.1.0 of November 2026 -> where its classes are now."""

SETTINGS = {
    "callbacks.early_stopping": "early_stopping",
    "callbacks.last": "checkpoints",
    "callbacks.best.monitor": "monitor.metric",
    "callbacks.best.mode": "monitor.mode",
}
"""Dotted key, or the beginning of one -> the present one."""

ADDED: dict[str, dict[str, Any]] = {
    "data": {"sampling": "none", "length_buckets": None, "held_out": None},
    "prompt": {"questions": None, "scale": None},
    "rates": {"lora_plus_ratio": 1.0, "layer_decay": 1.0, "parts": {}},
    "loss": {"class_weights": None, "focal_gamma": 0.0, "label_smoothing": 0.0},
    "augmentation": {
        **{"modality_dropout": 0.0, "input_dropout": {}, "masked_steps": 0.0, "masked_values": 0.0},
        **{"vector_noise": None, "sound_noise": None, "noise": None, "mixup": 0.0},
        **{"frame_flip": 0.0, "frame_jitter": 0.0, "frame_crop": 0.0, "frame_blur": 0.0},
    },
    "checkpoints": {"every_minutes": 0.0},
}
"""Settings that came later, with what runs did before; of a dataset only where a run has one."""

OF_CLASSES: dict[str, dict[str, Any]] = {
    "emolightning.data.readers.custom.CustomData": {
        **{"annotators": None, "ties": "refuse", "targets": "majority", "drop": None, "empty_transcript": "error"},
        **{"label_separator": None, "scale": None},
    },
    "torch.optim.AdamW": {"fused": None},
    "emolightning.models.parts.lora.LoraSettings": {"init": "default"},
    "emolightning.benchmarks.synthetic.reader.SyntheticData": {"mixed": False, "scale": [-1, 1]},
    "emolightning.benchmarks.meld.reader.MeldData": {"truth": None},
    "emolightning.benchmarks.iemocap.reader.IemocapData": {"truth": None},
    "emolightning.scoring.sentiment.Sentiment": {"answers": "exact"},
    "emolightning.training.loggers.tracking.WandbLog": {"media_clips": 60, "media_mb": 20.0},
}
"""The same of single datasets, kinds of scoring, loggers and optimizers, by their class."""

OWN = ("data", "optimizer", "scoring")
"""Groups that are an object of such a class."""

OF_OTHERS = ("data", "prompt")
"""Groups that get nothing where a run has none of them."""

BUILT_IN = {
    "early_stopping": "is no callback any more; say early_stopping.patience=N, or early_stopping.enabled=false",
    "last": "is no callback any more but saved in every run; say checkpoints.every_num_steps=N",
    "best": "is no callback any more but saved in every run; it follows monitor.metric and monitor.mode",
    "graceful_stop": "is no callback any more but part of every run; leave it out",
}
"""Entry that `callbacks` had -> what is said of it."""


def present_word(word: str) -> str | None:
    """An override of the command line with its present name; None for what every run does now anyway.

    >>> present_word("callbacks.last.every_num_steps=5"), present_word("seed=1"), present_word("~callbacks.best")
    ('checkpoints.every_num_steps=5', 'seed=1', None)
    """
    key = override_key(word)
    if word.startswith("~") and (name := key.removeprefix("callbacks.")) in BUILT_IN and name != key:
        return "early_stopping.enabled=false" if name == "early_stopping" else None
    for before, now in SETTINGS.items():
        if key == before or key.startswith(f"{before}."):
            return word.lstrip("+").replace(before, now, 1)  # The present keys are there, with and without a value.
    return word


def present_words(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """The overrides of a command line with their present names, and a sentence about each that had another."""
    found, notes = [], []
    for word in words:
        now = present_word(word)
        if now is not None:
            found.append(now)
        if now is None:
            notes.append(f"{word} does nothing: checkpoints and an orderly stop are parts of every run")
        elif now != word:
            notes.append(f"{word} is now written {now}, and read so")
    return found, notes


def saved_as_now(saved: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a saved run with the present names: classes, settings of callbacks, and later settings."""
    present = _with_added(with_present_names(saved))
    callbacks = present.get("callbacks")
    if not isinstance(callbacks, dict) or not BUILT_IN.keys() & callbacks.keys():
        return present
    return {
        **present,
        "callbacks": {name: node for name, node in callbacks.items() if name not in BUILT_IN},
        "early_stopping": _early_stopping(callbacks.get("early_stopping"), present.get("monitor")),
        "checkpoints": {
            **ADDED["checkpoints"],
            "every_num_steps": (callbacks.get("last") or {}).get("every_num_steps", 100),
        },
    }


def _with_added(saved: dict[str, Any]) -> dict[str, Any]:
    """The same with the settings that came later, so that an earlier run goes on and is known to be finished."""
    saved = {name: _with_own(node) if name in OWN else node for name, node in saved.items()}
    if isinstance(model := saved.get("model"), dict) and "lora" in model:
        saved["model"] = {**model, "lora": _with_own(model["lora"])}
    if isinstance(loggers := saved.get("logger"), dict):
        saved["logger"] = {name: _with_own(node) for name, node in loggers.items()}
    groups = {name: saved.get(name, None if name in OF_OTHERS else {}) for name in ADDED}
    new = {"folds": None, "leave_one": None, "shuffle": [], "ema_decay": 0.0, "lr_range_test": None, **saved}
    return new | {name: {**ADDED[name], **keys} for name, keys in groups.items() if isinstance(keys, dict)}


def _with_own(node: Any) -> Any:
    """An object with the settings of its class that came later."""
    if not isinstance(node, dict) or not isinstance(target := node.get("_target_"), str):
        return node
    found = {**OF_CLASSES.get(target, {}), **node}
    if isinstance(columns := found.get("columns"), dict) and "valence" in columns:
        found["columns"] = {"arousal": None, **columns}
    return found


def _early_stopping(callback: Any, monitor: Any) -> dict[str, Any]:
    """The settings of a run with this callback, or without one."""
    followed = monitor if isinstance(monitor, dict) else {}
    return {
        "enabled": callback is not None,
        "patience": None,
        "min_delta": 0.0,
        "monitor": followed.get("metric"),
        "mode": followed.get("mode"),
        "stopping_threshold": None,
        "divergence_threshold": None,
        **{key: value for key, value in (callback or {}).items() if key != "_target_"},
    }


def with_present_names(node: Any) -> Any:
    """Plain values with each `_target_` as it is called now.

    >>> with_present_names({"_target_": "emolightning.model.lora.LoraSettings", "r": 8})
    {'_target_': 'emolightning.models.parts.lora.LoraSettings', 'r': 8}
    """
    if isinstance(node, dict):
        return {key: _present(item) if key == "_target_" else with_present_names(item) for key, item in node.items()}
    return [with_present_names(item) for item in node] if isinstance(node, list) else node


def _present(target: Any) -> Any:
    module, dot, name = target.rpartition(".") if isinstance(target, str) else ("", "", "")
    return f"{MODULES[module]}.{name}" if dot and module in MODULES else target
