"""In a process of tests, Hydra parses a file or an interpolation once, and not for each of thousands of configurations.

What the project's own files give together is also put together once for each choice of groups. Only the time is
another: each composition gets objects of its own, and a file that was changed is read again.
"""

import functools
import os
import pickle
from collections.abc import Callable
from typing import Any

import omegaconf.base
from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.defaults_list import DefaultsList, Overrides
from hydra.core.config_store import ConfigStore
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig

from emolightning.config.hydra_internals import FileConfigSource, ImportlibResourcesConfigSource
from emolightning.config.places import CONFIG_DIR
from emolightning.config.sources import SAVED_RUN

_parsed: dict[tuple[Any, ...], bytes] = {}
"""Place, file and its state -> what Hydra made of it, pickled: several times as fast as a copy."""


def parse_once() -> None:
    """Let Hydra's readers remember files of folders, and those of its own package."""
    FileConfigSource.load_config = _remembering(FileConfigSource.load_config, _state_of_file)
    ImportlibResourcesConfigSource.load_config = _remembering(
        ImportlibResourcesConfigSource.load_config, lambda source, _: source.path == "hydra.conf"
    )
    omegaconf.base.parse = functools.cache(omegaconf.base.parse)  # A tree of an interpolation is only walked through.
    ConfigStore.__deepcopy__ = lambda store, _: store  # Hydra copies all schemas with each reader, and only reads them.
    config_loader_impl.create_defaults_list = _listing_once(config_loader_impl.create_defaults_list)
    ConfigLoaderImpl._compose_config_from_defaults_list = _merging_once(
        ConfigLoaderImpl._compose_config_from_defaults_list
    )


def _origin(repo: Any) -> tuple[Any, ...] | None:
    """Where configurations come from: places, and the run that is read for `checkpoint=`.

    None if they are not from the project's own folder alone, in which no test writes.
    """
    places = tuple(source.path for source in repo.get_sources())
    folders = {source.path for source in repo.get_sources() if source.scheme() == "file"}
    saved = ConfigStore.instance().repo.get(f"{SAVED_RUN}.yaml")
    return (*places, pickle.dumps(saved)) if folders == {str(CONFIG_DIR)} else None


def _listing_once(create: Callable[..., DefaultsList]) -> Callable[..., DefaultsList]:
    """Choose files with `create` where other groups are chosen than before."""
    known: dict[tuple[Any, ...], DefaultsList] = {}

    def create_defaults_list(
        repo: Any, config_name: str | None, overrides_list: list[Any], prepend_hydra: bool, skip_missing: bool
    ) -> DefaultsList:
        overrides, origin = Overrides(repo=repo, overrides_list=overrides_list), _origin(repo)
        of_values = {id(override) for override in overrides.config_overrides}
        groups = tuple(override.input_line for override in overrides_list if id(override) not in of_values)
        key = (origin, config_name, prepend_hydra, skip_missing, groups)
        if key not in known:
            made = create(repo, config_name, overrides_list, prepend_hydra, skip_missing)
            if origin is None:
                return made
            known[key] = made
        found = known[key]
        overrides.known_choices = dict(found.overrides.known_choices)
        return DefaultsList(found.defaults, found.defaults_tree, overrides.config_overrides, overrides)

    return create_defaults_list


def _merging_once(merge: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    """Merge the files of a list with `merge` once."""
    known: dict[tuple[Any, ...], bytes] = {}

    def compose_from(loader: ConfigLoaderImpl, defaults: list[Any], repo: Any) -> DictConfig:
        key = (_origin(repo), *map(repr, defaults))
        if key[0] is None:
            return merge(loader, defaults, repo)
        if key not in known:
            known[key] = pickle.dumps(merge(loader, defaults, repo))
        return pickle.loads(known[key])

    return compose_from


def _remembering(load: Callable[..., ConfigResult], state_of: Callable[[Any, str], Any]) -> Callable[..., ConfigResult]:
    """Read with `load` what has no state or another one than before."""

    def load_config(source: Any, config_path: str) -> ConfigResult:
        state = state_of(source, config_path)
        key = (source.provider, source.path, config_path, state)
        if not state:
            return load(source, config_path)
        if key not in _parsed:
            _parsed[key] = pickle.dumps(load(source, config_path))
        return pickle.loads(_parsed[key])

    return load_config


def _state_of_file(source: Any, config_path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(os.path.join(source.path, source._normalize_file_name(config_path)))
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
