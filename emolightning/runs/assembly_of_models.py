"""Configuration -> what any model needs, trained or asked: settings, inputs and sequences. It is not Lightning's."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.benchmarks.registry import scale_of
from emolightning.config.corpora import SETTING, alone, corpora_of, has_corpora
from emolightning.config.families import family_of
from emolightning.errors import UserError
from emolightning.prompt.own_questions import own_questions
from emolightning.prompt.processor import Processor
from emolightning.prompt.questions import NO_SCALE, PLACES
from emolightning.records.inputs import Inputs, active_inputs
from emolightning.records.score_names import DIMENSIONS, number_scale


def plain(cfg: DictConfig | ListConfig) -> dict[str, Any]:
    """The resolved configuration as plain Python values."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def kept(cfg: DictConfig) -> dict[str, Any]:
    """All settings as a run keeps them: a scale that was typed as `none` is None, as one that nobody knows."""
    found = plain(cfg)
    if found["prompt"]["scale"] == NO_SCALE:
        found["prompt"]["scale"] = None
    return found


def keep_questions(cfg: DictConfig) -> None:
    """Put the sentences of a file, and the scale that they name, into the configuration, so that a run keeps them.

    Args:
        cfg: has `prompt`, `model` and `data`.

    Raises:
        UserError: the file cannot be read, or is none of questions; or there is no scale that a run's questions
            could name.
    """
    if cfg.prompt.questions is not None:
        cfg.prompt.questions = own_questions(plain(cfg.prompt)["questions"])
    given, is_of_a_run = cfg.prompt.scale, OmegaConf.select(cfg, "checkpoint") is not None
    if given == "data" or (given is None and not is_of_a_run):
        names_one = _names_a_scale(cfg)
        cfg.prompt.scale = scale_of_data(cfg) if names_one else None
        is_needed = given == "data" or _own_names_a_scale(cfg)
        if names_one and is_needed and cfg.prompt.scale is None:
            raise UserError(
                f"prompt.scale: nothing says what the lowest and the highest number of data={cfg.data.name} are, and "
                f"the question names them; say {_ways(cfg)}"
            )
    elif given == NO_SCALE and _own_names_a_scale(cfg):
        raise UserError(
            f"prompt.scale={NO_SCALE}: a question of prompt.questions names the scale; say prompt.scale=data for that "
            f"of the data, prompt.scale=[LOW,HIGH], or {WITHOUT}"
        )


WITHOUT = "take {low} and {high} out of prompt.questions"
"""What own questions need that name no scale."""


def _ways(cfg: DictConfig) -> str:
    """Return what can be said where data have no scale, or not the same."""
    ways = ["data.scale=[LOW,HIGH] with data=custom"]
    if has_corpora(cfg):
        unknown = [name for name in _that_name_a_scale(cfg) if scale_of_data(alone(cfg, name)) is None]
        ways = [f"{SETTING}.{name}.scale=[LOW,HIGH]" for name in unknown if "scale" in cfg.data.corpora[name]]
    without = WITHOUT if _own_names_a_scale(cfg) else f"prompt.scale={NO_SCALE}"
    return f"{', '.join([*ways, 'prompt.scale=[LOW,HIGH]'])}, or {without}"


def refuse_unused_scale(cfg: DictConfig) -> None:
    """Refuse a scale that the user gave and no question names.

    Args:
        cfg: of what starts from no run, since a run hands its scale on to whatever is asked; its scale as it was given.
    """
    given = plain(cfg.prompt)["scale"]
    if given not in (None, NO_SCALE) and not _names_a_scale(cfg):
        raise UserError(
            f"prompt.scale={given}: no question of this run names a scale; leave it out, ask for a number "
            "(prompt.task=valence), or put {low} and {high} into prompt.questions"
        )


def _names_a_scale(cfg: DictConfig) -> bool:
    """Whether a question has a place for one: one of the run's own, or a general one about a number."""
    if has_corpora(cfg):
        return bool(_that_name_a_scale(cfg))
    if _own_names_a_scale(cfg):
        return True
    prompt, family = plain(cfg.prompt), family_of(cfg.model)
    general = (_asked(prompt) & {*DIMENSIONS}) - {*own_questions(prompt["questions"])}
    alone_asked = ({**prompt, "task": task, "tasks": {}, "questions": None, "scale": None} for task in general)
    # A model that is not asked in words has empty questions.
    pools = (family.questions(each, labels=(), protocol=(), seed=0).pools[each["task"]] for each in alone_asked)
    return any(any(pool) for pool in pools)


def _own_names_a_scale(cfg: DictConfig) -> bool:
    """Whether one of the run's own questions has a place for one."""
    if has_corpora(cfg):
        return any(_own_names_a_scale(alone(cfg, name)) for name in corpora_of(cfg))
    prompt = plain(cfg.prompt)
    texts = own_questions(prompt["questions"])
    return any(place in text for task in _asked(prompt) for text in texts.get(task, ()) for place in PLACES)


def _asked(prompt: Mapping[str, Any]) -> set[str]:
    """Return the tasks that training asks, and the one that validations and evaluations do."""
    return {prompt["task"], *(task for task, weight in prompt["tasks"].items() if weight)}


def _that_name_a_scale(cfg: DictConfig) -> list[str]:
    """The corpora of several whose questions have a place for one: each may have tasks of its own."""
    return [name for name in corpora_of(cfg) if _names_a_scale(alone(cfg, name))]


def scale_of_data(cfg: DictConfig) -> list[float] | None:
    """Lowest and highest number of the clips' valence and arousal; None where neither a setting nor a card says it.

    Raises:
        UserError: corpora of several that are asked for numbers are not on one scale, or some of them on none.
    """
    if has_corpora(cfg):
        of_each = {name: scale_of_data(alone(cfg, name)) for name in _that_name_a_scale(cfg)}
        if any(scale != other for scale, other in pairwise(of_each.values())):
            shown = ", ".join(f"{name} {scale or 'not known'}" for name, scale in of_each.items())
            raise UserError(
                f"prompt.scale: the corpora are not on one scale ({shown}), and the question names one; say "
                f"{_ways(cfg)}"
            )
        return next(iter(of_each.values()), None)
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
