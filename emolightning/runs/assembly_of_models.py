"""Configuration -> what any model needs, trained or asked: settings, inputs and sequences. It is not Lightning's."""

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.config.families import family_of
from emolightning.prompt.own_questions import own_questions
from emolightning.prompt.processor import Processor
from emolightning.records.inputs import Inputs, active_inputs


def plain(cfg: DictConfig | ListConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def keep_questions(cfg: DictConfig) -> None:
    """Put the sentences of a file into the configuration: what is saved of a run must not depend on it.

    Raises:
        UserError: the file cannot be read, or is none of questions.
    """
    if cfg.prompt.questions is not None:
        cfg.prompt.questions = own_questions(plain(cfg.prompt)["questions"])


def inputs_of(cfg: DictConfig) -> Inputs:
    """The active inputs, of those that the model can take."""
    return active_inputs(family_of(cfg.model).takes(plain(cfg.model)), list(cfg.modalities), plain(cfg.inputs))


def untrained(model: dict[str, Any]) -> dict[str, Any]:
    """The settings of a model that is asked as it is: nothing of it trains, so it gets no adapters.

    >>> untrained({"path": "m", "train": {"language": "lora", "projections": "frozen"}})["train"]["language"]
    'frozen'
    """
    if "train" not in model:
        return model
    return {**model, "train": {**model["train"], "language": "frozen"}}


def build_processor(cfg: DictConfig) -> Processor:
    """What turns clips into batches."""
    return family_of(cfg.model).processor(plain(cfg.model), layout=cfg.prompt.layout)
