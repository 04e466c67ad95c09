"""Configuration -> what any model needs, trained or asked: settings, inputs and sequences. It is not Lightning's."""

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.benchmarks.registry import scale_of
from emolightning.config.corpora import alone, corpora_of, has_corpora
from emolightning.config.families import family_of
from emolightning.errors import UserError
from emolightning.prompt.own_questions import own_questions
from emolightning.prompt.processor import Processor
from emolightning.prompt.questions import PLACES
from emolightning.records.inputs import Inputs, active_inputs
from emolightning.records.score_names import DIMENSIONS, number_scale


def plain(cfg: DictConfig | ListConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def keep_questions(cfg: DictConfig) -> None:
    """Put the sentences of a file, and the scale that they name, into the configuration, so that a run keeps them.

    Args:
        cfg: has `prompt`, `model` and `data`.

    Raises:
        UserError: the file cannot be read, or is none of questions; or the data have no scale that a run's questions
            could name.
    """
    if cfg.prompt.questions is not None:
        cfg.prompt.questions = own_questions(plain(cfg.prompt)["questions"])
    is_of_a_run = OmegaConf.select(cfg, "checkpoint") is not None
    if cfg.prompt.scale is None and not is_of_a_run and _names_a_scale(cfg):
        cfg.prompt.scale = scale_of_data(cfg)
    elif cfg.prompt.scale == "data":
        cfg.prompt.scale = scale_of_data(cfg)
        if cfg.prompt.scale is None:
            raise UserError(
                f"prompt.scale=data: nothing says what the lowest and the highest number of data={cfg.data.name} are, "
                "and the question names them; say data.scale=[LOW,HIGH] with data=custom, or prompt.scale=[LOW,HIGH]"
            )


def _names_a_scale(cfg: DictConfig) -> bool:
    """Whether a question has a place for one: one of the run's own, or a general one about a number."""
    prompt, family = plain(cfg.prompt), family_of(cfg.model)
    own = prompt["questions"] or {}
    if any(place in text for texts in own.values() for text in texts for place in PLACES):
        return True
    general = ({prompt["task"], *prompt["tasks"]} & {*DIMENSIONS}) - {*own}
    asked = ({**prompt, "task": task, "tasks": {}, "questions": None} for task in general)
    # A model that is not asked in words has empty questions.
    return any(any(family.questions(each, labels=(), protocol=(), seed=0).pools[each["task"]]) for each in asked)


def scale_of_data(cfg: DictConfig) -> list[float] | None:
    """Lowest and highest number of the clips' valence and arousal; None where neither a setting nor a card says it.

    Raises:
        UserError: corpora of several are not on one scale.
    """
    if has_corpora(cfg):
        of_each = {name: scale_of_data(alone(cfg, name)) for name in corpora_of(cfg)}
        found = {name: scale for name, scale in of_each.items() if scale is not None}
        if len({*map(tuple, found.values())}) > 1:
            shown = ", ".join(f"{name} {scale}" for name, scale in found.items())
            raise UserError(f"prompt.scale: the corpora are not on one scale ({shown}), and the question names one")
        return next(iter(found.values()), None)
    given = OmegaConf.select(cfg, "data.scale")
    scale = number_scale(None if given is None else list(given), "data.scale") or scale_of(cfg.data.name)
    return None if scale is None else list(scale)


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
