"""`data=several`: what is said of each corpus, with what its own file in `configs/data/` says of the rest."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from emolightning.config.places import CONFIG_DIR
from emolightning.config.sources import option_files, option_name
from emolightning.errors import UserError
from emolightning.records.labels import vocabulary

SETTING = "data.corpora"
TARGET = "_target_"
SEVERAL = "emolightning.data.readers.several.SeveralData"
OF_ALL = (TARGET, "name", "labels", "corpora", "val_on")
"""Keys of `data=several` that are about the corpora together; each of the others is the same for every corpus."""

NO_CORPORA = ("several", "unibench")
"""Options of the group `data` that are several datasets themselves."""

_OF_ONE = re.compile(r"^data\.corpora\.[^.]+$")
_OWN_DATA = re.compile(r"(?<![\w/.])data\.([a-z_]+)")
"""How a dataset calls its settings; a file may be called `data.npz`."""


@dataclass(frozen=True)
class Share:
    """What is said of one corpus of several, beside the settings of its own `data=NAME`."""

    weight: Any = 1
    """Its share of the draws, in proportion to the weights of the others; `{0: 1, 5: 0.2}` is a weight from each of
    these epochs on, the first being 0. Before the first of them, and with weight 0, nothing is drawn of it."""
    tasks: dict[str, float] = field(default_factory=dict)
    """What training asks about its clips, task: weight, in place of `prompt.tasks`."""
    features: dict[str, Any] = field(default_factory=dict)
    """Settings of `features` that are other ones for it, e.g. {root: FOLDER}."""


OF_SHARE = tuple(Share.__dataclass_fields__)


def is_one(key: str) -> bool:
    """Return whether a key is a corpus of several, which has the settings that `data` has."""
    return _OF_ONE.match(key) is not None


def has_corpora(cfg: DictConfig) -> bool:
    """Whether the data are several corpora."""
    return bool(OmegaConf.select(cfg, f"data.{TARGET}", default=None) == SEVERAL)


def corpora_of(cfg: DictConfig) -> dict[str, Any]:
    """What is said of each corpus, as plain values; nothing of other data."""
    found = _found(cfg) if has_corpora(cfg) else None
    if found is None:
        return {}
    try:
        plain: Any = OmegaConf.to_container(found, resolve=True)
    except OmegaConfBaseException:  # The check says which interpolation leads nowhere.
        plain = OmegaConf.to_container(found, resolve=False)
    return {str(name): given for name, given in plain.items()}


def _found(cfg: DictConfig) -> DictConfig | None:
    """The corpora as they are written; None where they are no mapping, or lead nowhere, which the check says."""
    try:
        found = OmegaConf.select(cfg, SETTING, default=None)
    except OmegaConfBaseException:
        return None
    return found if isinstance(found, DictConfig) else None


def datasets() -> list[str]:
    """Return the options of the group `data` that can be one corpus.

    Those of a folder of the user's are among them.
    """
    if GlobalHydra.instance().is_initialized():
        names = GlobalHydra.instance().config_loader().get_group_options("data")
    else:
        names = [option_name(CONFIG_DIR, "data", path) for path in option_files(CONFIG_DIR, "data")]
    return [name for name in names if name not in NO_CORPORA and not name.startswith("_")]


def fill_corpora(cfg: DictConfig) -> None:
    """Give each corpus the settings of its option that nobody changed.

    `data.labels` gets the labels of all. From here on the configuration says everything, as that of other data does.
    What cannot be filled stays as it is, and the check of the configuration names it.

    Args:
        cfg: as composed, inside of a Hydra application.
    """
    if not has_corpora(cfg):
        return
    with open_dict(cfg):
        if (found := _found(cfg)) is not None:
            plain: Any = OmegaConf.to_container(found, resolve=False)
            cfg.data.corpora = {str(name): given for name, given in plain.items()}  # A name may be written as a number.
        for name, given in corpora_of(cfg).items():
            if given is None:
                del cfg.data.corpora[name]
            elif isinstance(given, int | float):
                cfg.data.corpora[name] = {"weight": given}
        options = {
            name: str(given.get("data") or name)
            for name, given in corpora_of(cfg).items()
            if isinstance(given, dict) and TARGET not in given and re.fullmatch(r"[\w-]+", name)
        }
        options = {name: option for name, option in options.items() if option in datasets()}
        if options:
            placed = [f"+data@{SETTING}.{name}={option}" for name, option in options.items()]
            files = compose("train", overrides=["data=several", *placed]).data.corpora
            for name in options:
                cfg.data.corpora[name] = _filled(cfg, files[name], corpora_of(cfg)[name])
        if not OmegaConf.is_interpolation(cfg.data, "labels") and cfg.data.get("labels") is None:
            cfg.data.labels = labels_of_all(corpora_of(cfg))


def _filled(cfg: DictConfig, file: DictConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of one corpus as plain values.

    What is the same for all is left to `data`.
    """
    own = {key: value for key, value in given.items() if key not in (*OF_SHARE, "data")}
    run = cfg.copy()
    OmegaConf.set_struct(file, False)
    with open_dict(run):
        run.data = OmegaConf.merge(file, _of_every_corpus(cfg))
        for key, value in own.items():
            _put(run.data, key, value)
    try:
        settings: Any = OmegaConf.to_container(run.data, resolve=True)
    except OmegaConfBaseException:
        settings = OmegaConf.to_container(run.data, resolve=False)
    of_all = set(_of_every_corpus(cfg)) - set(own)
    share = {key: given[key] for key in OF_SHARE if key in given}
    return {**share, **{key: value for key, value in settings.items() if key not in of_all}}


def _put(settings: DictConfig, key: str, value: Any) -> None:
    """Merge one setting into others; of another kind than the one there it takes its place, and the check says so."""
    try:
        settings.merge_with({key: value})
    except OmegaConfBaseException:
        settings[key] = value


def _of_every_corpus(cfg: DictConfig) -> dict[str, Any]:
    """The keys of `data` that each corpus has as they are there."""
    plain: Any = OmegaConf.to_container(cfg.data, resolve=False)
    return {str(key): value for key, value in plain.items() if key not in OF_ALL}


def labels_of_all(corpora: Mapping[str, Any]) -> list[str]:
    """Return the labels of the corpora, in their order, each once.

    Corpora whose labels cannot be read are left out.
    """
    found: dict[str, None] = {}
    for given in corpora.values():
        try:
            found |= dict.fromkeys(vocabulary(given.get("labels") or ()))
        except (UserError, AttributeError, TypeError):  # The check, or its reader, says why.
            continue
    return list(found)


def alone(cfg: DictConfig, name: str) -> DictConfig:
    """The configuration of a run on one corpus of several.

    Args:
        cfg: of a run on several, filled.
        name: of the corpus.
    """
    given, found = cfg.data.corpora[name], cfg.copy()
    own = {key: value for key, value in given.items() if key not in OF_SHARE}
    with open_dict(found):
        # A fold divides the clips of all corpora.
        found.data = {**_of_every_corpus(cfg), **own, "held_out": None}
        if tasks := given.get("tasks"):
            found.prompt.tasks = dict(tasks)
        if features := given.get("features"):
            found.features = OmegaConf.merge(found.features, features)
    return found


def by_epoch(weight: float | Mapping[int, float] | None) -> dict[int, float]:
    """Epoch -> weight from there on.

    >>> by_epoch(2), by_epoch({3: 1, 0: 0.5})
    ({0: 2}, {0: 0.5, 3: 1})
    """
    if weight is None:
        return {0: 1}
    return dict(sorted(weight.items())) if isinstance(weight, Mapping) else {0: weight}


def weight_at(weights: Mapping[int, float], epoch: int) -> float:
    """The weight in an epoch.

    >>> [weight_at({1: 0.5, 3: 2}, epoch) for epoch in range(4)]
    [0.0, 0.5, 0.5, 2]
    """
    begun = [start for start in weights if start <= epoch]
    return weights[max(begun)] if begun else 0.0


def renamed(problem: str, prefix: str, keys: Collection[str]) -> str:
    """A problem of one dataset of several with its settings as they are typed for several.

    >>> renamed("no file 'data.npz'; set data.truth", "data.sets.meld", {"truth"})
    "no file 'data.npz'; set data.sets.meld.truth"
    """
    return _OWN_DATA.sub(lambda match: f"{prefix}.{match[1]}" if match[1] in keys else match[0], problem)
