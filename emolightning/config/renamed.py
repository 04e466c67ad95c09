"""Names that saved runs may still use: a run folder keeps those that were true when it was written."""

from typing import Any

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
    "emolightning.evaluation.judge_openai": "emolightning.scoring.judges.openai",
    "emolightning.evaluation.judge_original": "emolightning.scoring.judges.original",
    "emolightning.evaluation.open_vocabulary": "emolightning.scoring.open_vocabulary",
    "emolightning.evaluation.reasoning": "emolightning.scoring.reasoning",
    "emolightning.evaluation.scoring": "emolightning.scoring.scoring",
    "emolightning.evaluation.synonym_judge": "emolightning.scoring.judges.synonym_judge",
    "emolightning.model.build": "emolightning.models.emotion_llama.build",
    "emolightning.model.language": "emolightning.models.parts.language",
    "emolightning.model.lora": "emolightning.models.parts.lora",
    "emolightning.model.trained_parts": "emolightning.models.parts.trained_parts",
    "emolightning.model.vision": "emolightning.models.parts.vision",
    "emolightning.training.csv_log": "emolightning.training.loggers.csv_log",
    "emolightning.training.deepspeed_zero": "emolightning.training.engines.deepspeed_zero",
    "emolightning.training.fsdp": "emolightning.training.engines.fsdp",
    "emolightning.training.schedule": "emolightning.training.optim.schedule",
    "emolightning.training.tensorboard": "emolightning.training.loggers.tensorboard",
    "emolightning.training.tracking": "emolightning.training.loggers.tracking",
}
"""Module of a `_target_` up to version 0.1.0 of November 2026 -> where its classes are now."""


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
