"""Configuration -> objects: the last place that sees a config. Everything below takes plain keyword arguments."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from pytorch_lightning.callbacks import LearningRateMonitor, ProgressBar
from torch import nn

from emolightning.config.building import build, explained_refusals
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.files.writing import write_whole
from emolightning.models.emotion_llama.build import require_settings, require_weights
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.prompt.sequence import PromptEncoder
from emolightning.records.inputs import active_inputs
from emolightning.scoring.scoring import Scoring
from emolightning.training.checkpoints.checkpoint_io import AtomicCheckpointIO
from emolightning.training.learner import EmotionLearner
from emolightning.training.lightning_internals import leave_signals_alone
from emolightning.training.optim.groups import parameter_groups


def plain(cfg: DictConfig | ListConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def save_config(cfg: DictConfig, path: Path) -> None:
    """Write the resolved configuration, whole or not at all: half of it would refuse every continuation of the run.

    Raises:
        CannotWrite: the previous file is still there.
    """
    write_whole(path, OmegaConf.to_yaml(OmegaConf.create(plain(cfg))))


def inputs_of(cfg: DictConfig) -> tuple[str, ...]:
    """The active inputs."""
    return active_inputs(list(cfg.modalities), plain(cfg.inputs))


def trained_parts(cfg: DictConfig) -> TrainedParts:
    """How each part trains; runs from before that was a setting trained as its defaults."""
    return build(cfg.model.train, "model.train") if "train" in cfg.model else TrainedParts()


def build_data(cfg: DictConfig, *, shuffle: tuple[str, ...] = (), stage: str | None = None) -> ClipDataModule:
    """The data of a run, read and checked: everything wrong with it is raised here, before any weights are touched.

    Args:
        cfg: the run.
        shuffle: inputs to exchange among the clips of an evaluated split.
        stage: `fit` for training, which needs answers to learn.
    """
    vision, language = build(cfg.model.vision, "model.vision"), build(cfg.model.language, "model.language")
    require_settings(vision, language, trained_parts(cfg))
    require_weights(vision, language)
    data = make_data(cfg, shuffle=shuffle)
    data.setup(stage)
    return data


def make_data(cfg: DictConfig, *, shuffle: tuple[str, ...] = ()) -> ClipDataModule:
    """The data module, with nothing read yet."""
    return build(
        cfg.data,
        "data",
        inputs=inputs_of(cfg),
        features=build(cfg.features, "features"),
        image_size=cfg.model.vision.image_size,
        task=cfg.prompt.task,
        tasks=plain(cfg.prompt).get("tasks"),
        prompt_labels=plain(cfg.prompt).get("labels"),
        pool=cfg.prompt.pool,
        shuffle=shuffle,
    )


def build_scoring(cfg: DictConfig) -> Scoring:
    """What turns the answers of a validation or an evaluation into scores."""
    return build(cfg.scoring, "scoring")


def build_learner(
    cfg: DictConfig,
    data: ClipDataModule,
    *,
    sees: dict[str, Any] | None = None,
    is_empty: bool = False,
    **training: Any,
) -> EmotionLearner:
    """Model and learner; the data module learns how to encode for the model's tokenizer.

    Args:
        cfg: the run.
        data: already read.
        sees: `inputs` and `feature_widths` of the model, where they are not those of the data.
        is_empty: the language model gets its weights from the first rank, when training starts.
        **training: arguments of EmotionLearner.
    """
    sees = sees or {"inputs": inputs_of(cfg), "feature_widths": data.feature_widths}
    model = build(cfg.model, "model", is_empty=is_empty, **sees)
    encoder = PromptEncoder(model.tokenizer, image_tokens=model.image_tokens, layout=cfg.prompt.layout)
    data.use_encoder(encoder)
    if cfg.accumulation == "sum":
        training["summed_batches"] = cfg.trainer.accumulate_grad_batches
    return EmotionLearner(
        model, labels=data.labels, seed=cfg.seed, generation=Generation(**plain(cfg.evaluation)), **training
    )


def build_optimizer(cfg: DictConfig) -> Any:
    """What makes the optimizer of some parameters; tried on two of them, since only the optimizer knows its values.

    Raises:
        UserError: it refuses them.
    """
    make = build(cfg.optimizer, "optimizer")
    with explained_refusals("optimizer"):
        make(parameter_groups(nn.Linear(2, 2)))
    return make


def build_trainer(cfg: DictConfig, **objects: Any) -> Any:
    """Lightning's trainer with the configured loggers and callbacks."""
    settings = plain(cfg.trainer)
    if cfg.accumulation == "sum":  # The learner adds them up: the trainer would divide, and flush at an epoch's end.
        settings["accumulate_grad_batches"] = 1
    loggers = [build(node, f"logger.{name}") for name, node in (cfg.logger or {}).items()]
    callbacks = [build(node, f"callbacks.{name}") for name, node in (cfg.callbacks or {}).items()]
    if not loggers:  # Lightning's monitor refuses to watch for nobody.
        callbacks = [callback for callback in callbacks if not isinstance(callback, LearningRateMonitor)]
    if not OmegaConf.select(cfg, "trainer.enable_progress_bar", default=True):
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    trainer = build(
        settings,
        "trainer",
        logger=loggers,
        callbacks=[*callbacks, *objects.pop("callbacks", [])],
        plugins=[AtomicCheckpointIO()],
        default_root_dir=cfg.output_dir,
        **objects,
    )
    leave_signals_alone(trainer)
    return trainer


def adapter_description(cfg: DictConfig, data: ClipDataModule) -> dict[str, Any]:
    """What one needs beside the weights to rebuild the model and ask it the same question."""
    return {
        "model": plain(cfg.model),
        "features": plain(cfg.features),
        "feature_widths": data.feature_widths,
        "inputs": list(inputs_of(cfg)),
        "labels": list(data.labels),
        "offered": list(data.offered),
        "prompt": plain(cfg.prompt),
        "frame": data.frame,
    }
