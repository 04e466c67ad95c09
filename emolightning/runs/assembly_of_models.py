"""Configuration -> what any model needs, trained or asked: settings, inputs and sequences. It is not Lightning's."""

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.config.families import family_of
from emolightning.prompt.processor import Processor
from emolightning.records.inputs import Inputs, active_inputs


def plain(cfg: DictConfig | ListConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def inputs_of(cfg: DictConfig) -> Inputs:
    """The active inputs."""
    return active_inputs(family_of(cfg.model).inputs, list(cfg.modalities), plain(cfg.inputs))


def build_processor(cfg: DictConfig) -> Processor:
    """What turns clips into batches."""
    return family_of(cfg.model).processor(plain(cfg.model), layout=cfg.prompt.layout)
