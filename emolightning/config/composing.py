"""A composed configuration, as on a command line but inside of any program."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from emolightning.config.corpora import fill_corpora
from emolightning.config.foreign_files import trust
from emolightning.config.places import CONFIG_DIR
from emolightning.config.renamed import present_words
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.config.sources import SAVED_RUN, read_yaml

_ALONE = threading.RLock()
"""Hydra has one configuration a process."""


def prepare(config_name: str, words: Sequence[str], folder: Path = CONFIG_DIR) -> None:
    """Make known what Hydra needs before it composes: our settings, and the run that a command starts from.

    Raises:
        UserError: there is no such run, or it would run code of its own.
    """
    register_schemas()
    trust(folder)
    if SAVED_RUN in (read_yaml(folder / f"{config_name}.yaml").get("defaults") or ()):
        load_saved_run(words, folder, config_name)


@contextmanager
def in_hydra(config_name: str, words: Sequence[str], folder: Path = CONFIG_DIR) -> Iterator[DictConfig]:
    """The configuration; inside of the block Hydra knows it as that of its application.

    This is what `hydra.main` does for one job, which composes the configuration twice: first to learn that it is one.
    """
    before = HydraConfig.instance().cfg
    with initialize_config_dir(str(folder.resolve()), job_name=config_name, version_base="1.3"):
        cfg = compose(config_name, overrides=list(words), return_hydra_config=True)
        with read_write(cfg.hydra), open_dict(cfg.hydra):
            cfg.hydra.mode = RunMode.RUN
            cfg.hydra.runtime.output_dir = os.getcwd()
        HydraConfig.instance().set_config(cfg)
        try:
            with read_write(cfg), open_dict(cfg):
                del cfg["hydra"]
            fill_corpora(cfg)
            yield cfg
        finally:
            HydraConfig.instance().cfg = before


@contextmanager
def composed(config_name: str, words: Sequence[str]) -> Iterator[DictConfig]:
    """The configuration of a command, inside of any program, also of a Hydra application.

    Args:
        config_name: the primary config, e.g. `train`.
        words: as on the command line, `key=value`.

    Raises:
        ConfigError: Hydra cannot compose it; with all that is wrong.
        UserError: see `prepare`.
    """
    words, _ = present_words(words)
    with _ALONE:
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            prepare(config_name, words)
            with ExitStack() as stack:
                yield _entered(stack, config_name, words)
        finally:
            GlobalHydra.instance().hydra = outer


def _entered(stack: ExitStack, config_name: str, words: Sequence[str]) -> DictConfig:
    """The configuration in Hydra; overrides that are new to a dict get their `++`, as on the command line."""
    from emolightning.config.check import ConfigError
    from emolightning.config.dict_settings import new_keys
    from emolightning.config.errors import CONFIG_ERRORS, Launch, explain

    launch = Launch(CONFIG_DIR, config_name, list(words))
    try:
        return stack.enter_context(in_hydra(config_name, words))
    except CONFIG_ERRORS as error:
        new = new_keys(error, launch)
        if not new:
            raise ConfigError("configuration", explain(error, launch)) from None
    return _entered(stack, config_name, [f"++{word}" if word in new else word for word in words])
