"""In a process of tests, Hydra parses a file or an interpolation once, and not for each of thousands of configurations.

Only the time is another: each composition gets objects of its own, and a file that was changed is read again.
"""

import functools
import os
import pickle
from collections.abc import Callable
from typing import Any

import omegaconf.base
from hydra.core.config_store import ConfigStore
from hydra.plugins.config_source import ConfigResult

from emolightning.config.hydra_internals import FileConfigSource, ImportlibResourcesConfigSource

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
