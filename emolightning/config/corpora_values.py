"""Settings of `data=several` that no run can mean."""

import re
from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from emolightning.config.corpora import (
    NO_CORPORA,
    OF_ALL,
    OF_SHARE,
    SETTING,
    SEVERAL,
    TARGET,
    by_epoch,
    corpora_of,
    datasets,
    has_corpora,
    labels_of_all,
    renamed,
    weight_at,
)
from emolightning.config.problems import Problem, not_one_of
from emolightning.errors import UserError, quoted_override
from emolightning.records.labels import vocabulary

EXAMPLE = "'data.corpora={meld: 2, iemocap: 1}'"

_BY_LABEL = "goes by the labels of all clips, and here the weights of corpora say what is drawn; leave it out"
OF_ONE_DATASET = {
    "data.sampling": (_BY_LABEL, "none"),
    "loss.class_weights": (_BY_LABEL, None),
    "likelihood.prior_correction": ("is for one question, and each corpus asks its own; say data=NAME", False),
}
"""Setting that several corpora cannot have -> why, and the value that leaves it out."""


def check_corpora(cfg: DictConfig, *, tasks: Collection[str], trains: bool) -> list[Problem]:
    """What is wrong with the corpora, their weights and what is said of all of them.

    Args:
        cfg: the configuration, its corpora filled as far as they can be.
        tasks: that the model can be asked.
        trains: whether it is a training, which has epochs.
    """
    if OmegaConf.select(cfg, f"against.{TARGET}", default=None) == SEVERAL:
        return [Problem("against", "is one dataset: name one corpus after the other, against=NAME")]
    if not has_corpora(cfg):
        return []
    corpora = corpora_of(cfg)
    if not corpora:
        lacks = not _value(cfg, SETTING, None)
        return [
            Problem(SETTING, f"{'is required:' if lacks else 'must'} name the corpora, each with its weight: {EXAMPLE}")
        ]
    problems = [problem for name, given in corpora.items() for problem in _check_one(cfg, name, given, tasks)]
    if problems:
        return problems
    problems = [*_check_val_on(cfg, corpora), *_check_twice(corpora), *_check_labels(cfg, corpora)]
    return [*problems, *(_check_epochs(cfg, corpora) if trains else ()), *_check_others(cfg)]


def refuse_corpora(cfg: DictConfig) -> list[Problem]:
    """Say that a command is for one corpus, and nothing else of the corpora."""
    said = "several is trained and evaluated on; here say data=NAME, one corpus at a time"
    return [Problem("data", said)] if has_corpora(cfg) else []


def _check_one(cfg: DictConfig, name: str, given: Any, tasks: Collection[str]) -> list[Problem]:
    key = f"{SETTING}.{name}"
    if not re.fullmatch(r"[\w-]+", name):
        return [Problem(key, f"{name!r} must be a word of letters, digits, _ and -: it begins the ids of clips")]
    if not isinstance(given, dict):
        return [Problem(key, f"must be a weight or settings, e.g. {{weight: 2, root: FOLDER}}, not {given!r}")]
    if TARGET not in given:
        option = given.get("data") or name
        if option in NO_CORPORA:
            return [Problem(f"{key}.data", f"{option!r} is several datasets itself; name those that it is made of")]
        said = f"; for clips of your own say {key}.data=custom" if "data" not in given else ""
        return [Problem(f"{key}.data", not_one_of(option, datasets()) + said)]
    of_all = [word for word in given if word in cfg.data and word not in OF_ALL]
    problems = [Problem(f"{key}.{word}", _said_of_all(f"data.{word}", given[word])) for word in of_all]
    problems += _check_weight(f"{key}.weight", given.get("weight"))
    problems += _check_tasks(f"{key}.tasks", given.get("tasks"), tasks)
    if "${" not in str(labels := given.get("labels")):  # Else it is not known yet what they are.
        problems += [Problem(f"{key}.labels", renamed(said, key, ["labels"])) for said in _wrong_labels(labels)]
    own, known = given.get("features"), _value(cfg, "features", None) or {}
    if not isinstance(own, Mapping):
        return problems
    return problems + [Problem(f"{key}.features", not_one_of(word, known)) for word in own if word not in known]


def _said_of_all(key: str, value: Any) -> str:
    """What to do with a setting that is said of one corpus, and is one for all, if they can have it."""
    why, usual = OF_ONE_DATASET.get(key, ("", None))
    return why if why and value != usual else f"is one for all corpora: say {quoted_override(key, value)}"


def _check_tasks(key: str, asked: Any, tasks: Collection[str]) -> list[Problem]:
    """Tasks and weights; what is no mapping to numbers is reported with its type."""
    if not isinstance(asked, Mapping) or not asked:
        return []
    if unknown := [Problem(key, not_one_of(task, tasks)) for task in asked if task not in tasks]:
        return unknown
    numbers = [weight for weight in asked.values() if isinstance(weight, int | float)]
    if len(numbers) < len(asked) or (all(0 <= weight < float("inf") for weight in numbers) and any(numbers)):
        return []
    return [Problem(key, f"must be weights of 0 or more, one of them above 0, not {dict(asked)}")]


def _wrong_labels(labels: Any) -> list[str]:
    """What is wrong with a vocabulary; what is required, or of another type, is reported as that."""
    try:
        vocabulary(labels if isinstance(labels, str | list) and labels != "???" else ["any"])
    except UserError as error:
        return [str(error).removeprefix("labels: ")]
    return []


def _check_weight(key: str, weight: Any) -> list[Problem]:
    """A number of 0 or more, or one from each of some epochs on."""
    given = weight if isinstance(weight, Mapping) else {0: 1 if weight is None else weight}
    allowed = "must be a number of 0 or more, or one from each of some epochs on, {0: 1, 5: 0.2}"
    starts_well = all(isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0 for epoch in given)
    numbers = [value for value in given.values() if isinstance(value, int | float) and not isinstance(value, bool)]
    if given and starts_well and len(numbers) == len(given) and all(0 <= value < float("inf") for value in numbers):
        return []
    return [Problem(key, f"{allowed}, not {weight!r}")]


def _check_val_on(cfg: DictConfig, corpora: Mapping[str, Any]) -> list[Problem]:
    given = _value(cfg, "data.val_on", None)
    named = list(given) if isinstance(given, ListConfig) else []  # What else it may be is reported with its type.
    problems = [Problem("data.val_on", not_one_of(name, corpora)) for name in named if name not in corpora]
    for name, given in corpora.items():
        if not any(by_epoch(given.get("weight")).values()) and name not in named:
            said = (
                "must be above 0: nothing is drawn of this corpus. Leave it out, or validate on it alone, data.val_on"
            )
            problems.append(Problem(f"{SETTING}.{name}.weight", f"{said}=[{name}]"))
    return problems


def _check_twice(corpora: Mapping[str, Any]) -> list[Problem]:
    """Two names for the same clips."""
    plain: dict[str, Any] = {
        name: {key: value for key, value in given.items() if key not in OF_SHARE} for name, given in corpora.items()
    }
    said = "is the same corpus as {}.{}: leave one of both out, and give the other the weights of both"
    return [
        Problem(f"{SETTING}.{name}", said.format(SETTING, other))
        for other, name in combinations(plain, 2)
        if plain[name] == plain[other]
    ]


def _check_labels(cfg: DictConfig, corpora: Mapping[str, Any]) -> list[Problem]:
    found, wanted = _value(cfg, "data.labels", None), labels_of_all(corpora)
    given = list(found) if isinstance(found, ListConfig) else found
    if not wanted or not isinstance(given, str | list):
        return []
    if wrong := _wrong_labels(given):
        return [Problem("data.labels", said) for said in wrong]
    lacking = [label for label in wanted if label not in vocabulary(given)]
    said = f"must have all labels of the corpora; it lacks {', '.join(lacking)}"
    return [Problem("data.labels", said)] if lacking else []


def _check_epochs(cfg: DictConfig, corpora: Mapping[str, Any]) -> list[Problem]:
    """Weights that never count, and epochs of which nothing is drawn."""
    weights = {name: by_epoch(given.get("weight")) for name, given in corpora.items()}
    last = OmegaConf.select(cfg, "trainer.max_epochs", default=None)
    is_bounded = isinstance(last, int) and last > 0
    problems = [
        Problem(f"{SETTING}.{name}.weight", f"epoch {start} never comes: trainer.max_epochs={last}, the first is 0")
        for name, of_one in weights.items()
        for start in of_one
        if is_bounded and start >= last
    ]
    starts = sorted({0, *(start for of_one in weights.values() for start in of_one)})
    idle = [start for start in starts if not any(weight_at(of_one, start) for of_one in weights.values())]
    return problems + [Problem(SETTING, f"nothing is drawn in epoch {start}: all weights are 0") for start in idle[:1]]


def _check_others(cfg: DictConfig) -> list[Problem]:
    """Settings of other groups that are about the clips of one corpus."""
    of_folds = "says which val clips are validated on, and so do folds of all corpora; leave out one of both"
    found = [Problem(key, said) for key, (said, usual) in OF_ONE_DATASET.items() if _value(cfg, key, usual) != usual]
    is_divided = any(_value(cfg, key, None) for key in ("folds", "leave_one", "data.held_out"))
    return found + [Problem("data.val_on", of_folds)] * bool(_value(cfg, "data.val_on", None) and is_divided)


def _value(cfg: DictConfig, key: str, usual: Any) -> Any:
    """What is set; what cannot be resolved is reported once, for all keys."""
    try:
        return OmegaConf.select(cfg, key, default=usual)
    except OmegaConfBaseException:
        return usual
